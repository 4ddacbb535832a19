// limn::Overlay: a crop of a feature map in which a window was changed. Where the windows and the crops lie differs
// from image to image and is read at run time, so that one program serves all positions of a sliding patch.
#include "limn/ops/overlay.h"

#include <cmath>

#include "limn/ops/build.h"
#include "limn/ops/families.h"
#include "limn/ops/infer.h"
#include "limn/ops/loops.h"

namespace limn {
namespace {

using Ints = std::vector<std::int64_t>;

void require_images(const InferContext& c, std::size_t i, const Dim& batch) {
  const Shape& shape = c.shape(i);
  if (!is_float(c.dtype(i)) || shape.size() != 4) throw c.wrong("takes float images [N, C, H, W]");
  if (shape[0] != Dim(1) && shape[0] != batch) throw c.wrong("takes one image, or as many as there are places");
}

std::vector<Inferred> infer_overlay(const InferContext& c) {
  const Shape& places = c.shape(2);
  if (!is_float(c.dtype(2)) || places.size() != 3 || places[2] != Dim(2))
    throw c.wrong("takes places [N, rows, 2], not " + to_string(places));
  require_images(c, 0, places[0]);
  require_images(c, 1, places[0]);
  if (c.shape(0)[1] != c.shape(1)[1]) throw c.wrong("takes a window with the channels of the map");
  const Ints size = c.node.attrs.integers("size");
  if (size.size() != 2 || size[0] < 1 || size[1] < 1) throw c.wrong("makes crops of two positive sizes");
  for (const std::string_view row : {"window", "crop"}) {
    const std::int64_t r = c.node.attrs.integer(row, -1);
    if (r < -1 || (places[1].known() && r >= places[1].value)) throw c.wrong("names a row that is not there");
  }
  return typed_as_first(c, {places[0], c.shape(0)[1], size[0], size[1]});
}

/// Where one axis of a crop and of the changed window begin in the map.
struct Start {
  std::int64_t crop = 0, window = 0;
};

template <class T>
Start start_of(const OverlayRows& rows, std::span<const T> places, std::int64_t stride, std::int64_t image,
               std::int64_t axis) {
  const auto at = [&](std::int64_t row) {
    if (row < 0) return std::int64_t{0};
    return static_cast<std::int64_t>(
        std::llround(places[static_cast<std::size_t>(image * stride + row * 2 + axis)]));
  };
  return {at(rows.crop), at(rows.window)};
}

template <class T>
void overlay(const EvalContext& c) {
  const OverlayRows rows = OverlayRows::read(c.node);
  const auto map = c.in[0].as<T>(), window = c.in[1].as<T>(), places = c.in[2].as<T>();
  const auto y = c.out[0].as<T>();
  const auto &m = c.in[0].dims, &w = c.in[1].dims, &o = c.out[0].dims;
  const std::int64_t stride = c.in[2].dims[1] * 2;
  const auto inside = [](std::int64_t i, std::int64_t size) { return i >= 0 && i < size; };
  const auto element = [](std::span<const std::int64_t> dims, std::int64_t n, std::int64_t k, std::int64_t r,
                          std::int64_t q) {
    return static_cast<std::size_t>(((std::min(n, dims[0] - 1) * dims[1] + k) * dims[2] + r) * dims[3] + q);
  };
  std::size_t i = 0;
  for (std::int64_t n = 0; n < o[0]; ++n) {
    const Start down = start_of(rows, places, stride, n, 0), across = start_of(rows, places, stride, n, 1);
    for (std::int64_t k = 0; k < o[1]; ++k)
      for (std::int64_t r = down.crop; r < down.crop + o[2]; ++r)
        for (std::int64_t q = across.crop; q < across.crop + o[3]; ++q) {
          const std::int64_t wr = r - down.window, wq = q - across.window;
          if (!inside(r, m[2]) || !inside(q, m[3]))
            y[i++] = static_cast<T>(rows.outside);
          else if (inside(wr, w[2]) && inside(wq, w[3]))
            y[i++] = window[element(w, n, k, wr, wq)];
          else
            y[i++] = map[element(m, n, k, r, q)];
        }
  }
}

void overlay_reference(const EvalContext& c) {
  dispatch_float(c.in[0].dtype, [&]<class T>() { overlay<T>(c); });
}

/// The decomposition: elements are gathered by index along one axis after the other.
class GatheredOverlay {
 public:
  explicit GatheredOverlay(const DecomposeContext& c)
      : rows_(OverlayRows::read(c.node)),
        size_(c.node.attrs.integers("size")),
        g_(c.graph),
        map_(c.in[0]),
        window_(c.in[1]),
        places_(c.in[2]) {
    images_ = known_dims(places_.shape())[0];
  }

