#include "limn/runtime/plan.h"

#include <algorithm>
#include <numeric>

namespace limn {
namespace {

constexpr std::size_t kAlignment = 64;

std::size_t aligned(std::size_t n) { return (n + kAlignment - 1) / kAlignment * kAlignment; }

/// Whether a buffer holds something between two runs: a step that reads it may run again without those that wrote
/// it.
bool outlives_phase(const std::vector<InputSet>& writers, InputSet reader) {
  return std::ranges::any_of(writers, [&](InputSet w) { return w != reader; });
}

void find_lifetimes(Plan& plan) {
  std::vector<std::vector<InputSet>> writers(plan.buffers.size());
  for (std::size_t k = 0; k < plan.steps.size(); ++k) {
    const Step& step = plan.steps[k];
    const auto touch = [&](std::size_t b) {
      plan.buffers[b].first = std::min(plan.buffers[b].first, k);
      plan.buffers[b].last = std::max(plan.buffers[b].last, k);
    };
    for (const std::size_t b : step.reads) touch(b);
    for (const std::size_t b : step.writes) touch(b);
    for (const std::size_t b : step.writes)
      if (std::ranges::find(writers[b], step.needs) == writers[b].end()) writers[b].push_back(step.needs);
  }
  for (const Step& step : plan.steps)
    for (const std::size_t b : step.reads)
      if (outlives_phase(writers[b], step.needs)) plan.buffers[b].pinned = true;
  for (Buffer& b : plan.buffers)
    if (b.pinned) b.first = 0, b.last = SIZE_MAX;
}

}  // namespace

std::int64_t round_up(std::int64_t n, std::int64_t multiple) { return (n + multiple - 1) / multiple * multiple; }

std::int64_t View::image_elements() const {
  if (dims.empty()) return 1;
  if (layout == Layout::blocked) return round_up(channels(), channel_block()) * plane();
  return element_count(std::span(dims).subspan(1));
}

std::size_t View::extent() const {
  const std::int64_t elements = (images() - 1) * image_stride + image_elements();
  return static_cast<std::size_t>(elements * element_bytes());
}

View whole(std::size_t buffer, Layout layout, DType dtype, Dims dims) {
  View v{buffer, 0, 0, layout, dtype, std::move(dims)};
  v.image_stride = v.image_elements();
  return v;
}

View whole_floats(Layout layout, Dims dims, bool bf16) {
  View v = whole(0, layout, DType::f32, std::move(dims));
  v.bf16 = bf16;
  return v;
}

// Greedy by size: the largest buffers choose first, each the lowest place free while it is live.
void plan_memory(Plan& plan) {
  find_lifetimes(plan);
  std::vector<std::size_t> order;
  for (std::size_t b = 0; b < plan.buffers.size(); ++b)
    if (plan.buffers[b].constant == nullptr && plan.buffers[b].first <= plan.buffers[b].last) order.push_back(b);
  std::ranges::stable_sort(
      order, [&](std::size_t a, std::size_t b) { return plan.buffers[a].bytes > plan.buffers[b].bytes; });
  std::vector<std::size_t> placed;  // by offset
  for (const std::size_t b : order) {
    Buffer& buffer = plan.buffers[b];
    std::size_t offset = 0;
    for (const std::size_t p : placed) {
      const Buffer& other = plan.buffers[p];
      if (other.last < buffer.first || buffer.last < other.first) continue;
      if (offset + buffer.bytes <= other.offset) break;
      offset = std::max(offset, aligned(other.offset + other.bytes));
    }
    buffer.offset = offset;
    placed.insert(
        std::ranges::upper_bound(placed, offset, {}, [&](std::size_t p) { return plan.buffers[p].offset; }), b);
    plan.arena_bytes = std::max(plan.arena_bytes, offset + buffer.bytes);
  }
}

}  // namespace limn
