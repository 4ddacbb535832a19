#include "limn/runtime/depthwise.h"

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "limn/runtime/lanes.h"
#include "limn/runtime/window_places.h"

namespace limn {
namespace {

/// A row of results as the kernels see it; steps are in elements, of taps in taps.
struct DepthwiseRow {
  std::span<const PlaceRun> columns;
  Place rows;
  std::int64_t row, column, row_taps, column_taps;
  const float *weights, *bias;  ///< [taps, lanes] and [lanes]
  float low, high;
};

#if defined(__x86_64__)
namespace avx512 {
constexpr int kLanes = 16, kTile = 8, kTileOf3 = 12, kTileOf5 = 8, kRest = 4;
#define LIMN_TARGET __attribute__((target("avx512f,fma")))
#include "limn/runtime/depthwise_kernels.inc"
#undef LIMN_TARGET
}  // namespace avx512
namespace avx2 {
constexpr int kLanes = 8, kTile = 8, kTileOf3 = 6, kTileOf5 = 4, kRest = 2;
#define LIMN_TARGET __attribute__((target("avx2,fma")))
#include "limn/runtime/depthwise_kernels.inc"
#undef LIMN_TARGET
}  // namespace avx2
#endif
namespace baseline {
constexpr int kLanes = 8, kTile = 2, kTileOf3 = 2, kTileOf5 = 2, kRest = 2;
#define LIMN_TARGET
#include "limn/runtime/depthwise_kernels.inc"
#undef LIMN_TARGET
}  // namespace baseline

using SumRow = void (*)(const DepthwiseRow&, const float*, float*);

SumRow sum_row() {
#if defined(__x86_64__)
  if (channel_block() == avx512::kLanes) return avx512::sum_row;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return avx2::sum_row;
#endif
  return baseline::sum_row;
}

/// What the step knows before it sees memory. Views are blocked.
struct DepthwisePlan {
  Places rows, columns;
  std::int64_t taps;
  View from, weights, to;
  std::optional<View> bias;
  RowEnd end;
  std::vector<PlaceRun> runs = runs_of(columns);
  ChainShape read = chain_shape(from), written = chain_shape(to);
};

/// Bound to memory.
class DepthwiseRun {
 public:
  DepthwiseRun(std::shared_ptr<const DepthwisePlan> plan, const Memory& memory)
      : plan_(std::move(plan)),
        sum_row_(sum_row()),
        from_(memory.at(plan_->from)),
        weights_(memory.at(plan_->weights)),
        bias_(plan_->bias ? memory.at(*plan_->bias) : nullptr),
        to_(memory.at(plan_->to)) {
    const RowEnd& end = plan_->end;
    if (end.open) open_ = memory.at<std::uint8_t>(*end.open);
    if (end.slopes) slopes_ = memory.at(*end.slopes);
    if (end.activation) slope_to_ = memory.at(end.activation->slope_to);
    if (end.mask_to) mask_to_ = memory.at<std::uint8_t>(end.mask_to->view);
    if (end.mask_from) mask_from_ = memory.at<std::uint8_t>(end.mask_from->view);
  }

  void operator()() const {
    for_each_row(plan_->written, height(),
                 [this](std::int64_t image, std::int64_t plane, std::int64_t row) { run_row(image, plane, row); });
  }

 private:
  std::int64_t height() const { return static_cast<std::int64_t>(plan_->rows.of.size()); }

  void run_row(std::int64_t image, std::int64_t plane, std::int64_t row) const {
    static constexpr float kNoBias[kPatternWidth] = {};
    const DepthwisePlan& p = *plan_;
    const ChainShape& s = p.written;
    const Place& place = p.rows.of[static_cast<std::size_t>(row)];
    const std::int64_t width = p.columns.read * s.lanes;
    const float* x = from_ + image * p.from.image_stride + plane * p.read.plane + place.first * width;
    const std::int64_t n = s.plane / height(), at = plane * s.plane + row * n;
    float* y = to_ + image * p.to.image_stride + at;
    sum_row_({p.runs, place, p.rows.step * width, p.columns.step * s.lanes, p.rows.taps_step, p.columns.taps_step,
              weights_ + plane * p.taps * s.lanes, bias_ == nullptr ? kNoBias : bias_ + plane * s.lanes, p.end.low,
              p.end.high},
             x, y);
    finish(image, at, y, n);
    if (mask_from_ != nullptr) mask_rows(image, plane, row);
    if (slope_to_ != nullptr && plane + 1 == s.planes && s.last_lanes < s.lanes)
      clear_padding(s, slope_to_ + image * p.end.activation->slope_to.image_stride + at, n);
  }

