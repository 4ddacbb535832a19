// The derivative of GridSample: every place is a sum of a few elements with weights that depend on the grid.
#include "limn/ops/build.h"
#include "limn/ops/diagnostics.h"
#include "limn/ops/sampling.h"

namespace limn {
namespace {

Value number(Value like, double v) { return float_constant(*like.in, static_cast<float>(v)); }
Value floor_of(Value x) { return emit("Floor", {x}); }
Value clip(Value x, double low, double high) { return emit("Clip", {x, number(x, low), number(x, high)}); }
/// 1 where low <= x <= high, otherwise 0.
Value inside(Value x, double low, double high) {
  return to_float(
      emit("And", {emit("GreaterOrEqual", {x, number(x, low)}), emit("LessOrEqual", {x, number(x, high)})}));
}

/// A value and its derivative by the place on the axis.
struct Sloped {
  Value at, slope;
};

/// One axis of n elements. All values are [N, 1, places].
class AxisPlaces {
 public:
  AxisPlaces(Value grid, std::int64_t n, const Sampling& s) : n_(n), s_(s) {
    const double scale = static_cast<double>(s.align_corners ? n - 1 : n) / 2;
    place_.at = grid * static_cast<float>(scale) + static_cast<float>(static_cast<double>(n - 1) / 2);
    place_.slope = number(grid, scale);
    if (s.mode == Sampling::Mode::bicubic) return;
    if (s.padding == Sampling::Padding::border) stop_at_border();
    if (s.padding == Sampling::Padding::reflection) place_ = reflected(place_);
    if (s.mode == Sampling::Mode::nearest) place_.at = emit("Round", {place_.at});
  }

  /// d place / d grid.
  Value slope() const { return place_.slope; }

  /// The elements around each place: where they are, as floats, and their weights.
  struct Tap {
    Value index;
    Sloped weight;
  };
  std::vector<Tap> taps() const {
    const Value first = floor_of(place_.at), t = place_.at - first, one = number(t, 1);
    if (s_.mode == Sampling::Mode::nearest) return {tap(place_.at, {one, number(t, 0)})};
    if (s_.mode == Sampling::Mode::bilinear)
      return {tap(first, {one - t, number(t, -1)}), tap(first + 1.0F, {t, one})};
    return {tap(first + -1.0F, outer(t + 1.0F, 1)), tap(first, inner(t, 1)), tap(first + 1.0F, inner(one - t, -1)),
            tap(first + 2.0F, outer(number(t, 2) - t, -1))};
  }

 private:
  static constexpr double kA = -0.75;

  /// Keys' kernel up to a distance of one element and from there to two; `sign` is that of d distance / d place.
  static Sloped inner(Value d, float sign) {
    const Value at = (d * static_cast<float>(kA + 2) + static_cast<float>(-kA - 3)) * d * d + 1.0F;
    return {at, (d * static_cast<float>(3 * (kA + 2)) + static_cast<float>(-2 * (kA + 3))) * d * sign};
  }
  static Sloped outer(Value d, float sign) {
    const auto a = static_cast<float>(kA);
    const Value at = ((d * a + -5 * a) * d + 8 * a) * d + -4 * a;
    return {at, ((d * (3 * a) + -10 * a) * d + 8 * a) * sign};
  }

  void stop_at_border() {
    const double last = static_cast<double>(n_ - 1);
    place_.slope = place_.slope * inside(place_.at, 0, last);
    place_.at = clip(place_.at, 0, last);
  }

  /// Back and forth between the two ends, with a period of twice their distance.
  Sloped reflected(const Sloped& x) const {
    const double range = s_.high(n_) - s_.low();
    if (range <= 0) return {x.at * 0.0F, number(x.at, 0)};
    const auto period = static_cast<float>(2 * range);
    const Value from_low = x.at + static_cast<float>(-s_.low());
    const Value u = from_low - floor_of(from_low * (1 / period)) * period;
    const Value back = greater(u, number(u, range));
    const Value turned = where(back, number(u, 2 * range) - u, u);
    return {turned + static_cast<float>(s_.low()), x.slope * where(back, number(u, -1), number(u, 1))};
  }

  Tap tap(Value index, Sloped weight) const {
    const double last = static_cast<double>(n_ - 1);
    if (s_.padding == Sampling::Padding::zeros) {
      const Value there = inside(index, 0, last);
      weight = {weight.at * there, weight.slope * there};
    }
    if (s_.padding == Sampling::Padding::reflection) index = emit("Round", {reflected({index, index}).at});
    return {clip(index, 0, last), weight};
  }

  std::int64_t n_;
  Sampling s_;
  Sloped place_;
};

/// The coordinate `which` of a grid [N, places, 2] as [N, 1, places].
Value coordinate(Value grid, std::int64_t which) {
  const Value chosen =
      emit("Gather", {grid, grid.in->constant(Tensor::scalar(which))}, {{"axis", std::int64_t{2}}});
  return unsqueeze(chosen, {1});
}

Value flat_images(Value x) { return reshape(x, {0, 0, -1}); }

}  // namespace

std::vector<Value> grid_sample_vjp(const VjpContext& c) {
  const Shape shape = c.in[0].shape();
  if (!shape[2].known() || !shape[3].known())
    throw Error(ErrorCode::unsupported, "the derivative of a GridSample needs the image size", place_of(c.node),
                "fix the height and width of the input first");
  const Sampling s = Sampling::read(c.node);
  const std::int64_t width = shape[3].value;
  const Value grid = reshape(c.in[1], {0, -1, 2}), x = flat_images(c.in[0]), dy = flat_images(c.dout[0]);
  const AxisPlaces columns(coordinate(grid, 0), width, s), rows(coordinate(grid, 1), shape[2].value, s);
  Value dx = zeros_like(x), by_column, by_row;
  const auto add = [](Value& sum, Value more) { sum = sum ? sum + more : more; };
  for (const auto& down : rows.taps())
    for (const auto& across : columns.taps()) {
      const Value flat = to_int64(down.index * static_cast<float>(width) + across.index);
      const Value index = expand(flat, shape_of(dy));
      dx = emit("ScatterElements", {dx, index, dy * (down.weight.at * across.weight.at)},
                {{"axis", std::int64_t{2}}, {"reduction", std::string("add")}});
      if (!c.wants[1]) continue;
      const Value along = reduce_sum(dy * emit("GatherElements", {x, index}, {{"axis", std::int64_t{2}}}), {1});
      add(by_column, along * down.weight.at * across.weight.slope);
      add(by_row, along * down.weight.slope * across.weight.at);
    }
  std::vector<Value> din{reshape_like(dx, c.in[0]), {}};
  if (c.wants[1])
    din[1] = reshape_like(
        transpose(emit("Concat", {by_column * columns.slope(), by_row * rows.slope()}, {{"axis", std::int64_t{1}}}),
                  {0, 2, 1}),
        c.in[1]);
  return din;
}

}  // namespace limn
