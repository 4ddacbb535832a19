// Einsum: sums of products over named axes.
#include "limn/ops/einsum.h"

#include <algorithm>
#include <set>

#include "limn/ops/build.h"
#include "limn/ops/diagnostics.h"
#include "limn/ops/families.h"
#include "limn/ops/infer.h"
#include "limn/ops/loops.h"
#include "limn/ops/wrapping.h"

namespace limn {
namespace {

constexpr std::string_view kEllipsis = "...";
/// As many axes as an ellipsis can stand for: '0' to '9'.
constexpr std::size_t kMostEllipsis = 10;

bool is_letter(char ch) { return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z'); }

Error wrong(const Node& node, std::string what) {
  return Error(ErrorCode::bad_input,
               "the equation '" + node.attrs.text("equation", "") + "' of an Einsum " + std::move(what),
               place_of(node));
}

/// A term such as "i...j", with the letters before and after its ellipsis.
struct Term {
  std::string before, after;
  bool ellipsis = false;

  std::size_t letters() const { return before.size() + after.size(); }
  std::string spelled(std::size_t ellipsis_axes) const {
    std::string middle;
    for (std::size_t i = ellipsis_axes; i-- > 0;) middle += static_cast<char>('0' + i);
    return before + middle + after;
  }
};

Term read_term(const Node& node, std::string_view text) {
  Term term;
  if (const auto dots = text.find(kEllipsis); dots != std::string_view::npos) {
    term.ellipsis = true;
    term.before = text.substr(0, dots);
    term.after = text.substr(dots + kEllipsis.size());
  } else {
    term.before = text;
  }
  if (!std::ranges::all_of(term.before, is_letter) || !std::ranges::all_of(term.after, is_letter))
    throw wrong(node, "has the term '" + std::string(text) + "', which is not letters and one ellipsis");
  return term;
}

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts(1);
  for (char ch : text) {
    if (ch == at)
      parts.emplace_back();
    else
      parts.back() += ch;
  }
  return parts;
}

/// Without "->": the ellipsis, then the letters that occur once, in the order of the alphabet.
std::string implied_result(const std::vector<std::string>& operands, std::size_t ellipsis_axes) {
  std::multiset<char> letters;
  for (const std::string& o : operands)
    for (char ch : o)
      if (is_letter(ch)) letters.insert(ch);
  std::string result = Term{}.spelled(ellipsis_axes);
  for (char ch : std::set<char>(letters.begin(), letters.end()))
    if (letters.count(ch) == 1) result += ch;
  return result;
}

void check_result(const Node& node, const EinsumEquation& e) {
  for (std::size_t i = 0; i < e.result.size(); ++i) {
    if (e.result.find(e.result[i], i + 1) != std::string::npos)
      throw wrong(node, std::string("names the axis '") + e.result[i] + "' twice in its result");
    if (std::ranges::none_of(e.operands, [&](const std::string& o) { return o.find(e.result[i]) != o.npos; }))
      throw wrong(node, std::string("has an axis '") + e.result[i] + "' in its result that no operand has");
  }
}

EinsumEquation equation_of(const InferContext& c) {
  std::vector<std::size_t> ranks;
  for (std::size_t i = 0; i < c.count(); ++i) ranks.push_back(c.shape(i).size());
  return read_einsum(c.node, ranks);
}

/// The sizes of all axes; axes of size 1 give way.
Dim size_of(const InferContext& c, const EinsumEquation& e, char axis) {
  Shape found{Dim(1)};
  for (std::size_t i = 0; i < e.operands.size(); ++i)
    for (std::size_t k = 0; k < e.operands[i].size(); ++k)
      if (e.operands[i][k] == axis) found = broadcast(c, found, Shape{c.shape(i)[k]});
  return found[0];
}

std::vector<Inferred> infer_einsum(const InferContext& c) {
  for (std::size_t i = 0; i < c.count(); ++i) require_same_type(c, 0, i);
  if (c.dtype(0) == DType::boolean) throw c.wrong("takes numbers, not truth values");
  const EinsumEquation e = equation_of(c);
  for (const std::string& o : e.operands)
    for (char axis : o) size_of(c, e, axis);
  Shape y;
  for (char axis : e.result) y.push_back(size_of(c, e, axis));
  return typed_as_first(c, y);
}

/// All axes of an equation, those of the result first, with what each tensor steps along them.
struct Walk {
  std::string axes;
  Dims sizes;
  std::vector<Dims> strides;  ///< of the operands, then of the result

