// Pad: constant, reflect, edge and wrap; negative pads crop.
#include <algorithm>
#include <numeric>

#include "limn/ops/build.h"
#include "limn/ops/diagnostics.h"
#include "limn/ops/families.h"

namespace limn {
namespace {

using Ints = std::vector<std::int64_t>;

enum class Mode { constant, reflect, edge, wrap };

Mode mode_of(const Node& node) {
  const std::string mode = node.attrs.text("mode", "constant");
  if (mode == "constant") return Mode::constant;
  if (mode == "reflect") return Mode::reflect;
  if (mode == "edge") return Mode::edge;
  if (mode == "wrap") return Mode::wrap;
  throw Error(ErrorCode::bad_input, "the padding mode is '" + mode + "'", place_of(node),
              "it must be constant, reflect, edge or wrap");
}

/// Elements before and after each axis.
struct Pads {
  Ints begin, end;
};

/// `pads` are those of `axes` (all axes when empty), which may count from the end.
Pads spread(const Node& node, const Ints& pads, Ints axes, std::size_t rank) {
  if (axes.empty()) {
    axes.resize(rank);
    std::iota(axes.begin(), axes.end(), 0);
  }
  if (pads.size() != 2 * axes.size())
    throw Error(ErrorCode::bad_input,
                std::to_string(pads.size()) + " pads were given for " + std::to_string(axes.size()) + " axes",
                place_of(node));
  Pads p{Ints(rank, 0), Ints(rank, 0)};
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::int64_t axis = axes[i] < 0 ? axes[i] + static_cast<std::int64_t>(rank) : axes[i];
    if (axis < 0 || axis >= static_cast<std::int64_t>(rank))
      throw Error(ErrorCode::bad_input, "there is no axis " + std::to_string(axes[i]), place_of(node));
    p.begin[static_cast<std::size_t>(axis)] = pads[i];
    p.end[static_cast<std::size_t>(axis)] = pads[axes.size() + i];
  }
  return p;
}

/// v brought into [0, size) as the mode says; size > 0.
std::int64_t fold(std::int64_t v, std::int64_t size, Mode mode) {
  if (mode == Mode::edge || size == 1) return std::clamp<std::int64_t>(v, 0, size - 1);
  const std::int64_t period = mode == Mode::wrap ? size : 2 * (size - 1);
  const std::int64_t r = (v % period + period) % period;
  return r < size ? r : period - r;
}

/// For each element of a padded axis the element of the input that it copies, or -1 for the constant. Crops come
/// first: reflections are of what is left.
Ints sources(std::int64_t size, std::int64_t begin, std::int64_t end, Mode mode, const std::string& where) {
  const std::int64_t count = size + begin + end, low = std::max<std::int64_t>(0, -begin);
  const std::int64_t left = size - low - std::max<std::int64_t>(0, -end);
  if (mode != Mode::constant && left < 1 && count > 0)
    throw Error(ErrorCode::bad_input,
                "nothing is left of an axis of " + std::to_string(size) + " elements to copy from", where);
  Ints from(static_cast<std::size_t>(std::max<std::int64_t>(0, count)));
  for (std::size_t o = 0; o < from.size(); ++o) {
    const std::int64_t v = static_cast<std::int64_t>(o) - begin;
    if (mode == Mode::constant)
      from[o] = v >= 0 && v < size ? v : -1;
    else
      from[o] = low + fold(v - low, left, mode);
  }
  return from;
}

Dim padded(const Dim& in, std::int64_t begin, std::int64_t end, const InferContext& c) {
  if (begin == 0 && end == 0) return in;
  if (!in.known()) return {};
  if (in.value + begin + end < 0)
    throw c.wrong("more is cropped than the " + std::to_string(in.value) + " elements of an axis");
  return in.value + begin + end;
}

std::vector<Inferred> infer(const InferContext& c) {
  const Shape& x = c.shape(0);
  mode_of(c.node);
  const auto pads = c.integers(1);
  const auto axes = c.has(3) ? c.integers(3) : Ints();
  if (!pads || !axes) return {{{c.dtype(0), Shape(x.size())}, {}}};
  const Pads p = spread(c.node, *pads, *axes, x.size());
  Shape y;
  for (std::size_t i = 0; i < x.size(); ++i) y.push_back(padded(x[i], p.begin[i], p.end[i], c));
  return {{{c.dtype(0), y}, {}}};
}

Ints integers(const TensorView& t) {
  Ints v;
  if (t.dtype == DType::i32)
    v.assign(t.as<std::int32_t>().begin(), t.as<std::int32_t>().end());
  else
    v.assign(t.as<std::int64_t>().begin(), t.as<std::int64_t>().end());
  return v;
}

/// Copies along `axis` and, for each element there, along those behind it.
template <class T>
void copy_axis(std::span<const Ints> from, std::span<const std::int64_t> stride, const T* x, T fill, T*& y) {
  for (std::int64_t source : from[0]) {
    if (from.size() == 1) {
      *y++ = source < 0 || x == nullptr ? fill : x[source];
    } else {
      const T* inner = source < 0 || x == nullptr ? nullptr : x + source * stride[0];
      copy_axis<T>(from.subspan(1), stride.subspan(1), inner, fill, y);
    }
  }
}

void reference(const EvalContext& c) {
  const auto dims = c.in[0].dims;
  const bool has_axes = c.in.size() > 3 && c.in[3].present();
  const Pads p = spread(c.node, integers(c.in[1]), has_axes ? integers(c.in[3]) : Ints(), dims.size());
  std::vector<Ints> from;
  Ints stride;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    from.push_back(sources(dims[i], p.begin[i], p.end[i], mode_of(c.node), place_of(c.node)));
    stride.push_back(element_count(dims.subspan(i + 1)));
  }
  dispatch(c.in[0].dtype, [&]<class T>() {
    const bool has_fill = c.in.size() > 2 && c.in[2].present();
    const T fill = has_fill ? c.in[2].as<T>()[0] : T{};
    T* y = c.out[0].as<T>().data();
    if (dims.empty())
      *y = c.in[0].as<T>()[0];
    else
      copy_axis<T>(from, stride, c.in[0].as<T>().data(), fill, y);
  });
}

