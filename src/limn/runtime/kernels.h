#pragma once
// limn's own kernels: element-by-element chains, reductions, copies of channels. All work on plain and on blocked
// memory, where a "plane" is what lies together for one channel (or one block of channels) of one image.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "limn/runtime/plan.h"

namespace limn {

class Lowering;

/// Elements that are worked on together: small enough to stay in the first cache, a multiple of any block.
inline constexpr std::int64_t kElementsAtOnce = 4096;
/// Below this many elements threads cost more than they bring.
inline constexpr std::int64_t kWorthThreads = 16384;
/// Numbers of one lane each are repeated to this width, a multiple of any block.
inline constexpr std::int64_t kPatternWidth = 16;

/// How a tensor falls into planes: images x planes x `plane` elements, of which `lanes` adjacent ones are channels.
struct ChainShape {
  std::int64_t images = 1, planes = 1, plane = 1, lanes = 1;
  std::int64_t last_lanes = 1;  ///< channels in the last plane, the other lanes being padding
};
ChainShape chain_shape(const View& view);

/// What a stage reads besides the running value.
struct ChainOperand {
  View view;
  std::int64_t image_stride = 0, plane_stride = 0;
  bool lanes = false;  ///< one number per channel instead of one per element
};
/// A tensor shaped like the result, of floats or, for mask_open and guided_open, of bytes.
ChainOperand full_operand(const View& view);
/// One number per channel, and per image if there are as many: `view` lies like `like`, planes apart.
ChainOperand lanes_operand(const View& view, const View& like);

/// One step from the running value r to the next, element by element; x is the operand's element.
struct ChainStage {
  enum class Kind {
    load,              ///< x
    add,               ///< r + x
    subtract,          ///< r - x
    subtract_from,     ///< x - r
    multiply,          ///< r * x
    divide,            ///< r / x
    divide_into,       ///< x / r
    mask_positive,     ///< x > 0 ? r : 0
    mask_between,      ///< a < x < b ? r : 0
    guided_positive,   ///< mask_positive of max(r, 0)
    guided_between,    ///< mask_between of max(r, 0)
    mask_open,         ///< x == 1 ? r : 0, where x is a byte of 0 or 1
    guided_open,       ///< mask_open of max(r, 0)
    affine,            ///< a * r + b
    scale_shift,       ///< x * r + x', where the numbers x and x' of a channel lie a block apart
    scale_shift_relu,  ///< max(that, 0)
    relu,              ///< max(r, 0), NaN stays
    clip,              ///< min(max(r, a), b)
    absolute,
    square_root,
    exponential,
    sigmoid,
    tanh,
    erf,
    gelu,             ///< r Phi(r)
    gelu_slope,       ///< its derivative
    tanh_gelu,        ///< the approximation by tanh
    tanh_gelu_slope,  ///< its derivative
    swish,            ///< r sigmoid(a r)
    swish_slope,      ///< its derivative
    leaky,            ///< r < 0 ? a * r : r
    hard_sigmoid,     ///< clip(a * r + b, 0, 1)
    hard_swish,       ///< r * clip(r / 6 + 1/2, 0, 1)
    inverse,          ///< a / r
    divide_by,        ///< r / a
  };
  Kind kind;
  int operand = -1;
  float a = 0.0F, b = 0.0F;
};

/// One stage on n elements, from r to `to`, which may be `r` or `x`. x are n elements or, if `pattern`, what is
/// repeated (kPatternWidth of them, for scale_shift twice as many); null for stages without operand.
void run_stage(const ChainStage& stage, float* to, const float* r, const float* x, bool pattern, std::int64_t n);
/// to[i] = r[i] where open[i] is 1, 0 where it is 0; if `guided` also where r[i] is negative. `to` may be `r`.
void run_mask(bool guided, float* to, const float* r, const std::uint8_t* open, std::int64_t n);
/// to[i] = 1 where the stage, mask_positive or mask_between, lets a cotangent through at x[i], 0 elsewhere.
void find_open(const ChainStage& stage, const float* x, std::uint8_t* to, std::int64_t n);

/// Zeros in the padding of the last plane, or of a piece of it: n elements, whole positions.
void clear_padding(const ChainShape& shape, float* piece, std::int64_t n);

/// f(image, first, n) for pieces of n elements of every image, each from element `first` of it on, on all threads
/// where that pays.
template <class F>
void for_each_piece(const ChainShape& shape, const F& f) {
  const std::int64_t size = shape.planes * shape.plane, pieces = (size + kElementsAtOnce - 1) / kElementsAtOnce;
#pragma omp parallel for collapse(2) schedule(static) if (shape.images * size >= kWorthThreads)
  for (std::int64_t image = 0; image < shape.images; ++image)
    for (std::int64_t piece = 0; piece < pieces; ++piece) {
      const std::int64_t first = piece * kElementsAtOnce;
      f(image, first, std::min(kElementsAtOnce, size - first));
    }
}

/// f(image, plane, row) for every row of planes of `height` rows, on all threads where that pays.
template <class F>
void for_each_row(const ChainShape& shape, std::int64_t height, const F& f) {
  const std::int64_t count = shape.images * shape.planes * height;
#pragma omp parallel for schedule(static) if (shape.images * shape.planes * shape.plane >= kWorthThreads)
  for (std::int64_t i = 0; i < count; ++i) f(i / height / shape.planes, i / height % shape.planes, i % height);
}

struct Chain {
  ChainShape shape;
  std::vector<ChainStage> stages;
  /// Whether 0 may become something else, so that padding has to be cleared.
  bool moves_zero = false;
  /// Whether a start of 0 makes a result of 0, whatever the operands are, NaN included.
  bool ends_at_zero = false;
};

/// Where a byte for each element of a result goes: 1 where the stage, mask_positive or mask_between, lets a
/// cotangent through, 0 elsewhere.
struct MaskTarget {
  ChainStage stage;
  View view;  ///< lies like the result
};

/// Adds the step that runs the chain into `to`, which may be the memory of an operand. `to` and operands that are
/// no lanes may lie as bfloat16, `to` not where there is a mask.
void emit_chain(Lowering& lowering, std::string label, Chain chain, std::vector<ChainOperand> operands,
                const View& to, const std::optional<MaskTarget>& mask = {});

/// Adds the step that runs the chain and writes nothing but scale * the sum over each plane: [N, C, H, W] -> [N, C,
/// 1, 1] in the chain's layout.
void emit_chain_sum(Lowering& lowering, std::string label, Chain chain, std::vector<ChainOperand> operands,
                    const View& to, float scale);

/// Adds the step that makes the mask of `from`. The views lie alike.
void emit_mask(Lowering& lowering, std::string label, const ChainStage& stage, const View& from, const View& to);

/// out[l] = the sum of x[l], x[l + lanes], ... of n elements.
void sum_lanes(const float* x, std::int64_t n, std::int64_t lanes, float* out);
/// to = scale * sum over each plane (or its maximum): [N, C, H, W] -> [N, C, 1, 1], in the layout of `from`.
Bind bind_plane_reduction(const View& from, const View& to, float scale, bool maximum);
/// to = scale * sum over channels: [N, C, H, W] -> [N, 1, H, W], plain.
Bind bind_channel_sum(const View& from, const View& to, float scale);
/// Copies `count` channels from channel `first_from` of one blocked view to `first_to` of another. The padding
/// after the last channel of `to` is cleared when the copy reaches it.
Bind bind_channel_copy(const View& from, std::int64_t first_from, const View& to, std::int64_t first_to,
                       std::int64_t count);
/// Copies plain bytes.
Bind bind_copy(const View& from, const View& to);
/// Converts a plain tensor of any type to float.
Bind bind_to_float(const View& from, const View& to);

bool has_nan(std::span<const float> values);

}  // namespace limn
