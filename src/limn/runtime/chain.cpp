// Chains of element-by-element operators, and the masks of what they make.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "limn/base/multiversion.h"
#include "limn/runtime/kernels.h"
#include "limn/runtime/lowering.h"
#include "limn/runtime/vector_math.h"

namespace limn {
namespace {

/// to[i] = f(r[i], x[i]) where x is either n elements or a pattern of kPatternWidth. `to` may be `r` or `x`.
template <class F>
[[gnu::always_inline]] inline void each(float* to, const float* r, const float* x, bool pattern, std::int64_t n,
                                        F f) {
  if (!pattern) {
#pragma GCC ivdep
    for (std::int64_t i = 0; i < n; ++i) to[i] = f(r[i], x[i]);
    return;
  }
  float v[kPatternWidth];
  for (std::int64_t l = 0; l < kPatternWidth; ++l) v[l] = x[l];
  std::int64_t i = 0;
  for (; i + kPatternWidth <= n; i += kPatternWidth)
#pragma GCC ivdep
    for (std::int64_t l = 0; l < kPatternWidth; ++l) to[i + l] = f(r[i + l], v[l]);
  for (std::int64_t l = 0; i + l < n; ++l) to[i + l] = f(r[i + l], v[l]);
}

template <class F>
[[gnu::always_inline]] inline void each(float* to, const float* r, std::int64_t n, F f) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < n; ++i) to[i] = f(r[i]);
}

/// to[i] = F(r[i]) with one of the vector functions.
template <float (&F)(float)>
[[gnu::always_inline]] inline void each_by(float* to, const float* r, std::int64_t n) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < n; ++i) to[i] = F(r[i]);
}

/// to[i] = f(r[i], x[lane], x[kPatternWidth + lane])
template <class F>
[[gnu::always_inline]] inline void each_pair(float* to, const float* r, const float* x, std::int64_t n, F f) {
  float v[2 * kPatternWidth];
  for (std::int64_t l = 0; l < 2 * kPatternWidth; ++l) v[l] = x[l];
  std::int64_t i = 0;
  for (; i + kPatternWidth <= n; i += kPatternWidth)
#pragma GCC ivdep
    for (std::int64_t l = 0; l < kPatternWidth; ++l) to[i + l] = f(r[i + l], v[l], v[kPatternWidth + l]);
  for (std::int64_t l = 0; i + l < n; ++l) to[i + l] = f(r[i + l], v[l], v[kPatternWidth + l]);
}

}  // namespace

