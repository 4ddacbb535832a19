#include "limn/compile/overlay_nodes.h"

#include <vector>

#include "limn/image/tint.h"
#include "limn/ops/build.h"

namespace limn {
namespace {

using Ints = std::vector<std::int64_t>;
constexpr std::int64_t kUint8 = 2, kInt32 = 6;  // in ONNX's numbering, for Cast

Value cast(Value x, std::int64_t to) { return emit("Cast", {x}, {{"to", to}}); }
Value gather(Value x, Value places, std::int64_t axis) { return emit("Gather", {x, places}, {{"axis", axis}}); }

/// Where the pixels of one axis of the picture lie among the network's: two neighbours and the share of the second.
struct Lookup {
  Value inside;         ///< bool [original]: whether the network saw the pixel's centre
  Value first, second;  ///< int64 [original]
  Value share;          ///< float [original]
};

/// In units of half an input pixel of a picture's pixel: pixel i has its centre at (2 i + 1) full, an input pixel
/// is 2 original wide.
Lookup lookup(const PictureAxis& axis) {
  GraphBuilder& g = *axis.original.in;
  const auto number = [&](std::int64_t v) { return int64_scalar(g, v); };
  const Value zero = number(0), one = number(1), two = number(2);
  const Value width = two * axis.original;
  const Value at = (two * counting(axis.original) + one) * axis.full - axis.left * width;
  const Value last = axis.length - one;
  // From the centre of the first input pixel to that of the last.
  const Value held = emit("Min", {emit("Max", {at - axis.original, zero}), last * width});
  Lookup out;
  out.inside = emit("And", {emit("LessOrEqual", {zero, at}), emit("Less", {at, axis.length * width})});
  out.first = held / width;
  out.second = emit("Min", {out.first + one, last});
  out.share = to_float(held - out.first * width) / to_float(width);
  return out;
}

/// x [N, h, w] at the places of one axis.
Value looked_up(Value x, const Lookup& places, std::int64_t axis) {
  const Value share = axis == 1 ? reshape(places.share, Ints{-1, 1}) : places.share;
  const Value rest = float_constant(*x.in, 1) - share;
  return gather(x, places.first, axis) * rest + gather(x, places.second, axis) * share;
}

struct TintConstants {
  Value keep;  ///< [256]
  Value add;   ///< [3, 256]
};
TintConstants tint_constants(GraphBuilder& g, Colormap colormap) {
  const TintTable table = tint_table(colormap, OverlayOptions{}.opacity);
  std::vector<float> keep, add;
  for (const Tint& tint : table) keep.push_back(tint.keep);
  for (std::size_t c = 0; c < 3; ++c)
    for (const Tint& tint : table) add.push_back(tint.add[c]);
  return {g.constant(Tensor::of<float>({256}, std::span<const float>(keep))),
          g.constant(Tensor::of<float>({3, 256}, std::span<const float>(add)))};
}

}  // namespace

Value append_overlay(Value picture, const PictureAxes& axes, Value heat, Colormap colormap) {
  GraphBuilder& g = *picture.in;
  const Lookup down = lookup(axes.down), across = lookup(axes.across);
  const Value spread = looked_up(looked_up(heat, across, 2), down, 1);
  const Value level = cast(rounded_to_byte(spread * 255.0F), kInt32);
  const TintConstants tints = tint_constants(g, colormap);
  // Colours come first, [3, N, H, W]: what is the same for all three spreads over whole planes, which is fast.
  const Value photo = transpose(to_float(picture), {3, 0, 1, 2});
  const Value tinted = photo * gather(tints.keep, level, 0) + gather(tints.add, level, 1);
  const Value share = g.constant(Tensor::of<float>({3, 1, 1, 1}, std::span(kBrightness)));
  const Value brightness = reduce_sum(photo * share, {0}, false) * kDimming;
  const Value inside = emit("And", {reshape(down.inside, Ints{-1, 1}), across.inside});
  return transpose(cast(rounded_to_byte(where(inside, tinted, brightness)), kUint8), {1, 2, 3, 0});
}

Value attribution_for_display(Value heat) {
  GraphBuilder& g = *heat.in;
  const Value all = reshape(heat, Ints{0, -1});
  const Value one = int64_constant(g, {1});
  const Value count = emit("Slice", {emit("Shape", {all}), one, int64_constant(g, {2})});
  const Value brightest = count - (count - one) * int64_constant(g, {199}) / int64_constant(g, {200});
  const Value sorted = g.add_many("TopK", {all, brightest}, {{"axis", std::int64_t{1}}}, 2)[0];
  const Value full = gather(sorted, brightest - one, 1);  // [N, 1]
  const Value divisor = where(greater(full, float_constant(g, 0)), full, float_constant(g, 1));
  return emit("Min", {heat / unsqueeze(divisor, {2}), float_constant(g, 1)});
}

}  // namespace limn
