// Operators that make a table out of sizes: EyeLike, the windows of signal processing, MelWeightMatrix.
#include <cmath>
#include <numbers>

#include "limn/ops/families.h"
#include "limn/ops/infer.h"
#include "limn/ops/loops.h"

namespace limn {
namespace {

/// The element type that the attribute asks for, in ONNX's numbering.
DType type_from(const InferContext& c, std::string_view attribute, DType otherwise) {
  if (!c.node.attrs.has(attribute)) return otherwise;
  const DType t = dtype_of_onnx(c.node.attrs.integer(attribute, 0));
  if (t == DType::undefined || t == DType::boolean) throw c.wrong("cannot make the element type that it asks for");
  return t;
}

std::vector<Inferred> infer_eye_like(const InferContext& c) {
  if (c.shape(0).size() != 2) throw c.wrong("takes a matrix, not " + to_string(c.shape(0)));
  return {{{type_from(c, "dtype", c.dtype(0)), c.shape(0)}, {}}};
}

/// Ones on the k-th diagonal.
void eye_like_reference(const EvalContext& c) {
  const std::int64_t k = c.node.attrs.integer("k", 0), columns = c.out[0].dims[1];
  dispatch(c.out[0].dtype, [&]<class T>() {
    const auto y = c.out[0].as<T>();
    for (std::size_t i = 0; i < y.size(); ++i) {
      const auto at = static_cast<std::int64_t>(i);
      y[i] = static_cast<T>(at % columns - at / columns == k);
    }
  });
}

std::vector<Inferred> infer_window(const InferContext& c) {
  if (product(c.shape(0)) != Dim(1)) throw c.wrong("its size is one number");
  const DType t = type_from(c, "output_datatype", DType::f32);
  const auto size = c.integers(0);
  if (size && (size->front() < 1 || size->front() > (1 << 24)))
    throw c.wrong("cannot be of the size " + std::to_string(size->front()));
  return {{{t, Shape{size ? Dim(size->front()) : Dim()}}, {}}};
}

/// a - b cos(2 pi i / n) + d cos(4 pi i / n), where n is the size, or the size less one for a symmetric window.
struct Cosines {
  double a, b, d;
};
constexpr Cosines kHann{0.5, 0.5, 0.0}, kHamming{25.0 / 46.0, 21.0 / 46.0, 0.0}, kBlackman{0.42, 0.5, 0.08};

template <const Cosines& kWindow>
void window_reference(const EvalContext& c) {
  dispatch_number(c.out[0].dtype, [&]<class T>() {
    const auto y = c.out[0].as<T>();
    const auto size = static_cast<double>(y.size());
    const double n = c.node.attrs.integer("periodic", 1) != 0 ? size : std::max(size - 1, 1.0);
    for (std::size_t i = 0; i < y.size(); ++i) {
      const double angle = 2 * std::numbers::pi * static_cast<double>(i) / n;
      y[i] = static_cast<T>(kWindow.a - kWindow.b * std::cos(angle) + kWindow.d * std::cos(2 * angle));
    }
  });
}

// MelWeightMatrix: triangles of equal width on the mel scale, as TensorFlow's linear_to_mel_weight_matrix makes
// them.
double mel_of(double hertz) { return 2595 * std::log10(1 + hertz / 700); }
double hertz_of(double mel) { return 700 * (std::pow(10.0, mel / 2595) - 1); }

std::vector<Inferred> infer_mel(const InferContext& c) {
  for (std::size_t i = 0; i < 5; ++i)
    if (product(c.shape(i)) != Dim(1)) throw c.wrong("takes single numbers");
  const auto bands = c.integers(0), length = c.integers(1);
  if ((bands && bands->front() < 1) || (length && length->front() < 1)) throw c.wrong("cannot make an empty table");
  const Dim rows = length ? Dim(length->front() / 2 + 1) : Dim(), columns = bands ? Dim(bands->front()) : Dim();
  return {{{type_from(c, "output_datatype", DType::f32), Shape{rows, columns}}, {}}};
}

double number_in(const EvalContext& c, std::size_t i) {
  double value = 0;
  dispatch_number(c.in[i].dtype, [&]<class T>() { value = static_cast<double>(c.in[i].as<T>()[0]); });
  return value;
}

void mel_reference(const EvalContext& c) {
  const auto rows = static_cast<std::size_t>(c.out[0].dims[0]), bands = static_cast<std::size_t>(c.out[0].dims[1]);
  const double length = number_in(c, 1), rate = number_in(c, 2);
  const double low = mel_of(number_in(c, 3)), high = mel_of(number_in(c, 4));
  if (!(rate > 0 && low >= 0 && high >= low && length >= 0 && high < 1e6))
    throw Error(ErrorCode::bad_input, "a MelWeightMatrix needs a sample rate and ascending frequencies",
                c.node.name);
  std::vector<std::size_t> edges(bands + 2);
  for (std::size_t i = 0; i < edges.size(); ++i) {
    const double mel = low + (high - low) / static_cast<double>(edges.size()) * static_cast<double>(i);
    edges[i] = static_cast<std::size_t>(std::floor((length + 1) * hertz_of(mel) / rate));
  }
  dispatch_number(c.out[0].dtype, [&]<class T>() {
    const auto y = c.out[0].as<T>();
    std::ranges::fill(y, T{});
    for (std::size_t b = 0; b < bands; ++b) {
      const std::size_t from = edges[b], top = edges[b + 1], to = edges[b + 2];
      for (std::size_t i = from; i <= std::min(top, rows - 1); ++i)
        y[i * bands + b] =
            static_cast<T>(top == from ? 1.0 : static_cast<double>(i - from) / static_cast<double>(top - from));
      for (std::size_t i = top + (top != from); i < std::min(to, rows); ++i)
        y[i * bands + b] = static_cast<T>(static_cast<double>(to - i) / static_cast<double>(to - top));
    }
  });
}

constexpr std::string_view kFixed = "its result depends on sizes and attributes alone";

}  // namespace

const OpDef eye_like_op{"EyeLike", {1, 1}, infer_eye_like, eye_like_reference, nullptr, nullptr, kFixed};
const OpDef hann_window_op{"HannWindow", {1, 1}, infer_window, window_reference<kHann>, nullptr, nullptr, kFixed};
const OpDef hamming_window_op{"HammingWindow", {1, 1},  infer_window, window_reference<kHamming>,
                              nullptr,         nullptr, kFixed};
const OpDef blackman_window_op{"BlackmanWindow", {1, 1},  infer_window, window_reference<kBlackman>,
                               nullptr,          nullptr, kFixed};
const OpDef mel_weight_matrix_op{"MelWeightMatrix", {5, 5}, infer_mel, mel_reference, nullptr, nullptr, kFixed};

}  // namespace limn
