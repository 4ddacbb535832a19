// RoiAlign, MaxRoiPool and NonMaxSuppression: what detectors do with boxes. They are evaluated, not differentiated.
#include <algorithm>
#include <cmath>
#include <limits>

#include "limn/ops/diagnostics.h"
#include "limn/ops/families.h"
#include "limn/ops/infer.h"
#include "limn/ops/loops.h"

namespace limn {
namespace {

/// A size that an attribute gives.
std::int64_t size_of_attribute(const Node& node, const char* name, std::int64_t otherwise) {
  const std::int64_t size = node.attrs.integer(name, otherwise);
  if (size < 0 || size > (1 << 20))
    throw Error(ErrorCode::bad_input, "the attribute '" + std::string(name) + "' is " + std::to_string(size),
                place_of(node));
  return size;
}

void check_images_and_boxes(const InferContext& c, std::int64_t box_size) {
  const Shape &x = c.shape(0), &boxes = c.shape(1);
  if (x.size() != 4 || boxes.size() != 2 || (boxes[1].known() && boxes[1].value != box_size) ||
      !is_float(c.dtype(0)) || !is_float(c.dtype(1)))
    throw c.wrong("boxes " + to_string(c.type(1)) + " do not go with images " + to_string(c.type(0)));
}

std::vector<Inferred> infer_roi_align(const InferContext& c) {
  check_images_and_boxes(c, 4);
  if (is_float(c.dtype(2)) || c.shape(2).size() != 1) throw c.wrong("takes the number of the image for each box");
  return typed_as_first(c, {c.shape(1)[0], c.shape(0)[1], size_of_attribute(c.node, "output_height", 1),
                            size_of_attribute(c.node, "output_width", 1)});
}

std::int64_t image_of(const EvalContext& c, std::int64_t image) {
  if (image < 0 || image >= c.in[0].dims[0])
    throw Error(ErrorCode::bad_input, "there is no image " + std::to_string(image), place_of(c.node));
  return image;
}

/// One axis of a box: `bins` bins of `size` elements from `begin` on, each sampled at `samples` places.
struct Bins {
  double begin, size;
  std::int64_t samples;
  double at(std::int64_t bin, std::int64_t sample) const {
    return begin +
           size * (static_cast<double>(bin) + (static_cast<double>(sample) + 0.5) / static_cast<double>(samples));
  }
};

/// He et al. 2017, Mask R-CNN: coordinates are not rounded. `shift` is half an element for half_pixel.
Bins bins_of(double low, double high, std::int64_t bins, std::int64_t samples, bool half_pixel) {
  const double shift = half_pixel ? 0.5 : 0.0;
  double size = high - low;
  if (!half_pixel) size = std::max(size, 1.0);
  size /= static_cast<double>(bins);
  const std::int64_t adaptive = std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(size)));
  return {low - shift, size, samples > 0 ? samples : adaptive};
}

/// The four elements around (y, x) with their weights; nothing further than one element outside.
struct Sample {
  std::int64_t at[4];
  double weight[4] = {0, 0, 0, 0};
};
Sample sample_at(double y, double x, std::int64_t height, std::int64_t width) {
  Sample s{};
  if (y < -1 || y > static_cast<double>(height) || x < -1 || x > static_cast<double>(width)) return s;
  y = std::clamp(y, 0.0, static_cast<double>(height - 1));
  x = std::clamp(x, 0.0, static_cast<double>(width - 1));
  const auto y0 = static_cast<std::int64_t>(y), x0 = static_cast<std::int64_t>(x);
  const std::int64_t y1 = std::min(y0 + 1, height - 1), x1 = std::min(x0 + 1, width - 1);
  const double ty = y - static_cast<double>(y0), tx = x - static_cast<double>(x0);
  s.at[0] = y0 * width + x0, s.weight[0] = (1 - ty) * (1 - tx);
  s.at[1] = y0 * width + x1, s.weight[1] = (1 - ty) * tx;
  s.at[2] = y1 * width + x0, s.weight[2] = ty * (1 - tx);
  s.at[3] = y1 * width + x1, s.weight[3] = ty * tx;
  return s;
}

/// The samples of one bin averaged; or the largest of their weighted elements, which is what ONNX calls max.
template <class T>
T pool_samples(const std::vector<Sample>& samples, const T* image, bool maximum) {
  double sum = 0, best = -std::numeric_limits<double>::infinity();
  for (const Sample& s : samples)
    for (std::size_t k = 0; k < 4; ++k) {
      const double v = s.weight[k] * static_cast<double>(image[s.at[k]]);
      sum += v;
      best = std::max(best, v);
    }
  return static_cast<T>(maximum ? best : sum / static_cast<double>(samples.size()));
}