/// Flat: a loop over a function that is called is no vector code, and what the compiler makes inline by itself
/// changes with what is beside it.
[[gnu::flatten]] LIMN_MULTIVERSION void run_stage(const ChainStage& stage, float* to, const float* r,
                                                  const float* x, bool pattern, std::int64_t n) {
  using Kind = ChainStage::Kind;
  const float a = stage.a, b = stage.b;
  const auto positive = [](float u) { return u < 0.0F ? 0.0F : u; };
  const auto between_0_and_1 = [](float u) {
    const float low = u < 0.0F ? 0.0F : u;
    return low > 1.0F ? 1.0F : low;
  };
  const auto between = [=](float u, float v) {
    const float low = v > a ? u : 0.0F;
    return v < b ? low : 0.0F;
  };
  switch (stage.kind) {
    case Kind::load: each(to, x, x, pattern, n, [](float, float v) { return v; }); break;
    case Kind::add: each(to, r, x, pattern, n, [](float u, float v) { return u + v; }); break;
    case Kind::subtract: each(to, r, x, pattern, n, [](float u, float v) { return u - v; }); break;
    case Kind::subtract_from: each(to, r, x, pattern, n, [](float u, float v) { return v - u; }); break;
    case Kind::multiply: each(to, r, x, pattern, n, [](float u, float v) { return u * v; }); break;
    case Kind::divide: each(to, r, x, pattern, n, [](float u, float v) { return u / v; }); break;
    case Kind::divide_into: each(to, r, x, pattern, n, [](float u, float v) { return v / u; }); break;
    case Kind::mask_positive:
      each(to, r, x, pattern, n, [](float u, float v) { return v > 0.0F ? u : 0.0F; });
      break;
    case Kind::mask_between: each(to, r, x, pattern, n, between); break;
    case Kind::guided_positive:
      each(to, r, x, pattern, n, [=](float u, float v) { return v > 0.0F ? positive(u) : 0.0F; });
      break;
    case Kind::guided_between:
      each(to, r, x, pattern, n, [=](float u, float v) { return between(positive(u), v); });
      break;
    case Kind::mask_open:
    case Kind::guided_open: break;  // see run_mask()
    case Kind::affine: each(to, r, n, [=](float u) { return a * u + b; }); break;
    case Kind::scale_shift: each_pair(to, r, x, n, [](float u, float v, float w) { return u * v + w; }); break;
    case Kind::scale_shift_relu:
      each_pair(to, r, x, n, [=](float u, float v, float w) { return positive(u * v + w); });
      break;
    case Kind::relu: each(to, r, n, positive); break;
    case Kind::clip:
      each(to, r, n, [=](float u) {
        const float low = u < a ? a : u;
        return low > b ? b : low;
      });
      break;
    case Kind::absolute: each(to, r, n, [](float u) { return std::fabs(u); }); break;
    case Kind::square_root: each(to, r, n, [](float u) { return std::sqrt(u); }); break;
    case Kind::exponential: each_by<vector_exp>(to, r, n); break;
    case Kind::sigmoid: each_by<vector_sigmoid>(to, r, n); break;
    case Kind::tanh: each_by<vector_tanh>(to, r, n); break;
    case Kind::erf: each_by<vector_erf>(to, r, n); break;
    case Kind::gelu: each(to, r, n, [](float u) { return vector_gelu(u).value; }); break;
    case Kind::gelu_slope: each(to, r, n, [](float u) { return vector_gelu(u).slope; }); break;
    case Kind::tanh_gelu: each(to, r, n, [](float u) { return vector_tanh_gelu(u).value; }); break;
    case Kind::tanh_gelu_slope: each(to, r, n, [](float u) { return vector_tanh_gelu(u).slope; }); break;
    case Kind::swish: each(to, r, n, [=](float u) { return vector_swish(u, a).value; }); break;
    case Kind::swish_slope: each(to, r, n, [=](float u) { return vector_swish(u, a).slope; }); break;
    case Kind::leaky: each(to, r, n, [=](float u) { return u < 0.0F ? a * u : u; }); break;
    case Kind::hard_sigmoid: each(to, r, n, [=](float u) { return between_0_and_1(a * u + b); }); break;
    case Kind::hard_swish:
      each(to, r, n, [=](float u) { return u * between_0_and_1(u * (1.0F / 6.0F) + 0.5F); });
      break;
    case Kind::inverse: each(to, r, n, [=](float u) { return a / u; }); break;
    case Kind::divide_by: each(to, r, n, [=](float u) { return u / a; }); break;
  }
}

namespace {

/// bfloat16 is the upper half of a float.
LIMN_MULTIVERSION void widen(const std::uint16_t* from, float* to, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) to[i] = std::bit_cast<float>(std::uint32_t{from[i]} << 16);
}

/// To the nearest, the even one of two; what is no number keeps a bit that says so.
LIMN_MULTIVERSION void narrow(const float* from, std::uint16_t* to, std::int64_t n) {
  constexpr std::uint32_t kMagnitude = 0x7fffffffU, kInfinity = 0x7f800000U, kHalf = 0x7fffU, kQuiet = 0x0040U;
  for (std::int64_t i = 0; i < n; ++i) {
    const auto bits = std::bit_cast<std::uint32_t>(from[i]);
    const std::uint32_t rounded = (bits + kHalf + ((bits >> 16) & 1U)) >> 16;
    to[i] = static_cast<std::uint16_t>((bits & kMagnitude) > kInfinity ? (bits >> 16) | kQuiet : rounded);
  }
}

