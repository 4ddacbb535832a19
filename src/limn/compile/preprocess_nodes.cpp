#include "limn/compile/preprocess_nodes.h"

#include <algorithm>

#include "limn/ops/build.h"

namespace limn {
namespace {

using Ints = std::vector<std::int64_t>;

// resample() weighs pixels by fixed-point numbers of 22 bits. A float cannot sum those exactly, but it can sum
// their two halves: weight = high + low / 2048, in units of 1 / 2048, with |low| <= 1024.
constexpr std::int64_t kDigit = 2048;
constexpr auto kDigitFloat = static_cast<float>(kDigit);

Value as_column(Value x) { return reshape(x, Ints{-1, 1}); }
Value floor_of(Value x) { return emit("Floor", {x}); }
Value at_least_zero(Value x) { return emit("Max", {x, int64_scalar(*x.in, 0)}); }

/// Which pixels of an axis every output pixel mixes, and how.
struct Taps {
  Value places;   ///< int64 [length, taps], inside the picture
  Value weights;  ///< float [length, 2, taps]: the high and the low digit
};

/// The triangle around an output pixel's centre, as wide as the step between output pixels and at least two pixels
/// wide, in whole numbers: in units of half an output pixel of a source pixel, pixel t has its centre at
/// (2 t + 1) full, the output pixel o at (2 o + 1) original.
Taps taps_of(const PictureAxis& axis) {
  GraphBuilder& g = *axis.original.in;
  const auto number = [&](std::int64_t v) { return int64_scalar(g, v); };
  const Value one = number(1), two = number(2), digit = number(kDigit);
  const Value centers = as_column((two * (counting(axis.length) + axis.left) + one) * axis.original);
  const Value reach = two * emit("Max", {axis.original, axis.full});
  const Value first = at_least_zero((centers - reach + axis.full) / (two * axis.full));
  const Value places = first + counting((reach + axis.full - one) / axis.full);
  const Value inside = emit("Less", {places, axis.original});
  const Value triangle = at_least_zero(reach - abs((two * places + one) * axis.full - centers));
  const Value heights = where(inside, triangle, number(0));

  // height / total in fixed point: a long division of two digits, each rounded to the nearest.
  const Value total = reduce_sum(heights, {1});
  const Value high = (two * digit * heights + total) / (two * total);
  const Value rest = digit * heights - high * total;
  // A multiple of the divisor keeps the dividend positive, where division rounds down.
  const Value low = (two * digit * (rest + total) + total) / (two * total) - digit;
  const Value digits = emit("Concat", {unsqueeze(high, {1}), unsqueeze(low, {1})}, {{"axis", std::int64_t{1}}});
  return {emit("Min", {places, axis.original - one}), to_float(digits)};
}

/// x [original, ...] resized and cut to [length, ...] along its first axis, in whole numbers 0..255.
Value resample(Value x, const PictureAxis& axis) {
  GraphBuilder& g = *x.in;
  if (!axis.resized) return emit("Gather", {x, counting(axis.length) + axis.left});
  const Taps taps = taps_of(axis);
  const Value mixed = emit("Gather", {reshape(x, Ints{0, -1}), taps.places});
  const Value sums = matmul(taps.weights, mixed);  // [length, 2, the rest]
  const auto part = [&](std::int64_t i) {
    return emit("Gather", {sums, int64_scalar(g, i)}, {{"axis", std::int64_t{1}}});
  };
  const Value carry = floor_of((part(1) + kDigitFloat * kDigitFloat / 2) * (1 / kDigitFloat));
  const Value bytes = emit("Min", {floor_of((part(0) + carry) * (1 / kDigitFloat)), float_constant(g, 255)});
  const Value others = emit("Slice", {emit("Shape", {x}), int64_constant(g, {1}), int64_constant(g, {4})});
  return reshape(bytes, emit("Concat", {int64_constant(g, {-1}), others}, {{"axis", std::int64_t{0}}}));
}

/// ITU-R 601 luma in 16-bit fixed point, rounded; exact in float. [N, H, W, 3] to [N, H, W, 1].
Value luma(Value rgb) {
  const Value weights = rgb.in->constant(Tensor::of<float>({3}, {19595, 38470, 7471}));
  return floor_of((reduce_sum(rgb * weights, {3}) + 32768.0F) * (1.0F / 65536));
}

/// The order of operations of preprocess().
Value normalised(Value x, const Preprocess& options, bool channels_last) {
  GraphBuilder& g = *x.in;
  const auto by_channel = [&](const std::vector<float>& values) {
    const auto n = static_cast<std::int64_t>(values.size());
    return g.constant(Tensor::of<float>(channels_last ? Dims{n} : Dims{n, 1, 1}, std::span(values)));
  };
  if (options.range == 1) x = x / float_constant(g, 255);
  if (!options.mean.empty()) x = x - by_channel(options.mean);
  if (!options.std.empty()) x = x / by_channel(options.std);
  return x;
}

/// What is known of the sizes before the graph runs, said again: shape inference loses it among computed places.
Value with_known_sizes(Value x, const Preprocess& options, bool channels_last) {
  const bool cropped = options.crop.kind != SizeRule::Kind::none;
  if (!cropped && options.resize.kind != SizeRule::Kind::exact) return x;
  const SizeRule& size = cropped ? options.crop : options.resize;
  const std::int64_t c = options.channels, h = size.height, w = size.width;
  return reshape(x, channels_last ? Ints{0, h, w, c} : Ints{0, c, h, w});
}

}  // namespace

Value append_preprocess(Value picture, const PictureAxes& axes, const Preprocess& options, bool channels_last) {
  Value x = to_float(picture);
  if (options.channels == 1) x = luma(x);
  x = resample(transpose(x, {2, 0, 1, 3}), axes.across);  // [w, N, H, C]
  x = resample(transpose(x, {2, 1, 0, 3}), axes.down);    // [h, N, w, C]
  if (options.order == ChannelOrder::bgr && options.channels == 3)
    x = emit("Gather", {x, int64_constant(*x.in, {2, 1, 0})}, {{"axis", std::int64_t{3}}});
  x = transpose(x, channels_last ? Ints{1, 0, 2, 3} : Ints{1, 3, 0, 2});
  return with_known_sizes(normalised(x, options, channels_last), options, channels_last);
}

}  // namespace limn