void roi_align_reference(const EvalContext& c) {
  const auto x = c.in[0].dims, y = c.out[0].dims;
  const bool maximum = c.node.attrs.text("mode", "avg") == "max";
  const bool half_pixel = c.node.attrs.text("coordinate_transformation_mode", "half_pixel") == "half_pixel";
  const std::int64_t samples = size_of_attribute(c.node, "sampling_ratio", 0);
  const double scale = c.node.attrs.real("spatial_scale", 1.0);
  dispatch_float(c.in[0].dtype, [&]<class T>() {
    const auto boxes = c.in[1].as<T>();
    T* to = c.out[0].as<T>().data();
    for (std::int64_t r = 0; r < y[0]; ++r) {
      const std::int64_t image =
          image_of(c, c.in[2].dtype == DType::i32 ? c.in[2].as<std::int32_t>()[static_cast<std::size_t>(r)]
                                                  : c.in[2].as<std::int64_t>()[static_cast<std::size_t>(r)]);
      const auto corner = [&](std::int64_t i) {
        return static_cast<double>(boxes[static_cast<std::size_t>(r * 4 + i)]) * scale;
      };
      const Bins rows = bins_of(corner(1), corner(3), y[2], samples, half_pixel);
      const Bins columns = bins_of(corner(0), corner(2), y[3], samples, half_pixel);
      for (std::int64_t h = 0; h < y[2]; ++h)
        for (std::int64_t w = 0; w < y[3]; ++w) {
          std::vector<Sample> found;
          for (std::int64_t i = 0; i < rows.samples; ++i)
            for (std::int64_t j = 0; j < columns.samples; ++j)
              found.push_back(sample_at(rows.at(h, i), columns.at(w, j), x[2], x[3]));
          for (std::int64_t ch = 0; ch < x[1]; ++ch)
            to[((r * y[1] + ch) * y[2] + h) * y[3] + w] =
                pool_samples(found, c.in[0].as<T>().data() + (image * x[1] + ch) * x[2] * x[3], maximum);
        }
    }
  });
}

std::vector<Inferred> infer_max_roi_pool(const InferContext& c) {
  check_images_and_boxes(c, 5);
  const auto size = c.node.attrs.integers("pooled_shape");
  if (size.size() != 2 || size[0] < 1 || size[1] < 1) throw c.wrong("its pooled_shape has two sizes");
  return typed_as_first(c, {c.shape(1)[0], c.shape(0)[1], size[0], size[1]});
}

/// The elements [first, last) of bin `bin` of `bins` over a box from `low` to `high`, both included.
std::pair<std::int64_t, std::int64_t> rounded_bin(double low, double high, std::int64_t bin, std::int64_t bins,
                                                  std::int64_t limit) {
  const double from = std::round(low),
               size = std::max(std::round(high) - from + 1, 1.0) / static_cast<double>(bins);
  const auto cut = [&](double v) { return std::clamp<std::int64_t>(static_cast<std::int64_t>(v), 0, limit); };
  return {cut(std::floor(static_cast<double>(bin) * size) + from),
          cut(std::ceil(static_cast<double>(bin + 1) * size) + from)};
}

// Girshick 2015, Fast R-CNN: the box is rounded to whole elements; an empty bin gives 0.
void max_roi_pool_reference(const EvalContext& c) {
  const auto x = c.in[0].dims, y = c.out[0].dims;
  const double scale = c.node.attrs.real("spatial_scale", 1.0);
  dispatch_float(c.in[0].dtype, [&]<class T>() {
    const auto boxes = c.in[1].as<T>();
    T* to = c.out[0].as<T>().data();
    for (std::int64_t r = 0; r < y[0]; ++r) {
      const auto number = [&](std::int64_t i) {
        return static_cast<double>(boxes[static_cast<std::size_t>(r * 5 + i)]);
      };
      const std::int64_t image = image_of(c, static_cast<std::int64_t>(number(0)));
      for (std::int64_t ch = 0; ch < x[1]; ++ch)
        for (std::int64_t h = 0; h < y[2]; ++h)
          for (std::int64_t w = 0; w < y[3]; ++w) {
            const auto [h0, h1] = rounded_bin(number(2) * scale, number(4) * scale, h, y[2], x[2]);
            const auto [w0, w1] = rounded_bin(number(1) * scale, number(3) * scale, w, y[3], x[3]);
            const T* plane = c.in[0].as<T>().data() + (image * x[1] + ch) * x[2] * x[3];
            T best = h0 < h1 && w0 < w1 ? std::numeric_limits<T>::lowest() : T{};
            for (std::int64_t i = h0; i < h1; ++i)
              for (std::int64_t j = w0; j < w1; ++j) best = std::max(best, plane[i * x[3] + j]);
            *to++ = best;
          }
    }
  });
}

/// A box as its corners.
struct Box {
  double top, left, bottom, right;
};

template <class T>
Box box_of(const T* p, bool centre) {
  const double a = static_cast<double>(p[0]), b = static_cast<double>(p[1]), c = static_cast<double>(p[2]),
               d = static_cast<double>(p[3]);
  if (centre) return {b - d / 2, a - c / 2, b + d / 2, a + c / 2};
  return {std::min(a, c), std::min(b, d), std::max(a, c), std::max(b, d)};
}

/// Intersection over union.
double overlap(const Box& a, const Box& b) {
  const double height = std::min(a.bottom, b.bottom) - std::max(a.top, b.top);
  const double width = std::min(a.right, b.right) - std::max(a.left, b.left);
  if (height <= 0 || width <= 0) return 0;
  const auto area = [](const Box& x) { return (x.bottom - x.top) * (x.right - x.left); };
  return height * width / (area(a) + area(b) - height * width);
}