struct OperandPointer {
  const std::byte* data;
  std::int64_t image_stride, plane_stride;
  bool lanes, bf16;
  std::int64_t element_bytes;

  /// From there on, elements of whatever type.
  const std::byte* at(std::int64_t element) const { return data + element * element_bytes; }
};

/// A chain bound to memory.
struct BoundChain {
  Chain chain;
  std::vector<OperandPointer> operands;
  std::byte* to;
  bool to_bf16;
  std::int64_t to_stride, to_plane;
  std::optional<ChainStage> asked = {};  ///< of the mask, where there is one
  std::uint8_t* mask = nullptr;
  std::int64_t mask_stride = 0;

  void operator()() const {
    const ChainShape& s = chain.shape;
    const std::int64_t pieces = (s.plane + kElementsAtOnce - 1) / kElementsAtOnce,
                       items = s.images * s.planes * pieces;
#pragma omp parallel for schedule(static) if (s.images * s.planes * s.plane >= kWorthThreads)
    for (std::int64_t item = 0; item < items; ++item) {
      const std::int64_t begin = item % pieces * kElementsAtOnce;
      run_piece(item / pieces / s.planes, item / pieces % s.planes, begin,
                std::min(kElementsAtOnce, s.plane - begin));
    }
  }

  /// The first stage reads its operand, the last one writes the result; between them a piece stays in the cache.
  void run_piece(std::int64_t image, std::int64_t plane, std::int64_t begin, std::int64_t n) const {
    const std::int64_t first = image * to_stride + plane * to_plane + begin;
    if (!to_bf16) {
      float* const result = reinterpret_cast<float*>(to) + first;
      run_stages(image, plane, begin, n, result);
      if (asked) find_open(*asked, result, mask + image * mask_stride + plane * to_plane + begin, n);
      return;
    }
    alignas(64) float result[kElementsAtOnce];
    run_stages(image, plane, begin, n, result);
    narrow(result, reinterpret_cast<std::uint16_t*>(to) + first, n);
  }

  void run_stages(std::int64_t image, std::int64_t plane, std::int64_t begin, std::int64_t n, float* result) const {
    alignas(64) float buffer[kElementsAtOnce], wide[kElementsAtOnce];
    const float* r = nullptr;
    const std::size_t count = chain.stages.size();
    for (std::size_t i = 0; i < count; ++i) {
      const ChainStage& stage = chain.stages[i];
      const OperandPointer* o = stage.operand < 0 ? nullptr : &operands[static_cast<std::size_t>(stage.operand)];
      const bool lanes = o != nullptr && o->lanes;
      const float* x = nullptr;
      if (stage.kind == ChainStage::Kind::mask_open || stage.kind == ChainStage::Kind::guided_open) {
        const std::byte* open = o->at(image * o->image_stride + plane * o->plane_stride + begin);
        float* const next = i + 1 == count ? result : buffer;
        run_mask(stage.kind == ChainStage::Kind::guided_open, next, r, reinterpret_cast<const std::uint8_t*>(open),
                 n);
        r = next;
        continue;
      }
      if (o != nullptr)
        x = elements(*o, image * o->image_stride + plane * o->plane_stride + (lanes ? 0 : begin), n,
                     i == 0 ? buffer : wide);
      if (i == 0 && !lanes && count > 1) {
        r = x;
        continue;
      }
      float* const next = i + 1 == count ? result : buffer;
      alignas(64) float pattern[2 * kPatternWidth];
      if (lanes) fill_pattern(stage, x, pattern);
      if (i == 0 && chain.ends_at_zero && lanes && is_zero(pattern)) {
        std::fill(result, result + n, 0.0F);
        return;
      }
      run_stage(stage, next, r, lanes ? pattern : x, lanes, n);
      r = next;
    }
    if (chain.moves_zero && plane + 1 == chain.shape.planes) clear_padding(chain.shape, result, n);
  }

