// GridSample: images read at the places that a grid spells.
#include <algorithm>
#include <array>
#include <cmath>

#include "limn/ops/diagnostics.h"
#include "limn/ops/families.h"
#include "limn/ops/infer.h"
#include "limn/ops/loops.h"
#include "limn/ops/sampling.h"

namespace limn {
namespace {

Error wrong_word(const Node& node, const char* attribute, const std::string& word, const char* words) {
  return Error(ErrorCode::bad_input, "the attribute '" + std::string(attribute) + "' is '" + word + "'",
               place_of(node), "it must be " + std::string(words));
}

std::vector<Inferred> infer(const InferContext& c) {
  const Shape &x = c.shape(0), &grid = c.shape(1);
  Sampling::read(c.node);
  if (x.size() != 4 || grid.size() != 4)
    throw Error(ErrorCode::unsupported, "only pictures [N, C, H, W] are sampled, not " + to_string(x),
                place_of(c.node));
  if (!is_float(c.dtype(0)) || !is_float(c.dtype(1)) || (grid[3].known() && grid[3] != Dim(2)) ||
      (x[0].known() && grid[0].known() && x[0] != grid[0]))
    throw c.wrong("a grid " + to_string(c.type(1)) + " does not go with images " + to_string(c.type(0)));
  return typed_as_first(c, {x[0], x[1], grid[1], grid[2]});
}

/// One axis of the image.
struct Axis {
  std::int64_t size;
  double low, high;  ///< where reflection turns round

  Axis(std::int64_t n, const Sampling& s) : size(n), low(s.low()), high(s.high(n)) {}

  double reflect(double x) const {
    const double range = high - low;
    if (range <= 0) return 0;
    double beyond = x < low ? low - x : x - low;
    const double turns = std::floor(beyond / range);
    beyond -= turns * range;
    return std::fmod(turns, 2.0) == 0 ? low + beyond : high - beyond;
  }

  /// The place in elements of a coordinate of the grid, from -1 to 1 over the image. Cubic interpolation reads
  /// around places beyond the ends, too.
  double place(double g, const Sampling& s) const {
    const double n = static_cast<double>(size);
    double x = s.align_corners ? (g + 1) / 2 * (n - 1) : ((g + 1) * n - 1) / 2;
    if (s.mode == Sampling::Mode::bicubic) return x;
    if (s.padding == Sampling::Padding::border) x = std::clamp(x, 0.0, n - 1);
    if (s.padding == Sampling::Padding::reflection) x = reflect(x);
    return s.mode == Sampling::Mode::nearest ? std::nearbyint(x) : x;
  }

  /// The element at index i, or -1 where there is none.
  std::int64_t element(double i, const Sampling& s) const {
    const double last = static_cast<double>(size - 1);
    if (!(i >= 0 && i <= last)) {
      if (s.padding == Sampling::Padding::zeros || !std::isfinite(i)) return -1;
      i = std::clamp(s.padding == Sampling::Padding::reflection ? std::trunc(reflect(i)) : i, 0.0, last);
    }
    return static_cast<std::int64_t>(i);
  }
};

/// Up to four elements of one axis, with their weights.
struct Line {
  std::size_t count = 0;
  std::array<std::int64_t, 4> at{};
  std::array<double, 4> weight{};
};

/// Keys (1981), with a = -0.75, at a distance of d elements.
double cubic(double d) {
  constexpr double a = -0.75;
  d = std::abs(d);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

Line line_of(const Axis& axis, double g, const Sampling& s) {
  const double x = axis.place(g, s), first = std::floor(x);
  Line line;
  const auto add = [&](double i, double weight) {
    line.at[line.count] = axis.element(i, s);
    line.weight[line.count++] = weight;
  };
  if (s.mode == Sampling::Mode::nearest)
    add(x, 1);
  else if (s.mode == Sampling::Mode::bilinear)
    add(first, 1 - (x - first)), add(first + 1, x - first);
  else
    for (int k = -1; k < 3; ++k) add(first + k, cubic(x - first - k));
  return line;
}

void reference(const EvalContext& c) {
  const Sampling s = Sampling::read(c.node);
  const auto x = c.in[0].dims, y = c.out[0].dims;
  const Axis rows(x[2], s), columns(x[3], s);
  const std::int64_t places = y[2] * y[3], plane = x[2] * x[3];
  dispatch_float(c.in[0].dtype, [&]<class T>() {
    const auto grid = c.in[1].as<T>();
    for (std::int64_t n = 0; n < y[0]; ++n)
      for (std::int64_t p = 0; p < places; ++p) {
        const auto g = static_cast<std::size_t>((n * places + p) * 2);
        const Line across = line_of(columns, static_cast<double>(grid[g]), s);
        const Line down = line_of(rows, static_cast<double>(grid[g + 1]), s);
        for (std::int64_t ch = 0; ch < y[1]; ++ch) {
          const T* image = c.in[0].as<T>().data() + (n * x[1] + ch) * plane;
          double sum = 0;
          for (std::size_t i = 0; i < down.count; ++i)
            for (std::size_t j = 0; j < across.count; ++j)
              if (down.at[i] >= 0 && across.at[j] >= 0)
                sum += down.weight[i] * across.weight[j] *
                       static_cast<double>(image[down.at[i] * x[3] + across.at[j]]);
          c.out[0].as<T>()[static_cast<std::size_t>((n * y[1] + ch) * places + p)] = static_cast<T>(sum);
        }
      }
  });
}

}  // namespace

Sampling Sampling::read(const Node& node) {
  Sampling s;
  const std::string mode = node.attrs.text("mode", "bilinear"), padding = node.attrs.text("padding_mode", "zeros");
  if (mode == "nearest")
    s.mode = Sampling::Mode::nearest;
  else if (mode == "bicubic")
    s.mode = Sampling::Mode::bicubic;
  else if (mode != "bilinear")
    throw wrong_word(node, "mode", mode, "bilinear, nearest or bicubic");
  if (padding == "border")
    s.padding = Sampling::Padding::border;
  else if (padding == "reflection")
    s.padding = Sampling::Padding::reflection;
  else if (padding != "zeros")
    throw wrong_word(node, "padding_mode", padding, "zeros, border or reflection");
  s.align_corners = node.attrs.integer("align_corners", 0) != 0;
  return s;
}

const OpDef grid_sample_op{"GridSample", {2, 2}, infer, reference, grid_sample_vjp};

}  // namespace limn
