#include "step_timer.h"

#include <chrono>
#include <cstdlib>
#include <cstring>

#include "limn/passes/bind.h"
#include "limn/passes/merge.h"
#include "limn/passes/prune.h"
#include "limn/passes/simplify.h"
#include "limn/runtime/lowering.h"
#include "limn/runtime/threads.h"

namespace limn::bench {
namespace {

Plan lower(const Graph& graph) {
  const Graph ready = prune(merge_equal(simplify(limn::bind(graph, {}))));
  return Lowering(ready).run();
}

/// Numbers in [-2, 2), none of them zero: zeros would let kernels skip work.
void fill(float* values, std::int64_t count) {
  unsigned state = 1;
  for (std::int64_t i = 0; i < count; ++i)
    values[i] = static_cast<float>((state = state * 1664525U + 1013904223U) >> 8) / 4194304.0F - 2.0F + 1e-7F;
}

double bytes_of(const View& v) { return 4.0 * static_cast<double>(element_count(v.dims)); }

}  // namespace

void StepTimer::Free::operator()(std::byte* p) const { std::free(p); }

StepTimer::StepTimer(const Graph& graph, int threads) : threads_(threads) {
  const ThreadScope scope(threads);
  plan_ = lower(graph);
  constexpr std::size_t kPage = std::size_t{2} << 20;
  const std::size_t size = (plan_.arena_bytes + kPage) / kPage * kPage;
  arena_.reset(static_cast<std::byte*>(std::aligned_alloc(kPage, size)));
  std::memset(arena_.get(), 0, size);
  const Memory memory(arena_.get(), plan_.buffers);
  for (const Port& in : plan_.inputs) {
    fill(memory.at(in.view), element_count(in.view.dims));
    bytes_ += bytes_of(in.view);
  }
  for (const Port& out : plan_.outputs) bytes_ += bytes_of(out.view);
  for (const Buffer& b : plan_.buffers)
    if (b.constant != nullptr) bytes_ += static_cast<double>(b.bytes);
  for (const Step& step : plan_.steps) {
    runs_.push_back(step.bind(memory));
    counted_.push_back(!step.label.starts_with("reorder") && !step.label.starts_with("output"));
    if (counted_.back()) kernel_ = step.kernel;
  }
}

double StepTimer::run() {
  using Clock = std::chrono::steady_clock;
  const ThreadScope scope(threads_);
  double seconds = 0;
  for (std::size_t k = 0; k < runs_.size(); ++k) {
    const auto start = Clock::now();
    runs_[k]();
    if (counted_[k]) seconds += std::chrono::duration<double>(Clock::now() - start).count();
  }
  return seconds;
}

}  // namespace limn::bench
