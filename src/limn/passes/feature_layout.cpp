#include "limn/passes/feature_layout.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "limn/ops/build.h"
#include "limn/passes/bind.h"

namespace limn {
namespace {

enum class Axis : char { none, batch, channel, row, column, token };

/// What each axis of a value means, and the grid that its tokens lie on.
struct Axes {
  std::vector<Axis> of;
  Dim height, width;
  std::int64_t prefix = 0;

  int find(Axis a) const {
    const auto it = std::ranges::find(of, a);
    return it == of.end() ? FeatureLayout::kNone : static_cast<int>(it - of.begin());
  }
};
using Known = std::optional<Axes>;

bool is_one_of(std::string_view op, std::initializer_list<std::string_view> ops) {
  return std::ranges::find(ops, op) != ops.end();
}

/// Operators that ONNX defines on [N, K, h, w].
bool is_spatial(std::string_view op) {
  return is_one_of(
      op, {"Conv", "ConvTranspose", "MaxPool", "AveragePool", "LpPool", "GlobalAveragePool", "GlobalMaxPool",
           "BatchNormalization", "InstanceNormalization", "LRN", "DepthToSpace", "SpaceToDepth"});
}

/// Operators that keep the meaning of axes whatever they do to the sizes.
bool keeps_axes(std::string_view op) { return is_one_of(op, {"Pad", "Slice", "Split", "Resize", "Concat"}); }

bool same_size(const Dim& a, const Dim& b) { return a == b && (a.known() || !a.symbol.empty()); }

bool same_shape(const Shape& a, const Shape& b) { return std::ranges::equal(a, b, same_size); }

Axes usual_axes() { return {{Axis::batch, Axis::channel, Axis::row, Axis::column}, {}, {}, 0}; }

/// Follows axes through one reshape: sizes are matched from the front, and where they differ the shortest groups
/// with equal products are.
class Regroup {
 public:
  Regroup(const Axes& axes, const Shape& from, const Shape& to) : axes_(axes), from_(from), to_(to) {}

  Known result() {
    out_ = {{}, axes_.height, axes_.width, axes_.prefix};
    while (i_ < from_.size() || j_ < to_.size())
      if (!step()) return std::nullopt;
    return std::move(out_);
  }

 private:
  bool step() {
    const bool more_in = i_ < from_.size(), more_out = j_ < to_.size();
    if (more_in && more_out && same_size(from_[i_], to_[j_])) {
      out_.of.push_back(axes_.of[i_]);
      ++i_, ++j_;
      return true;
    }
    if (more_out && to_[j_] == Dim(1)) {
      out_.of.push_back(Axis::none);
      ++j_;
      return true;
    }
    if (more_in && from_[i_] == Dim(1)) {
      ++i_;
      return true;
    }
    return more_in && more_out && group();
  }

  bool group() {
    const std::size_t i0 = i_, j0 = j_;
    if (!from_[i_].known() || !to_[j_].known()) return false;
    std::int64_t a = from_[i_++].value, b = to_[j_++].value;
    while (a != b) {
      const bool grow_in = a < b;
      const Shape& shape = grow_in ? from_ : to_;
      std::size_t& at = grow_in ? i_ : j_;
      if (at == shape.size() || !shape[at].known() || shape[at].value == 0) return false;
      (grow_in ? a : b) *= shape[at++].value;
    }
    merge_or_split(i0, j0);
    return true;
  }

  void merge_or_split(std::size_t i0, std::size_t j0) {
    const bool merges =
        i_ - i0 == 2 && j_ - j0 == 1 && axes_.of[i0] == Axis::row && axes_.of[i0 + 1] == Axis::column;
    const bool splits = i_ - i0 == 1 && j_ - j0 == 2 && axes_.of[i0] == Axis::token && axes_.prefix == 0 &&
                        same_size(to_[j0], axes_.height) && same_size(to_[j0 + 1], axes_.width);
    if (merges) {
      out_.of.push_back(Axis::token);
      out_.height = from_[i0];
      out_.width = from_[i0 + 1];
      out_.prefix = 0;
    } else if (splits) {
      out_.of.insert(out_.of.end(), {Axis::row, Axis::column});
    } else {
      out_.of.insert(out_.of.end(), j_ - j0, Axis::none);
    }
  }

  const Axes& axes_;
  const Shape &from_, &to_;
  Axes out_;
  std::size_t i_ = 0, j_ = 0;
};

class Tracker {
 public:
  explicit Tracker(const Graph& g)
      : g_(g), known_(g.value_count()), spatial_(g.value_count()), computed_(g.value_count()) {
    for (const ValueId v : g.inputs()) computed_[index(v)] = 1;
    for (const Node& n : g.nodes())
      if (is_spatial(n.op) && !n.in.empty() && n.in[0] != kAbsent) spatial_[index(n.in[0])] = 1;
    for (const ValueId v : g.inputs())
      if (rank(v) == 4 && is_float(g.value(v).type.dtype)) known_[index(v)] = usual_axes();
    for (const Node& n : g.nodes()) visit(n);
  }

