#include "limn/onnx/upgrade_images.h"

#include <utility>

namespace limn {
namespace {

Tensor vector_of(const std::vector<std::int64_t>& values) {
  return Tensor::of<std::int64_t>({static_cast<std::int64_t>(values.size())}, std::span(values));
}

/// The coordinates of `count` elements from -1 to 1, of their centres or, with align_corners, of the outer ones.
std::vector<float> coordinates(std::int64_t count, bool align_corners) {
  std::vector<float> out;
  const double n = static_cast<double>(count);
  for (std::int64_t i = 0; i < count; ++i) {
    const double x = static_cast<double>(i);
    out.push_back(static_cast<float>(!align_corners ? (2 * x + 1) / n - 1 : count > 1 ? 2 * x / (n - 1) - 1 : 0.0));
  }
  return out;
}

/// The places of all elements as rows (x, y, 1) or (x, y, z, 1); `sizes` are spatial, outermost first.
Tensor base_grid(const std::vector<std::int64_t>& sizes, bool align_corners) {
  const std::int64_t count = element_count(sizes);
  std::vector<float> rows;
  for (std::int64_t p = 0; p < count; ++p) {
    std::int64_t rest = p;
    for (std::size_t axis = sizes.size(); axis-- > 0; rest /= sizes[axis])
      rows.push_back(coordinates(sizes[axis], align_corners)[static_cast<std::size_t>(rest % sizes[axis])]);
    rows.push_back(1);
  }
  return Tensor::of<float>({count, static_cast<std::int64_t>(sizes.size()) + 1}, std::span(std::as_const(rows)));
}

}  // namespace

void resize_as_upsample(NodeUpgrade& u) {
  u.node.op = "Resize";
  if (u.node.attrs.has("scales")) {
    const std::vector<double> scales = u.node.attrs.reals("scales");
    const std::vector<float> values(scales.begin(), scales.end());
    u.node.attrs.erase("scales");
    u.set_input(1, Tensor::of<float>({static_cast<std::int64_t>(values.size())}, std::span(values)), "scales");
  }
  if (!u.has_input(1)) throw u.refuse("it has no scales");
  u.set_input(2, u.node.in[1]);
  u.node.in[1] = kAbsent;
  if (u.node.attrs.text("mode", "nearest") == "bilinear") u.node.attrs.set("mode", std::string("linear"));
  u.node.attrs.set("coordinate_transformation_mode", std::string("asymmetric"));
  u.node.attrs.set("nearest_mode", std::string("floor"));
}

void resize_without_empty_inputs(NodeUpgrade& u) {
  const bool crops = u.node.attrs.text("coordinate_transformation_mode", "half_pixel") == "tf_crop_and_resize";
  for (std::size_t i = 1; i < u.node.in.size(); ++i) {
    if (!u.has_input(i)) continue;
    const auto& shape = u.input(i).type.shape;
    const bool empty = shape && shape->size() == 1 && shape->front() == Dim(0);
    if (empty || (i == 1 && !crops)) u.node.in[i] = kAbsent;
  }
  while (u.node.in.size() > 1 && u.node.in.back() == kAbsent) u.node.in.pop_back();
}

void grid_sample_names(NodeUpgrade& u) {
  const std::string mode = u.node.attrs.text("mode", "bilinear");
  if (mode == "linear") u.node.attrs.set("mode", std::string("bilinear"));
  if (mode == "cubic") u.node.attrs.set("mode", std::string("bicubic"));
}

void roi_align_without_shift(NodeUpgrade& u) {
  u.node.attrs.set("coordinate_transformation_mode", std::string("output_half_pixel"));
}

void affine_grid_as_product(NodeUpgrade& u) {
  constexpr std::int64_t kMostPlaces = 1 << 22;
  const auto& constant = u.has_input(1) ? u.input(1).constant : std::optional<Tensor>();
  if (!constant) throw u.refuse("the size of its grid is only known at run time");
  const std::vector<std::int64_t> size = constant->to_int64();
  if (size.size() != 4 && size.size() != 5) throw u.refuse("it makes a grid for other than two or three axes");
  const std::vector<std::int64_t> spatial(size.begin() + 2, size.end());
  for (std::int64_t s : spatial)
    if (s < 1 || s > kMostPlaces) throw u.refuse("its grid has an impossible size");
  if (element_count(spatial) > kMostPlaces) throw u.refuse("its grid is too large");
  const ValueId base = u.constant(base_grid(spatial, u.node.attrs.integer("align_corners", 0) != 0), "base");
  const ValueId matrix =
      u.before("Transpose", {u.node.in[0]}, {{"perm", std::vector<std::int64_t>{0, 2, 1}}}, "transposed");
  const ValueId rows = u.before("MatMul", {base, matrix}, {}, "rows");
  std::vector<std::int64_t> shape = spatial;
  shape.insert(shape.begin(), size[0]);
  shape.push_back(static_cast<std::int64_t>(spatial.size()));
  const ValueId sizes = u.constant(vector_of(shape), "sizes");
  u.node.op = "Reshape";
  u.node.in = {rows, sizes};
  u.node.attrs = {};
}

}  // namespace limn