  Value result() const {
    const Value down = positions(0), across = positions(1);
    const Value in_window_down = down - start(rows_.window, 0), in_window_across = across - start(rows_.window, 1);
    const Value changed = where(both_inside(window_, in_window_down, in_window_across),
                                taken(window_, in_window_down, in_window_across), taken(map_, down, across));
    return where(both_inside(map_, down, across), changed, float_constant(g_, static_cast<float>(rows_.outside)));
  }

 private:
  /// Where the crops or windows begin along an axis, [N, 1, 1, 1].
  Value start(std::int64_t row, std::int64_t axis) const {
    if (row < 0) return g_.constant(Tensor::of<float>({1, 1, 1, 1}, {0.0F}));
    const Value pair = emit("Gather", {places_, g_.constant(Tensor::scalar(row))}, {{"axis", std::int64_t{1}}});
    const Value one = emit("Gather", {pair, g_.constant(Tensor::scalar(axis))}, {{"axis", std::int64_t{1}}});
    return reshape(one, {-1, 1, 1, 1});
  }
  /// Places in the map of the crop's rows, [N, 1, h, 1], or columns, [N, 1, 1, w].
  Value positions(std::size_t axis) const {
    Dims dims{1, 1, 1, 1};
    dims[2 + axis] = size_[axis];
    Tensor steps(DType::f32, dims);
    const auto values = steps.mutable_view().as<float>();
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
    return g_.constant(steps) + start(rows_.crop, static_cast<std::int64_t>(axis));
  }
  Value at_most(Value a, float limit) const { return emit("LessOrEqual", {a, float_constant(g_, limit)}); }
  Value inside(Value at, std::int64_t size) const {
    const Value begun = emit("GreaterOrEqual", {at, float_constant(g_, 0.0F)});
    return emit("And", {begun, at_most(at, static_cast<float>(size - 1))});
  }
  Value both_inside(Value x, Value down, Value across) const {
    const Dims dims = known_dims(x.shape());
    return emit("And", {inside(down, dims[2]), inside(across, dims[3])});
  }
  /// x at these rows and columns, or at the nearest that there are.
  Value taken(Value x, Value down, Value across) const {
    Dims dims = known_dims(x.shape());
    dims[0] = images_;
    x = expand(x, int64_constant(g_, dims));
    for (const std::size_t axis : {2U, 3U}) {
      const Value last = float_constant(g_, static_cast<float>(dims[axis] - 1));
      const Value at = emit("Clip", {axis == 2 ? down : across, float_constant(g_, 0.0F), last});
      dims[axis] = size_[axis - 2];
      const Value index = to_int64(at);
      x = emit("GatherElements", {x, expand(index, int64_constant(g_, dims))},
               {{"axis", static_cast<std::int64_t>(axis)}});
    }
    return x;
  }

  OverlayRows rows_;
  Ints size_;
  GraphBuilder& g_;
  Value map_, window_, places_;
  std::int64_t images_ = 1;
};

std::vector<Value> overlay_decompose(const DecomposeContext& c) { return {GatheredOverlay(c).result()}; }

}  // namespace

OverlayRows OverlayRows::read(const Node& node) {
  return {node.attrs.integer("window", -1), node.attrs.integer("crop", -1), node.attrs.real("outside", 0.0)};
}

const OpDef overlay_op{"limn::Overlay",
                       {3, 3},
                       infer_overlay,
                       overlay_reference,
                       nullptr,
                       overlay_decompose,
                       "serves occlusion, which takes no derivatives"};

}  // namespace limn
