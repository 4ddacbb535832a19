#include "limn/ops/infer.h"

#include <algorithm>

namespace limn {
namespace {

/// A size as a number times symbols, for instance "N*H*4".
struct Term {
  std::int64_t factor = 1;
  std::vector<std::string> symbols;  ///< sorted
  bool unknown = false;
};

bool is_number(std::string_view s) {
  return !s.empty() && s.size() < 18 && std::ranges::all_of(s, [](char ch) { return ch >= '0' && ch <= '9'; });
}

/// The factors of a symbol; what stands in parentheses is one of them.
std::vector<std::string> factors(std::string_view symbol) {
  std::vector<std::string> parts(1);
  int depth = 0;
  for (char ch : symbol) {
    depth += ch == '(' ? 1 : ch == ')' ? -1 : 0;
    if (ch == '*' && depth == 0)
      parts.emplace_back();
    else
      parts.back() += ch;
  }
  return parts;
}

Term term_of(const Dim& d) {
  if (d.known()) return {d.value, {}, false};
  if (d.symbol.empty()) return {1, {}, true};
  Term t;
  for (std::string& part : factors(d.symbol)) {
    if (is_number(part))
      t.factor *= std::stoll(part);
    else
      t.symbols.push_back(std::move(part));
  }
  std::ranges::sort(t.symbols);
  return t;
}

Dim dim_of(const Term& t) {
  if (t.unknown) return {};
  if (t.symbols.empty() || t.factor == 0) return {t.factor};
  std::string s;
  for (const std::string& symbol : t.symbols) s += (s.empty() ? "" : "*") + symbol;
  return Dim(t.factor == 1 ? s : s + "*" + std::to_string(t.factor));
}

/// A size of 1 gives way; an unknown size gives way to a known one above 1.
std::optional<Dim> broadcast_size(const Dim& a, const Dim& b) {
  if (a == b || b == Dim(1)) return a;
  if (a == Dim(1)) return b;
  if (a.known() && b.known()) return std::nullopt;
  if (a.known()) return a;
  if (b.known()) return b;
  if (a.symbol.empty()) return b;
  if (b.symbol.empty()) return a;
  return Dim();
}

}  // namespace

Dim product(const Dim& a, const Dim& b) {
  if (a == Dim(0) || b == Dim(0)) return {0};
  Term t = term_of(a);
  const Term u = term_of(b);
  if (__builtin_mul_overflow(t.factor, u.factor, &t.factor))
    throw Error(ErrorCode::limit, "the product of the sizes " + to_string(Shape{a, b}) + " is too large");
  t.symbols.insert(t.symbols.end(), u.symbols.begin(), u.symbols.end());
  std::ranges::sort(t.symbols);
  t.unknown = t.unknown || u.unknown;
  return dim_of(t);
}

Dim product(std::span<const Dim> sizes) {
  Dim p(1);
  for (const Dim& d : sizes) p = product(p, d);
  return p;
}

Dim quotient(const Dim& a, const Dim& b) {
  Term t = term_of(a);
  const Term u = term_of(b);
  if (t.unknown || u.unknown || u.factor == 0 || t.factor % u.factor != 0) return {};
  t.factor /= u.factor;
  for (const std::string& symbol : u.symbols) {
    const auto it = std::ranges::find(t.symbols, symbol);
    if (it == t.symbols.end()) return {};
    t.symbols.erase(it);
  }
  return dim_of(t);
}

Dim sum(const Dim& a, const Dim& b) {
  if (a == Dim(0)) return b;
  if (b == Dim(0)) return a;
  return a.known() && b.known() ? Dim(a.value + b.value) : Dim();
}

Dim difference(const Dim& a, const Dim& b) {
  if (b == Dim(0)) return a;
  return a.known() && b.known() && a.value >= b.value ? Dim(a.value - b.value) : Dim();
}

Shape broadcast(const InferContext& c, const Shape& a, const Shape& b) {
  const Shape& longer = a.size() >= b.size() ? a : b;
  const Shape& shorter = a.size() >= b.size() ? b : a;
  Shape out = longer;
  const std::size_t lead = longer.size() - shorter.size();
  for (std::size_t i = 0; i < shorter.size(); ++i) {
    const auto size = broadcast_size(longer[lead + i], shorter[i]);
    if (!size) throw c.wrong("the shapes " + to_string(a) + " and " + to_string(b) + " do not broadcast");
    out[lead + i] = *size;
  }
  return out;
}

Shape broadcast_inputs(const InferContext& c, std::size_t first) {
  Shape shape = c.shape(first);
  for (std::size_t i = first + 1; i < c.count(); ++i) shape = broadcast(c, shape, c.shape(i));
  return shape;
}

bool may_be_equal(const Shape& a, const Shape& b) {
  return std::ranges::equal(a, b, [](const Dim& p, const Dim& q) { return !p.known() || !q.known() || p == q; });
}

std::size_t axis_of(const InferContext& c, std::int64_t axis, std::size_t rank) {
  const auto r = static_cast<std::int64_t>(rank);
  if (axis < -r || axis >= r)
    throw c.wrong("the axis " + std::to_string(axis) + " does not exist in a tensor of " + std::to_string(rank) +
                  " dimensions" + (c.has(0) && c.in[0]->type.shape ? " " + to_string(*c.in[0]->type.shape) : ""));
  return from_front(axis, rank);
}

std::vector<std::size_t> axes_of(const InferContext& c, std::span<const std::int64_t> axes, std::size_t rank) {
  std::vector<std::size_t> out;
  for (std::int64_t axis : axes) out.push_back(axis_of(c, axis, rank));
  std::ranges::sort(out);
  if (std::ranges::adjacent_find(out) != out.end()) throw c.wrong("an axis is named twice");
  return out;
}

std::optional<std::vector<Dim>> elements(const InferContext& c, std::size_t i) {
  constexpr std::int64_t kMost = 64;
  const Tensor* t = c.constant(i);
  if (t == nullptr) return c.content(i);
  if (is_float(t->dtype()) || t->dtype() == DType::boolean || t->dims().size() > 1 || t->count() > kMost)
    return std::nullopt;
  std::vector<Dim> out;
  for (std::int64_t v : t->to_int64()) out.push_back(v < 0 ? Dim() : Dim(v));
  return out;
}

std::vector<std::int64_t> required_integers(const InferContext& c, std::size_t i, std::string_view what) {
  if (auto values = c.integers(i)) return *std::move(values);
  throw Error(ErrorCode::unsupported,
              "the " + std::string(what) + " '" + c.in[i]->name + "' are only known at run time",
              c.wrong("").where());
}

std::vector<Inferred> infer_same(const InferContext& c) { return {{c.type(0), c.content(0)}}; }

std::vector<Inferred> sized(Shape shape, std::vector<Dim> content) {
  Inferred inferred;
  inferred.type = {DType::i64, std::move(shape)};
  inferred.content = std::move(content);
  return std::vector<Inferred>(1, std::move(inferred));
}

std::vector<Inferred> typed_as_first(const InferContext& c, Shape shape) {
  return {{{c.dtype(0), std::move(shape)}, {}}};
}

void require_same_type(const InferContext& c, std::size_t i, std::size_t j) {
  const DType a = c.dtype(i), b = c.dtype(j);
  if (a == b || (is_float(a) && is_float(b))) return;
  throw c.wrong("the inputs " + std::to_string(i) + " and " + std::to_string(j) +
                " have different element types, " + std::string(name_of(a)) + " and " + std::string(name_of(b)));
}

DType dtype_of_onnx(std::int64_t number) {
  switch (number) {
    case 1:
    case 10:
    case 11:
    case 16: return DType::f32;
    case 2: return DType::u8;
    case 3: return DType::i8;
    case 4: return DType::u16;
    case 5: return DType::i16;
    case 6: return DType::i32;
    case 7: return DType::i64;
    case 9: return DType::boolean;
    case 12: return DType::u32;
    case 13: return DType::u64;
    default: return DType::undefined;
  }
}

}  // namespace limn