  /// Of what the chain makes of a plane.
  void sum_plane(std::int64_t image, std::int64_t plane, float scale, float* out) const {
    alignas(64) float piece[kElementsAtOnce];
    float sum[kPatternWidth], total[kPatternWidth] = {};
    const std::int64_t lanes = chain.shape.lanes;
    for (std::int64_t begin = 0; begin < chain.shape.plane; begin += kElementsAtOnce) {
      const std::int64_t n = std::min(kElementsAtOnce, chain.shape.plane - begin);
      run_stages(image, plane, begin, n, piece);
      sum_lanes(piece, n, lanes, sum);
      for (std::int64_t l = 0; l < lanes; ++l) total[l] += sum[l];
    }
    for (std::int64_t l = 0; l < lanes; ++l) out[l] = total[l] * scale;
  }

  /// Where the operand's floats are: where they lie or, of bfloat16, in `wide`.
  static const float* elements(const OperandPointer& o, std::int64_t first, std::int64_t n, float* wide) {
    if (!o.bf16) return reinterpret_cast<const float*>(o.at(first));
    widen(reinterpret_cast<const std::uint16_t*>(o.at(first)), wide, n);
    return wide;
  }

  void fill_pattern(const ChainStage& stage, const float* x, float* pattern) const {
    const std::int64_t lanes = chain.shape.lanes;
    for (std::int64_t l = 0; l < kPatternWidth; ++l) pattern[l] = x[l % lanes];
    if (stage.kind != ChainStage::Kind::scale_shift && stage.kind != ChainStage::Kind::scale_shift_relu) return;
    for (std::int64_t l = 0; l < kPatternWidth; ++l) pattern[kPatternWidth + l] = x[lanes + l % lanes];
  }

  /// As for all classes but one, where a one-hot cotangent is spread over its channels.
  static bool is_zero(const float* pattern) {
    return std::all_of(pattern, pattern + kPatternWidth, [](float v) { return v == 0.0F; });
  }
};

/// Bytes of 0 or 1 as bits that keep nothing or everything: a choice between floats by a byte is no vector code.
[[gnu::always_inline]] inline float kept(float u, std::uint8_t open) {
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(u) & (0U - std::uint32_t{open}));
}

}  // namespace

LIMN_MULTIVERSION void run_mask(bool guided, float* to, const float* r, const std::uint8_t* open, std::int64_t n) {
  if (guided) {
#pragma GCC ivdep
    for (std::int64_t i = 0; i < n; ++i) to[i] = kept(r[i] < 0.0F ? 0.0F : r[i], open[i]);
    return;
  }
#pragma GCC ivdep
  for (std::int64_t i = 0; i < n; ++i) to[i] = kept(r[i], open[i]);
}

LIMN_MULTIVERSION void find_open(const ChainStage& stage, const float* x, std::uint8_t* to, std::int64_t n) {
  const float low = stage.a, high = stage.b;
  if (stage.kind == ChainStage::Kind::mask_positive) {
    for (std::int64_t i = 0; i < n; ++i) to[i] = static_cast<std::uint8_t>(x[i] > 0.0F ? 1U : 0U);
    return;
  }
  for (std::int64_t i = 0; i < n; ++i) {
    const std::uint32_t above = x[i] > low ? 1U : 0U, below = x[i] < high ? 1U : 0U;
    to[i] = static_cast<std::uint8_t>(above & below);
  }
}

ChainShape chain_shape(const View& v) {
  ChainShape s;
  s.images = v.images();
  if (v.dims.size() != 4) {
    s.plane = v.image_elements();
    return s;
  }
  const bool blocked = v.layout == Layout::blocked;
  s.lanes = blocked ? channel_block() : 1;
  s.planes = round_up(v.channels(), s.lanes) / s.lanes;
  s.plane = v.plane() * s.lanes;
  s.last_lanes = v.channels() - (s.planes - 1) * s.lanes;
  return s;
}

