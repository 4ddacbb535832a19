#include "limn/runtime/winograd.h"

#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include "limn/base/memory.h"

namespace limn {
namespace {

using dnnl::convolution_forward;

constexpr std::int64_t kSide = 3, kTaps = kSide * kSide;
/// The largest error among a hundred thousand results, in root mean squares. Measured on VGG-16's layers: 8 to 11
/// for tiles of 4x4, whose places differ in accuracy, 6 to 7 for those of 2x2.
constexpr double kWorst = 10;

dnnl::memory::desc blocked(const Dims& dims, std::int64_t images) {
  return dnnl_desc(whole(0, Layout::blocked, DType::f32, dims), images);
}

/// Nothing where oneDNN has no transform.
std::optional<convolution_forward::primitive_desc> described(const ConvolutionShape& s, std::int64_t images,
                                                             const dnnl::memory::desc& weights,
                                                             const dnnl::memory::desc& bias,
                                                             const dnnl::primitive_attr& attr) {
  try {
    const convolution_forward::desc d(dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_winograd,
                                      blocked(s.x, images), weights, bias, blocked(s.y, images), s.strides(),
                                      s.dilations(), s.before(), s.after());
    return convolution_forward::primitive_desc(d, attr, dnnl_engine());
  } catch (const dnnl::error&) {
    return std::nullopt;
  }
}

/// Memory that goes back to the system, where malloc would keep it: a check of large weights should leave no trace.
class Floats {
 public:
  explicit Floats(std::size_t count)
      : bytes_(limn::allocate(count * sizeof(float),
                              "not enough memory to check a transform of the network's weights")),
        count_(count) {}
  std::byte* bytes() { return bytes_.get(); }
  float* data() { return reinterpret_cast<float*>(bytes_.get()); }
  std::span<const float> view() const { return {reinterpret_cast<const float*>(bytes_.get()), count_}; }

 private:
  std::shared_ptr<std::byte> bytes_;
  std::size_t count_;
};

Floats floats_of(const dnnl::memory::desc& desc) {
  return Floats((desc.get_size() + sizeof(float) - 1) / sizeof(float));
}

/// A whole number from 0 to n - 1; the same sequence every time.
class Draw {
 public:
  std::int64_t operator()(std::int64_t n) {
    state_ = state_ * 6364136223846793005U + 1442695040888963407U;
    return static_cast<std::int64_t>((state_ >> 33U) % static_cast<std::uint64_t>(n));
  }

 private:
  std::uint64_t state_ = 1;
};

/// Random numbers from 0 to 1, as after a rectifier, or from -1 to 1, as cotangents are: a table over and over
/// whose length is no multiple of a row's.
Floats pixels(const dnnl::memory::desc& desc, bool both_signs) {
  constexpr std::size_t kTable = 4099;
  Floats out = floats_of(desc);
  const std::size_t count = out.view().size();
  float* const to = out.data();
  Draw draw;
  for (std::size_t i = 0; i < std::min(kTable, count); ++i) {
    const float v = static_cast<float>(draw(1 << 24)) * 0x1p-24F;
    to[i] = both_signs ? 2 * v - 1 : v;
  }
  for (std::size_t i = kTable; i < count; i += kTable) std::copy_n(to, std::min(kTable, count - i), to + i);
  return out;
}

/// A convolution without anything after it, and what it makes of random pixels.
class Trial {
 public:
  Trial(const ConvolutionShape& s, std::int64_t images, const convolution_forward::primitive_desc& pd,
        const void* weights, bool both_signs)
      : s_(s), images_(images), x_(pixels(pd.src_desc(), both_signs)), y_(floats_of(pd.dst_desc())) {
    Floats scratch = floats_of(pd.scratchpad_desc());
    const auto memory = [](const dnnl::memory::desc& desc, const void* data) {
      return dnnl::memory(desc, dnnl_engine(), const_cast<void*>(data));
    };
    dnnl::stream stream(dnnl_engine());
    convolution_forward(pd).execute(stream, {{DNNL_ARG_SRC, memory(pd.src_desc(), x_.data())},
                                             {DNNL_ARG_WEIGHTS, memory(pd.weights_desc(), weights)},
                                             {DNNL_ARG_DST, memory(pd.dst_desc(), y_.data())},
                                             {DNNL_ARG_SCRATCHPAD, memory(pd.scratchpad_desc(), scratch.data())}});
    stream.wait();
  }