  std::optional<FeatureLayout> layout(ValueId v) const {
    if (const Known& axes = known_[index(v)]) {
      if (const auto found = complete(*axes, g_.shape(v))) return found;
    }
    return guessed_tokens(v);
  }

 private:
  std::size_t rank(ValueId v) const {
    const auto& s = g_.value(v).type.shape;
    return s ? s->size() : 0;
  }

  void visit(const Node& n) {
    const bool computed =
        std::ranges::any_of(n.in, [&](ValueId v) { return v != kAbsent && computed_[index(v)] != 0; });
    for (const ValueId v : n.out)
      if (v != kAbsent) computed_[index(v)] = computed;
    for (std::size_t i = 0; i < n.out.size(); ++i) {
      const ValueId v = n.out[i];
      if (v == kAbsent || !g_.value(v).type.shape) continue;
      Known axes = through(n, v);
      const bool spatial = rank(v) == 4 && ((is_spatial(n.op) && i == 0) || spatial_[index(v)]);
      if (spatial) axes = usual_axes();
      if (!axes || axes->of.size() != rank(v)) continue;
      has_tokens_ |= axes->find(Axis::token) >= 0;
      known_[index(v)] = std::move(axes);
    }
  }

  Known through(const Node& n, ValueId out) const {
    if (n.in.empty() || n.in[0] == kAbsent) return std::nullopt;
    const Known& first = known_[index(n.in[0])];
    if (n.op == "Transpose") return first ? transposed(*first, n) : Known();
    if (is_one_of(n.op, {"Reshape", "Flatten", "Squeeze", "Unsqueeze"}))
      return first ? Regroup(*first, g_.shape(n.in[0]), g_.shape(out)).result() : Known();
    if (n.op == "Concat") return joined(n);
    if (n.op == "Slice") return first ? cut(*first, n, out) : Known();
    if (n.op == "MatMul") return first && is_dense(n) && first->of.back() == Axis::channel ? first : Known();
    if (keeps_axes(n.op)) return first && keeps_tokens(*first, n.in[0], out) ? first : Known();
    return of_equal_input(n, out);
  }

  static Known transposed(const Axes& axes, const Node& n) {
    const auto perm = n.attrs.integers("perm");
    if (perm.size() != axes.of.size() || std::ranges::min(perm) < 0) return std::nullopt;
    Axes out = axes;
    for (std::size_t i = 0; i < perm.size(); ++i) out.of[i] = axes.of[static_cast<std::size_t>(perm[i])];
    return out;
  }

  /// A product with a matrix of weights, which an export may have transposed on the way.
  bool is_dense(const Node& n) const { return computed_[index(n.in[1])] == 0 && rank(n.in[1]) == 2; }

  bool keeps_tokens(const Axes& axes, ValueId in, ValueId out) const {
    const int token = axes.find(Axis::token);
    if (token < 0) return rank(in) == rank(out);
    const auto at = static_cast<std::size_t>(token);
    return rank(in) == rank(out) && same_size(g_.shape(in)[at], g_.shape(out)[at]);
  }

  /// Tokens joined in front of the grid have no place on it.
  Known joined(const Node& n) const {
    std::int64_t axis = n.attrs.integer("axis", 0), before = 0;
    for (const ValueId v : n.in) {
      const auto& shape = g_.value(v).type.shape;
      if (!shape) return std::nullopt;
      if (axis < 0) axis += static_cast<std::int64_t>(shape->size());
      const auto at = static_cast<std::size_t>(axis);
      if (Known axes = known_[index(v)]; axes && at < axes->of.size()) {
        if (axes->of[at] == Axis::token) axes->prefix += before;
        return axes;
      }
      if (at >= shape->size() || !(*shape)[at].known()) return std::nullopt;
      before += (*shape)[at].value;
    }
    return std::nullopt;
  }

  /// A slice along the tokens may take off the class token, not cut the grid.
  Known cut(const Axes& axes, const Node& n, ValueId out) const {
    if (keeps_tokens(axes, n.in[0], out)) return axes;
    const auto token = static_cast<std::size_t>(axes.find(Axis::token));
    const Tensor *starts = constant(n, 1), *of_axes = constant(n, 3), *steps = constant(n, 4);
    if (starts == nullptr || starts->count() != 1 || (steps != nullptr && steps->as<std::int64_t>()[0] != 1))
      return std::nullopt;
    const std::int64_t start = starts->as<std::int64_t>()[0];
    std::int64_t axis = of_axes != nullptr ? of_axes->as<std::int64_t>()[0] : 0;
    if (axis < 0) axis += static_cast<std::int64_t>(axes.of.size());
    const Dim &size = g_.shape(out)[token], &h = axes.height, &w = axes.width;
    if (axis != static_cast<std::int64_t>(token) || start < 0 || start > axes.prefix) return std::nullopt;
    if (!size.known() || !h.known() || !w.known() || size.value < axes.prefix - start + h.value * w.value)
      return std::nullopt;
    Axes rest = axes;
    rest.prefix -= start;
    return rest;
  }