/// What NonMaxSuppression is asked for; the defaults of the inputs that are left out.
struct Limits {
  std::int64_t most = 0;
  double overlap = 0, score = -std::numeric_limits<double>::infinity();
};

/// The chosen boxes of one class, best first: each box that overlaps no better one too much.
template <class T>
std::vector<std::int64_t> survivors(const std::vector<Box>& boxes, std::span<const T> scores,
                                    const Limits& limits) {
  std::vector<std::int64_t> order, kept;
  const auto score = [&](std::int64_t i) { return static_cast<double>(scores[static_cast<std::size_t>(i)]); };
  for (std::size_t i = 0; i < boxes.size(); ++i)
    if (score(static_cast<std::int64_t>(i)) > limits.score) order.push_back(static_cast<std::int64_t>(i));
  std::ranges::stable_sort(order, std::greater<>(), score);
  const auto box = [&](std::int64_t i) -> const Box& { return boxes[static_cast<std::size_t>(i)]; };
  for (std::int64_t i : order) {
    if (static_cast<std::int64_t>(kept.size()) >= limits.most) break;
    if (std::ranges::none_of(kept, [&](std::int64_t k) { return overlap(box(i), box(k)) > limits.overlap; }))
      kept.push_back(i);
  }
  return kept;
}

template <class T>
std::vector<std::int64_t> suppress(const Node& node, const TensorView& boxes, const TensorView& scores,
                                   const Limits& limits) {
  const bool centre = node.attrs.integer("center_point_box", 0) != 0;
  const std::int64_t batch = scores.dims[0], classes = scores.dims[1], count = scores.dims[2];
  std::vector<std::int64_t> chosen;
  for (std::int64_t n = 0; n < batch; ++n) {
    std::vector<Box> of_image;
    for (std::int64_t i = 0; i < count; ++i)
      of_image.push_back(box_of(boxes.as<T>().data() + (n * count + i) * 4, centre));
    for (std::int64_t k = 0; k < classes; ++k) {
      const auto of_class = scores.as<T>().subspan(static_cast<std::size_t>((n * classes + k) * count),
                                                   static_cast<std::size_t>(count));
      for (std::int64_t i : survivors<T>(of_image, of_class, limits)) chosen.insert(chosen.end(), {n, k, i});
    }
  }
  return chosen;
}

std::vector<std::int64_t> suppressed(const Node& node, std::span<const TensorView> in) {
  const auto number = [&](std::size_t i, double otherwise) {
    if (i >= in.size() || !in[i].present() || in[i].count() == 0) return otherwise;
    double v = otherwise;
    dispatch(in[i].dtype, [&]<class T>() { v = static_cast<double>(in[i].as<T>()[0]); });
    return v;
  };
  const Limits none;
  const Limits limits{static_cast<std::int64_t>(number(2, 0)), number(3, none.overlap), number(4, none.score)};
  return in[0].dtype == DType::f64 ? suppress<double>(node, in[0], in[1], limits)
                                   : suppress<float>(node, in[0], in[1], limits);
}

std::vector<Inferred> infer_non_max_suppression(const InferContext& c) {
  const Shape &boxes = c.shape(0), &scores = c.shape(1);
  const bool fits = boxes.size() == 3 && scores.size() == 3 && boxes[2] == Dim(4) && is_float(c.dtype(0)) &&
                    is_float(c.dtype(1)) && !(boxes[1].known() && scores[2].known() && boxes[1] != scores[2]);
  if (!fits) throw c.wrong("scores " + to_string(scores) + " do not go with boxes " + to_string(boxes));
  std::vector<TensorView> in;
  bool known = true;
  for (std::size_t i = 0; i < c.count(); ++i) {
    known = known && (!c.has(i) || c.constant(i));
    in.push_back(c.constant(i) ? c.constant(i)->view() : TensorView{});
  }
  const Dim count = known ? Dim(static_cast<std::int64_t>(suppressed(c.node, in).size()) / 3) : Dim();
  return {{{DType::i64, Shape{count, 3}}, {}}};
}

void non_max_suppression_reference(const EvalContext& c) {
  std::ranges::copy(suppressed(c.node, c.in), c.out[0].as<std::int64_t>().begin());
}

constexpr std::string_view kBoxes = "boxes belong to detectors, which limn evaluates only";

}  // namespace

const OpDef roi_align_op{"RoiAlign", {3, 3}, infer_roi_align, roi_align_reference, nullptr, nullptr, kBoxes};
const OpDef max_roi_pool_op{"MaxRoiPool", {2, 2}, infer_max_roi_pool, max_roi_pool_reference, nullptr,
                            nullptr,      kBoxes};
const OpDef non_max_suppression_op{"NonMaxSuppression",
                                   {2, 5},
                                   infer_non_max_suppression,
                                   non_max_suppression_reference,
                                   nullptr,
                                   nullptr,
                                   kBoxes};

}  // namespace limn
