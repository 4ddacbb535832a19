#include "limn/runtime/plan.h"

#include <algorithm>

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

/// Within a loop no order of the steps holds for all images: what it touches is live from its begin to its end.
void stretch_over(const ImageLoop& loop, std::vector<Buffer>& buffers) {
  if (loop.first == loop.last) return;
  for (Buffer& b : buffers) {
    if (b.loop || b.constant != nullptr || b.first >= loop.last || b.last < loop.first) continue;
    b.first = std::min(b.first, loop.first);
    b.last = std::max(b.last, loop.last - 1);
  }
}

// Greedy by size: the largest buffers choose first, each the lowest place free while it is live.
std::size_t place(std::vector<Buffer*> buffers) {
  std::ranges::stable_sort(buffers, [](const Buffer* a, const Buffer* b) { return a->bytes > b->bytes; });
  std::size_t end = 0;
  std::vector<const Buffer*> placed;  // by offset
  for (Buffer* const buffer : buffers) {
    std::size_t offset = 0;
    for (const Buffer* other : placed) {
      if (other->last < buffer->first || buffer->last < other->first) continue;
      if (offset + buffer->bytes <= other->offset) break;
      offset = std::max(offset, aligned(other->offset + other->bytes));
    }
    buffer->offset = offset;
    placed.insert(std::ranges::upper_bound(placed, offset, {}, &Buffer::offset), buffer);
    end = std::max(end, offset + buffer->bytes);
  }
  return end;
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

void plan_memory(Plan& plan) {
  find_lifetimes(plan);
  for (const ImageLoop& loop : plan.loops) stretch_over(loop, plan.buffers);
  std::vector<Buffer*> shared;
  std::vector<std::vector<Buffer*>> of_loop(plan.loops.size());
  for (Buffer& b : plan.buffers)
    if (b.constant == nullptr && b.first <= b.last) (b.loop ? of_loop[*b.loop] : shared).push_back(&b);
  std::vector<Buffer> of_streams(plan.loops.size());
  for (std::size_t i = 0; i < plan.loops.size(); ++i) {
    ImageLoop& loop = plan.loops[i];
    if (loop.first == loop.last) continue;  // of groups that need no step
    loop.stream_bytes = aligned(place(std::move(of_loop[i])));
    of_streams[i].bytes = loop.stream_bytes * static_cast<std::size_t>(loop.streams);
    of_streams[i].first = loop.first;
    of_streams[i].last = loop.last - 1;
    shared.push_back(&of_streams[i]);
  }
  plan.arena_bytes = place(std::move(shared));
  for (std::size_t i = 0; i < plan.loops.size(); ++i) plan.loops[i].offset = of_streams[i].offset;
}

}  // namespace limn