  const Tensor* constant(const Node& n, std::size_t i) const {
    const Tensor* t = i < n.in.size() && n.in[i] != kAbsent ? g_.constant(n.in[i]) : nullptr;
    return t != nullptr && t->dtype() == DType::i64 && t->count() > 0 ? t : nullptr;
  }

  /// Sums, activations, normalisations: the axes of the first input that has the shape of the output.
  Known of_equal_input(const Node& n, ValueId out) const {
    for (const ValueId v : n.in)
      if (v != kAbsent && known_[index(v)] && same_shape(g_.shape(v), g_.shape(out))) return known_[index(v)];
    return std::nullopt;
  }

  static std::optional<FeatureLayout> complete(const Axes& axes, const Shape& shape) {
    FeatureLayout l{axes.find(Axis::batch),
                    axes.find(Axis::channel),
                    axes.find(Axis::row),
                    axes.find(Axis::column),
                    axes.find(Axis::token),
                    axes.height,
                    axes.width,
                    axes.prefix};
    if (l.batch < 0 || l.channel < 0) return std::nullopt;
    if (l.row >= 0 && l.column >= 0 && shape.size() == 4) {
      l.height = shape[static_cast<std::size_t>(l.row)];
      l.width = shape[static_cast<std::size_t>(l.column)];
      return l;
    }
    if (l.token < 0 || shape.size() != 3) return std::nullopt;
    return l;
  }

  /// [N, T, K] of a network whose tokens cannot be traced to rows and columns (patches cut by reshaping): a square
  /// grid after none, one or two tokens, when only one of the three fits.
  std::optional<FeatureLayout> guessed_tokens(ValueId v) const {
    const auto& shape = g_.value(v).type.shape;
    if (has_tokens_ || !shape || shape->size() != 3 || !(*shape)[1].known() || !is_float(g_.value(v).type.dtype) ||
        g_.constant(v) != nullptr)
      return std::nullopt;
    std::optional<FeatureLayout> found;
    for (std::int64_t prefix = 0; prefix <= 2; ++prefix) {
      const std::int64_t count = (*shape)[1].value - prefix;
      const auto side =
          static_cast<std::int64_t>(std::llround(std::sqrt(static_cast<double>(std::max<std::int64_t>(count, 0)))));
      if (side < 2 || side * side != count) continue;
      if (found) return std::nullopt;
      found = FeatureLayout{0, 2, FeatureLayout::kNone, FeatureLayout::kNone, 1, Dim(side), Dim(side), prefix};
    }
    return found;
  }

  const Graph& g_;
  std::vector<Known> known_;
  std::vector<char> spatial_;   ///< an operator on [N, K, h, w] reads it
  std::vector<char> computed_;  ///< depends on an input
  bool has_tokens_ = false;     ///< somewhere tokens were traced to rows and columns
};

bool larger_than_one(const Dim& d) { return !d.known() || d.value > 1; }

}  // namespace

bool FeatureLayout::has_space() const { return larger_than_one(height) || larger_than_one(width); }

FeatureLayouts::FeatureLayouts(const Graph& graph) : layouts_(graph.value_count()) {
  const Tracker tracker(graph);
  for (std::size_t i = 0; i < layouts_.size(); ++i) layouts_[i] = tracker.layout(ValueId(i));
}

Graph for_layouts(const Graph& graph) {
  // A prime tells the batch from every other size; some networks only work for single images.
  constexpr std::int64_t kPrime = 13;
  try {
    return with_batch(graph, kPrime);
  } catch (const Error& e) {
    if (e.code() == ErrorCode::internal) throw;
    return with_batch(graph, 1);
  }
}

Value as_feature_map(Value x, const FeatureLayout& l) {
  if (l.is_usual()) return x;
  if (!l.has_tokens()) return transpose(x, {l.batch, l.channel, l.row, l.column});
  if (!l.height.known() || !l.width.known())
    throw Error(ErrorCode::unsupported, "the grid of the tokens of '" + x.in->info(x.id).name + "' is not known",
                {}, "export the network for a fixed image size");
  GraphBuilder& g = *x.in;
  const std::int64_t end = l.prefix + l.height.value * l.width.value;
  const Value grid =
      emit("Slice", {x, int64_constant(g, {l.prefix}), int64_constant(g, {end}), int64_constant(g, {l.token})});
  return reshape(transpose(grid, {l.batch, l.channel, l.token}),
                 std::vector<std::int64_t>{0, 0, l.height.value, l.width.value});
}

}  // namespace limn
