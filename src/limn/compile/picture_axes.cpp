#include "limn/compile/picture_axes.h"

#include <fmt/format.h>

#include <algorithm>

#include "limn/ops/build.h"

namespace limn {
namespace {

void check_crop(const Preprocess& options) {
  const SizeRule &resize = options.resize, &crop = options.crop;
  if (crop.kind == SizeRule::Kind::none || resize.kind == SizeRule::Kind::none) return;
  if (crop.width <= resize.width && crop.height <= resize.height) return;
  const bool depends = resize.kind == SizeRule::Kind::side && std::min(crop.width, crop.height) <= resize.width;
  throw Error(
      depends ? ErrorCode::unsupported : ErrorCode::bad_input,
      fmt::format("the crop of {}x{} pixels is larger than {}", crop.width, crop.height,
                  depends ? "some resized images, and a compiled model cannot refuse those" : "the resized image"),
      {}, fmt::format("use --resize {} or more, or a smaller --crop", std::max(crop.width, crop.height)));
}

/// Half of the rest, an odd one to the even number: what Round does to halves.
Value centred(Value full, Value length) {
  return to_int64(emit("Round", {to_float(full - length) * 0.5F}));
}

Value size_at(Value sizes, std::int64_t axis) { return emit("Gather", {sizes, int64_scalar(*sizes.in, axis)}); }

}  // namespace

Value int64_scalar(GraphBuilder& g, std::int64_t v) { return g.constant(Tensor::scalar(v)); }

Value counting(Value count) {
  GraphBuilder& g = *count.in;
  return emit("Range", {int64_scalar(g, 0), count, int64_scalar(g, 1)});
}

Value rounded_to_byte(Value x) {
  GraphBuilder& g = *x.in;
  return emit("Floor", {emit("Clip", {x + 0.5F, float_constant(g, 0), float_constant(g, 255)})});
}

PictureAxes picture_axes(Value picture, const Preprocess& options) {
  check(options);
  check_crop(options);
  GraphBuilder& g = *picture.in;
  const Value sizes = emit("Shape", {picture});
  PictureAxes axes;
  axes.down.original = size_at(sizes, 1);
  axes.across.original = size_at(sizes, 2);
  const Value shorter = emit("Min", {axes.down.original, axes.across.original});
  const auto complete = [&](PictureAxis& axis, int exact, int crop) {
    axis.resized = options.resize.kind != SizeRule::Kind::none;
    switch (options.resize.kind) {
      case SizeRule::Kind::none: axis.full = axis.original; break;
      case SizeRule::Kind::exact: axis.full = int64_scalar(g, exact); break;
      // Exactly `exact` on the shorter side; the longer one is truncated.
      case SizeRule::Kind::side: axis.full = int64_scalar(g, exact) * axis.original / shorter; break;
    }
    const bool whole = options.crop.kind == SizeRule::Kind::none;
    axis.length = whole ? axis.full : int64_scalar(g, crop);
    axis.left = whole ? int64_scalar(g, 0) : centred(axis.full, axis.length);
  };
  complete(axes.down, options.resize.height, options.crop.height);
  complete(axes.across, options.resize.width, options.crop.width);
  return axes;
}

}  // namespace limn