  double largest() const {
    float most = 0;
    for (const float v : y_.view()) most = std::max(most, std::fabs(v));
    return static_cast<double>(most);
  }

  /// At one position drawn at random.
  double error(std::span<const float> weights, Draw& draw) const {
    const std::int64_t n = draw(images_), o = draw(s_.y[1]), row = draw(s_.y[2]), column = draw(s_.y[3]);
    double sum = 0;
    for (std::int64_t c = 0; c < s_.x[1]; ++c)
      for (std::int64_t k = 0; k < kTaps; ++k) {
        const std::int64_t r = row + k / kSide - s_.height.begin, q = column + k % kSide - s_.width.begin;
        if (r < 0 || q < 0 || r >= s_.x[2] || q >= s_.x[3]) continue;
        sum += static_cast<double>(x_.view()[place(s_.x, n, c, r, q)]) *
               static_cast<double>(weights[static_cast<std::size_t>((o * s_.x[1] + c) * kTaps + k)]);
      }
    return std::abs(sum - static_cast<double>(y_.view()[place(s_.y, n, o, row, column)]));
  }

 private:
  /// Of an element in blocked memory.
  static std::size_t place(const Dims& dims, std::int64_t n, std::int64_t c, std::int64_t row,
                           std::int64_t column) {
    const std::int64_t block = channel_block(), blocks = round_up(dims[1], block) / block;
    const std::int64_t pixel = ((n * blocks + c / block) * dims[2] + row) * dims[3] + column;
    return static_cast<std::size_t>(pixel * block + c % block);
  }