void clear_padding(const ChainShape& s, float* piece, std::int64_t n) {
  for (std::int64_t i = 0; i < n; i += s.lanes) std::fill(piece + i + s.last_lanes, piece + i + s.lanes, 0.0F);
}

ChainOperand full_operand(const View& v) { return {v, v.image_stride, chain_shape(v).plane, false}; }

ChainOperand lanes_operand(const View& v, const View& like) {
  const bool per_image = v.dims.size() == 4 && v.dims[0] == like.images() && v.dims[0] > 1;
  return {v, per_image ? v.image_stride : 0, chain_shape(like).lanes, true};
}

namespace {

/// Its target aside.
std::shared_ptr<BoundChain> bound_chain(const Chain& chain, const std::vector<ChainOperand>& operands,
                                        const Memory& memory) {
  auto bound = std::make_shared<BoundChain>();
  bound->chain = chain;
  for (const ChainOperand& o : operands)
    bound->operands.push_back({memory.at<std::byte>(o.view), o.image_stride, o.plane_stride, o.lanes, o.view.bf16,
                               o.view.element_bytes()});
  return bound;
}

std::vector<View> views_of(const std::vector<ChainOperand>& operands) {
  std::vector<View> views;
  for (const ChainOperand& o : operands) views.push_back(o.view);
  return views;
}

}  // namespace

void emit_chain(Lowering& lowering, std::string label, Chain chain, std::vector<ChainOperand> operands,
                const View& to, const std::optional<MaskTarget>& mask) {
  const std::vector<View> reads = views_of(operands);
  std::vector<View> writes{to};
  if (mask) writes.push_back(mask->view);
  const Bind bind = [=, chain = std::move(chain), operands = std::move(operands)](const Memory& memory) -> Run {
    const auto bound = bound_chain(chain, operands, memory);
    bound->to = memory.at<std::byte>(to);
    bound->to_bf16 = to.bf16;
    bound->to_stride = to.image_stride;
    bound->to_plane = chain.shape.plane;
    if (mask) {
      bound->asked = mask->stage;
      bound->mask = memory.at<std::uint8_t>(mask->view);
      bound->mask_stride = mask->view.image_stride;
    }
    return [bound] { (*bound)(); };
  };
  lowering.emit(std::move(label), mask ? "limn:chain and mask" : "limn:chain", reads, writes, bind);
}

void emit_chain_sum(Lowering& lowering, std::string label, Chain chain, std::vector<ChainOperand> operands,
                    const View& to, float scale) {
  const std::vector<View> reads = views_of(operands);
  const Bind bind = [=, chain = std::move(chain), operands = std::move(operands)](const Memory& memory) -> Run {
    const auto bound = bound_chain(chain, operands, memory);
    float* y = memory.at(to);
    return [bound, y, scale, y_stride = to.image_stride] {
      const ChainShape& s = bound->chain.shape;
#pragma omp parallel for collapse(2) schedule(static) if (s.images * s.planes * s.plane >= kWorthThreads)
      for (std::int64_t image = 0; image < s.images; ++image)
        for (std::int64_t plane = 0; plane < s.planes; ++plane)
          bound->sum_plane(image, plane, scale, y + image * y_stride + plane * s.lanes);
    };
  };
  lowering.emit(std::move(label), "limn:chain sum", reads, {to}, bind);
}

void emit_mask(Lowering& lowering, std::string label, const ChainStage& stage, const View& from, const View& to) {
  const Bind bind = [=](const Memory& memory) -> Run {
    const ChainShape s = chain_shape(from);
    const float* x = memory.at(from);
    auto* y = memory.at<std::uint8_t>(to);
    const std::int64_t x_stride = from.image_stride, y_stride = to.image_stride;
    return [=] {
      for_each_piece(s, [&](std::int64_t image, std::int64_t first, std::int64_t n) {
        find_open(stage, x + image * x_stride + first, y + image * y_stride + first, n);
      });
    };
  };
  lowering.emit(std::move(label), "limn:mask", {from}, {to}, bind);
}

}  // namespace limn