  Walk(const EvalContext& c, const EinsumEquation& e) : axes(e.result) {
    for (const std::string& o : e.operands)
      for (char axis : o)
        if (axes.find(axis) == std::string::npos) axes += axis;
    sizes.assign(axes.size(), 1);
    for (std::size_t i = 0; i < e.operands.size(); ++i) add(e.operands[i], c.in[i].dims);
    add(e.result, c.out[0].dims);
  }

  /// The steps of repeated letters add up: a diagonal. Axes of size 1 repeat.
  void add(const std::string& letters, std::span<const std::int64_t> dims) {
    const Dims own = strides_of(dims);
    strides.emplace_back(axes.size(), 0);
    for (std::size_t k = 0; k < letters.size(); ++k) {
      const std::size_t axis = axes.find(letters[k]);
      if (dims[k] == 1) continue;
      sizes[axis] = dims[k];
      strides.back()[axis] += own[k];
    }
  }

  /// Calls f with the offset of every tensor, for every combination of indices.
  template <class F>
  void each(F&& f) const {
    if (std::ranges::find(sizes, 0) != sizes.end()) return;
    Dims at(sizes.size(), 0), offsets(strides.size(), 0);
    for (;;) {
      f(offsets);
      std::size_t d = sizes.size();
      for (; d > 0; --d) {
        move(offsets, d - 1, 1);
        if (++at[d - 1] < sizes[d - 1]) break;
        move(offsets, d - 1, -sizes[d - 1]);
        at[d - 1] = 0;
      }
      if (d == 0) return;
    }
  }
  void move(Dims& offsets, std::size_t axis, std::int64_t by) const {
    for (std::size_t k = 0; k < offsets.size(); ++k) offsets[k] += strides[k][axis] * by;
  }
};

void einsum_reference(const EvalContext& c) {
  std::vector<std::size_t> ranks;
  for (const TensorView& t : c.in) ranks.push_back(t.dims.size());
  const Walk walk(c, read_einsum(c.node, ranks));
  dispatch_number(c.in[0].dtype, [&]<class T>() {
    const auto y = c.out[0].as<T>();
    std::ranges::fill(y, T{});
    std::vector<const T*> x;
    for (const TensorView& t : c.in) x.push_back(t.as<T>().data());
    walk.each([&](const Dims& offsets) {
      using U = Wrapping<T>;
      U product{1};
      for (std::size_t k = 0; k < x.size(); ++k) product *= static_cast<U>(x[k][offsets[k]]);
      T& to = y[static_cast<std::size_t>(offsets.back())];
      to = static_cast<T>(static_cast<U>(to) + product);
    });
  });
}

/// The cotangent of operand i: the result's letters and those of the other operands, summed to its own. Letters
/// that occur nowhere else were summed alone, and a letter twice was a diagonal: both are put back afterwards.
class OperandCotangent {
 public:
  OperandCotangent(const VjpContext& c, const EinsumEquation& e, std::size_t i) : c_(c), e_(e), i_(i) {}

  Value make() const {
    const std::string& own = e_.operands[i_];
    std::string distinct, found;
    for (char axis : own) {
      if (distinct.find(axis) != std::string::npos) continue;
      distinct += axis;
      if (occurs_elsewhere(axis)) found += axis;
    }
    std::vector<Value> in{c_.dout[0]};
    std::string text = e_.result;
    for (std::size_t k = 0; k < e_.operands.size(); ++k)
      if (k != i_) in.push_back(c_.in[k]), text += "," + e_.operands[k];
    Value d = emit("Einsum", std::move(in), {{"equation", text + "->" + found}});
    d = with_axes(d, found, own);
    for (std::size_t k = 1; k < own.size(); ++k)
      if (const std::size_t first = own.find(own[k]); first < k) d = d * diagonal(first, k);
    return unbroadcast(expand_to_operand(d), c_.in[i_]);
  }

 private:
  bool occurs_elsewhere(char axis) const {
    if (e_.result.find(axis) != std::string::npos) return true;
    for (std::size_t k = 0; k < e_.operands.size(); ++k)
      if (k != i_ && e_.operands[k].find(axis) != std::string::npos) return true;
    return false;
  }

  /// From the axes `found` to one axis for each letter of `own`: of size 1 where it is missing or a repetition.
  static Value with_axes(Value d, const std::string& found, const std::string& own) {
    std::vector<std::int64_t> added;
    for (std::size_t k = 0; k < own.size(); ++k)
      if (own.find(own[k]) < k || found.find(own[k]) == std::string::npos)
        added.push_back(static_cast<std::int64_t>(k));
    return added.empty() ? d : unsqueeze(d, added);
  }