  void finish(std::int64_t image, std::int64_t at, float* y, std::int64_t n) const {
    const RowEnd& end = plan_->end;
    if (open_ != nullptr) run_mask(false, y, y, open_ + image * end.open->image_stride + at, n);
    if (slopes_ != nullptr)
      run_stage({ChainStage::Kind::multiply}, y, y, slopes_ + image * end.slopes->image_stride + at, false, n);
    if (end.activation)
      run_activation(end.activation->function, y, y, slope_to_ + image * end.activation->slope_to.image_stride + at,
                     n);
    if (mask_to_ != nullptr)
      find_open(end.mask_to->stage, y, mask_to_ + image * end.mask_to->view.image_stride + at, n);
  }

  /// Each row of results has a share of the rows that are read.
  void mask_rows(std::int64_t image, std::int64_t plane, std::int64_t row) const {
    const DepthwisePlan& p = *plan_;
    const std::int64_t width = p.columns.read * p.read.lanes;
    const std::int64_t first = row * p.rows.read / height(), last = (row + 1) * p.rows.read / height();
    const MaskTarget& mask = *p.end.mask_from;
    const std::int64_t at = plane * p.read.plane + first * width;
    find_open(mask.stage, from_ + image * p.from.image_stride + at,
              mask_from_ + image * mask.view.image_stride + at, (last - first) * width);
  }

  std::shared_ptr<const DepthwisePlan> plan_;
  SumRow sum_row_;
  const float *from_, *weights_, *bias_;
  float* to_;
  const std::uint8_t* open_ = nullptr;
  const float* slopes_ = nullptr;
  float* slope_to_ = nullptr;
  std::uint8_t *mask_to_ = nullptr, *mask_from_ = nullptr;
};

/// In blocks of channels, [C/b, taps, b].
View blocked_weights(Lowering& l, const ConvolutionShape& s, ValueId id) {
  using tag = dnnl::memory::format_tag;
  const tag blocks = channel_block() == 16 ? tag::Goihw16g : tag::Goihw8g;
  return l.weights(id, s.weights(), {s.weights(), dnnl::memory::data_type::f32, blocks});
}

void emit(Lowering& l, const std::string& label, const ConvolutionShape& s, DepthwisePlan plan) {
  const RowEnd& end = plan.end;
  std::vector<View> reads{plan.from, plan.weights}, writes{plan.to};
  for (const auto& v : {plan.bias, end.open, end.slopes})
    if (v) reads.push_back(*v);
  if (end.activation) writes.push_back(end.activation->slope_to);
  for (const auto& mask : {end.mask_to, end.mask_from})
    if (mask) writes.push_back(mask->view);
  const double products = static_cast<double>(element_count(s.y) * plan.taps);
  l.emit(
      label, "limn:depthwise", reads, writes,
      [plan = std::make_shared<const DepthwisePlan>(std::move(plan))](const Memory& memory) -> Run {
        return [run = DepthwiseRun(plan, memory)] { run(); };
      },
      2 * products);
}

}  // namespace

bool pays_by_rows(const ConvolutionShape& s) {
  constexpr std::int64_t kPositions = 400;
  return s.is_depthwise() && s.y[2] * s.y[3] >= kPositions;
}

void emit_depthwise(Lowering& l, const std::string& label, const ConvolutionShape& s, const Node& conv,
                    const View& x, const View& y, const RowEnd& end) {
  std::optional<View> bias;
  if (conv.in.size() > 2 && conv.in[2] != kAbsent) {
    const Dims channels{1, s.y[1], 1, 1};
    bias = l.weights(conv.in[2], channels, dnnl_desc(whole(0, Layout::blocked, DType::f32, channels), 1));
  }
  emit(l, label, s,
       {elements_of_windows(s.height, s.width.kernel), elements_of_windows(s.width),
        s.height.kernel * s.width.kernel, x, blocked_weights(l, s, conv.in[1]), y, bias, end});
}

void emit_depthwise_gradient(Lowering& l, const std::string& label, const ConvolutionShape& s, const Node& grad,
                             const View& dy, const View& dx, const RowEnd& end) {
  emit(l, label, s,
       {windows_of_elements(s.height, s.width.kernel),
        windows_of_elements(s.width),
        s.height.kernel * s.width.kernel,
        dy,
        blocked_weights(l, s, grad.in[1]),
        dx,
        {},
        end});
}

}  // namespace limn