Pads known_pads_of(const VjpContext& c) {
  GraphBuilder& g = c.graph();
  const auto constant = [&](std::size_t i) -> Ints {
    if (i >= c.in.size() || !c.in[i]) return {};
    const auto& t = g.info(c.in[i].id).constant;
    if (!t) throw Error(ErrorCode::unsupported, "the pads are not known before run time", place_of(c.node));
    return t->to_int64();
  };
  return spread(c.node, constant(1), constant(3), c.in[0].shape().size());
}

/// The opposite pads: what was added is dropped, what was cropped gets zero.
Value unpad(const VjpContext& c, const Pads& p) {
  Ints opposite;
  for (std::int64_t v : p.begin) opposite.push_back(-v);
  for (std::int64_t v : p.end) opposite.push_back(-v);
  return c.graph().add("Pad", {c.dout[0], int64_constant(c.graph(), opposite)});
}

/// For each element of the padded trailing axes the one of the input that it copies, both counted over those axes.
Ints flat_sources(const VjpContext& c, const Pads& p, const Dims& sizes, std::size_t first) {
  Ints flat{0};
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const Ints from = sources(sizes[i], p.begin[first + i], p.end[first + i], mode_of(c.node), place_of(c.node));
    Ints next;
    for (std::int64_t outer : flat)
      for (std::int64_t v : from) next.push_back(outer * sizes[i] + v);
    flat = std::move(next);
  }
  return flat;
}

/// Every element passes its cotangent to the one it copied: a scatter over the axes from the first padded one on.
Value scatter_back(const VjpContext& c, const Pads& p) {
  GraphBuilder& g = c.graph();
  const Shape x = c.in[0].shape();
  std::size_t first = 0;
  while (first < x.size() && p.begin[first] == 0 && p.end[first] == 0) ++first;
  const Shape inner(x.begin() + static_cast<std::ptrdiff_t>(first), x.end());
  if (!is_known(inner))
    throw Error(ErrorCode::unsupported, "padding that copies from the image needs its size to be differentiated",
                place_of(c.node), "fix the height and width of the input first");
  const Dims sizes = known_dims(inner);
  const Ints from = flat_sources(c, p, sizes, first);
  const auto padded_count = static_cast<std::int64_t>(from.size());
  const Value dy = reshape(c.dout[0], Ints{-1, padded_count});
  const Value zeros = expand(float_constant(g, 0.0F), shape_of(reshape(c.in[0], Ints{-1, element_count(sizes)})));
  const Value indices = expand(reshape(int64_constant(g, from), Ints{1, padded_count}), shape_of(dy));
  const Value dx = g.add("ScatterElements", {zeros, indices, dy},
                         {{"axis", std::int64_t{1}}, {"reduction", std::string("add")}});
  return reshape(dx, shape_of(c.in[0]));
}

std::vector<Value> vjp(const VjpContext& c) {
  refuse_parameter_gradients(c, 1);
  const Pads p = known_pads_of(c);
  return {mode_of(c.node) == Mode::constant ? unpad(c, p) : scatter_back(c, p)};
}

}  // namespace

const OpDef pad_op{"Pad", {2, 4}, infer, reference, vjp};

}  // namespace limn