  ConvolutionShape s_;
  std::int64_t images_;
  Floats x_, y_;
};

/// The same convolution of an image of at most that many pixels a side.
ConvolutionShape cropped(ConvolutionShape s, std::int64_t side) {
  const auto crop = [side](WindowAxis& a, std::int64_t& x, std::int64_t& y) {
    const std::int64_t less = std::max<std::int64_t>(0, std::min(a.in - side, a.out - 1));
    a.in -= less;
    a.out -= less;
    x -= less;
    y -= less;
  };
  crop(s.height, s.x[2], s.y[2]);
  crop(s.width, s.x[3], s.y[3]);
  return s;
}

dnnl::memory::desc any_form(const ConvolutionShape& s) {
  return {s.weights(), dnnl::memory::data_type::f32, dnnl::memory::format_tag::any};
}

/// A small convolution by the kernel of another, with the same weights.
struct Specimen {
  ConvolutionShape shape;
  std::int64_t images;
  convolution_forward::primitive_desc pd;
};

/// The smallest that can be had. In what form a kernel wants its weights depends on the number of pixels, and so
/// does which kernel oneDNN takes.
std::optional<Specimen> specimen(const ConvolutionShape& s, std::int64_t images,
                                 const convolution_forward::primitive_desc& whole) {
  constexpr std::int64_t kSides[]{28, 56};
  for (const std::int64_t n : {std::int64_t{1}, images})
    for (const std::int64_t side : kSides) {
      const ConvolutionShape small = cropped(s, side);
      for (const dnnl::memory::desc& form : {whole.weights_desc(), any_form(s)})
        if (auto pd = described(small, n, form, {}, user_scratch());
            pd && std::string_view(pd->impl_info_str()) == whole.impl_info_str())
          return Specimen{small, n, std::move(*pd)};
    }
  auto pd = described(s, images, whole.weights_desc(), {}, user_scratch());
  return pd ? std::optional(Specimen{s, images, std::move(*pd)}) : std::nullopt;
}

std::optional<WinogradConvolution> accurate(Lowering& l, const ConvolutionShape& s, std::int64_t images, ValueId id,
                                            convolution_forward::primitive_desc pd, const WeightChange& change,
                                            bool both_signs) {
  const auto is_accurate = [&](std::span<const float> weights, const void* bytes) {
    return winograd_error(s, images, weights, pd, bytes, both_signs) <= kWinogradError;
  };
  const WeightCheck check{fmt::format("{} of {} {} {}", kWinogradError, kWorst, pd.impl_info_str(), both_signs),
                          is_accurate};
  const auto view = l.weights_that_suit(id, dnnl_plain(s.weights()), pd.weights_desc(), change, check);
  if (!view) return std::nullopt;
  return WinogradConvolution{std::move(pd), *view};
}

}  // namespace

bool winograd_serves(const ConvolutionShape& s) {
  const auto fits = [](const WindowAxis& a) {
    return a.kernel == kSide && a.stride == 1 && a.dilation == 1 && a.begin >= 0 && a.begin < kSide && a.end >= 0;
  };
  const std::int64_t least = channel_block();
  return s.group == 1 && s.x[1] >= least && s.y[1] >= least && fits(s.height) && fits(s.width);
}

// oneDNN's kernel of tiles of 2x2 runs one image by rows of tiles with a barrier after each, and its blocks of
// output channels come out badly where their number has a large factor; the kernel of 4x4 shares out few channels
// badly.
bool winograd_pays(const ConvolutionShape& s, std::int64_t images, int threads, std::string_view implementation) {
  if (!winograd_serves(s)) return false;
  constexpr std::int64_t kFewPositions = 96, kFewProducts = 10'000'000;
  const std::int64_t positions = images * s.y[2] * s.y[3], products = positions * s.x[1] * s.y[1] * kTaps;
  if (threads > 1 && positions < kFewPositions * threads) return false;
  if (implementation.starts_with("jit_wino_4x3")) return threads == 1 || products >= kFewProducts * threads;
  std::int64_t blocks = round_up(s.y[1], channel_block()) / channel_block();
  for (const std::int64_t factor : {2, 3, 5})
    while (blocks % factor == 0) blocks /= factor;
  return blocks == 1;
}

double winograd_error(const ConvolutionShape& s, std::int64_t images, std::span<const float> weights,
                      const convolution_forward::primitive_desc& pd, const void* reordered, bool both_signs) {
  constexpr int kPositions = 1024;
  const auto small = specimen(s, images, pd);
  if (!small) return HUGE_VAL;
  std::optional<Floats> other_form;
  if (small->pd.weights_desc() != pd.weights_desc()) {
    other_form = floats_of(small->pd.weights_desc());
    reorder_weights(weights.data(), dnnl_plain(s.weights()), small->pd.weights_desc(), other_form->bytes());
    reordered = other_form->bytes();
  }
  const Trial trial(small->shape, small->images, small->pd, reordered, both_signs);
  double squares = 0;
  Draw draw;
  for (int i = 0; i < kPositions; ++i) {
    const double error = trial.error(weights, draw);
    squares += error * error;
  }
  return squares == 0 ? 0 : kWorst * std::sqrt(squares / kPositions) / trial.largest();
}

std::optional<WinogradConvolution> winograd_convolution(Lowering& l, const ConvolutionShape& s, std::int64_t images,
                                                        ValueId x, ValueId weights, const dnnl::memory::desc& bias,
                                                        const dnnl::primitive_attr& attr) {
  if (!winograd_serves(s)) return std::nullopt;
  auto pd = described(s, images, any_form(s), bias, attr);
  if (!pd || !winograd_pays(s, images, omp_get_max_threads(), pd->impl_info_str())) return std::nullopt;
  return accurate(l, s, images, weights, std::move(*pd), {}, !l.never_negative(x));
}

std::optional<WinogradConvolution> winograd_gradient(Lowering& l, const ConvolutionShape& s, std::int64_t images,
                                                     ValueId dy, ValueId weights) {
  if (!winograd_serves(s)) return std::nullopt;
  const auto g = s.gradient();
  if (!g) return std::nullopt;
  auto pd = described(*g, images, any_form(*g), {}, user_scratch());
  if (!pd || !winograd_pays(*g, images, omp_get_max_threads(), pd->impl_info_str())) return std::nullopt;
  const auto reverse = [&](std::span<const float> w) { return reversed_weights(w, s.y[1], s.x[1]); };
  return accurate(l, *g, images, weights, std::move(*pd), {"reversed", reverse}, !l.never_negative(dy));
}

}  // namespace limn