  /// 1 where the indices of the two axes are equal, with every other axis of size 1.
  Value diagonal(std::size_t a, std::size_t b) const {
    GraphBuilder& g = c_.graph();
    const Value sizes = shape_of(c_.in[i_]);
    const auto size = [&](std::size_t k) {
      return g.add("Gather", {sizes, int64_constant(g, {static_cast<std::int64_t>(k)})});
    };
    const auto counted = [&](std::size_t k) {
      const Value ones = expand(g.constant(Tensor::scalar<std::int64_t>(1)), size(k));
      Value indices = emit("CumSum", {to_float(ones), g.constant(Tensor::scalar<std::int64_t>(0))});
      std::vector<std::int64_t> shape(e_.operands[i_].size(), 1);
      shape[k] = -1;
      return reshape(indices, shape);
    };
    return to_float(equal(counted(a), counted(b)));
  }

  /// Sizes that only the operand knows, of letters that were summed alone.
  Value expand_to_operand(Value d) const {
    const std::string& own = e_.operands[i_];
    const bool alone = std::ranges::any_of(own, [&](char axis) { return !occurs_elsewhere(axis); });
    return alone ? expand(d, shape_of(c_.in[i_])) : d;
  }

  const VjpContext& c_;
  const EinsumEquation& e_;
  std::size_t i_;
};

std::vector<Value> einsum_vjp(const VjpContext& c) {
  std::vector<std::size_t> ranks;
  for (const Value& v : c.in) ranks.push_back(v.shape().size());
  const EinsumEquation e = with_letters(read_einsum(c.node, ranks), c.node);
  std::vector<Value> din(c.in.size());
  for (std::size_t i = 0; i < din.size(); ++i)
    if (c.wants[i]) din[i] = OperandCotangent(c, e, i).make();
  return din;
}

}  // namespace

bool EinsumEquation::repeats_a_letter() const {
  return std::ranges::any_of(
      operands, [](const std::string& o) { return std::set<char>(o.begin(), o.end()).size() != o.size(); });
}

std::string EinsumEquation::text() const {
  std::string t;
  for (const std::string& o : operands) t += (&o == &operands.front() ? "" : ",") + o;
  return t + "->" + result;
}

EinsumEquation read_einsum(const Node& node, std::span<const std::size_t> ranks) {
  std::string text = node.attrs.text("equation", "");
  std::erase(text, ' ');
  const auto arrow = text.find("->");
  const std::vector<std::string> terms = split(std::string_view(text).substr(0, arrow), ',');
  if (terms.size() != ranks.size())
    throw wrong(node,
                "has " + std::to_string(terms.size()) + " terms for " + std::to_string(ranks.size()) + " inputs");
  EinsumEquation e;
  std::size_t most = 0;
  for (std::size_t i = 0; i < terms.size(); ++i) {
    const Term term = read_term(node, terms[i]);
    const std::size_t letters = term.letters();
    if (letters > ranks[i] || (letters < ranks[i] && !term.ellipsis) || ranks[i] - letters > kMostEllipsis)
      throw wrong(node, "has the term '" + terms[i] + "' for an input of " + std::to_string(ranks[i]) + " axes");
    most = std::max(most, ranks[i] - letters);
    e.operands.push_back(term.spelled(ranks[i] - letters));
  }
  if (arrow == std::string::npos) {
    e.result = implied_result(e.operands, most);
  } else {
    const Term term = read_term(node, std::string_view(text).substr(arrow + 2));
    e.result = term.spelled(term.ellipsis ? most : 0);
  }
  check_result(node, e);
  return e;
}

EinsumEquation with_letters(const EinsumEquation& equation, const Node& node) {
  const std::string all = equation.text();
  std::string free = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  std::erase_if(free, [&](char ch) { return all.find(ch) != std::string::npos; });
  if (free.size() < kMostEllipsis) throw wrong(node, "uses more letters than limn can differentiate");
  const auto spell = [&](std::string term) {
    for (char& ch : term)
      if (ch >= '0' && ch <= '9') ch = free[static_cast<std::size_t>(ch - '0')];
    return term;
  };
  EinsumEquation e{equation};
  for (std::string& o : e.operands) o = spell(o);
  e.result = spell(e.result);
  return e;
}

const OpDef einsum_op{"Einsum", {1, kAny}, infer_einsum, einsum_reference, einsum_vjp};

}  // namespace limn
