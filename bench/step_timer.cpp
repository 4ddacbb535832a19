#include "step_timer.h"

namespace limn::bench {
namespace {

CompileOptions with_threads(int threads) {
  CompileOptions options;
  options.threads = threads;
  return options;
}

/// Numbers in [-2, 2), none of them zero: zeros would let kernels skip work.
void fill(std::span<float> values) {
  unsigned state = 1;
  for (float& v : values)
    v = static_cast<float>((state = state * 1664525U + 1013904223U) >> 8) / 4194304.0F - 2.0F + 1e-7F;
}

double constant_bytes(const Graph& graph) {
  double bytes = 0;
  for (std::size_t k = 0; k < graph.value_count(); ++k)
    if (const Tensor* t = graph.constant(static_cast<ValueId>(k)))
      bytes += 4.0 * static_cast<double>(element_count(t->dims()));
  return bytes;
}

}  // namespace

StepTimer::StepTimer(const Graph& graph, int threads)
    : program_(Program::compile(graph, with_threads(threads))), session_(program_), bytes_(constant_bytes(graph)) {
  for (const std::string& name : program_.inputs()) {
    fill(session_.input(name));
    bytes_ += 4.0 * static_cast<double>(element_count(program_.input_dims(name)));
  }
  for (const std::string& name : program_.outputs())
    bytes_ += 4.0 * static_cast<double>(element_count(program_.output_dims(name)));
  for (const StepInfo& step : program_.steps()) {
    counted_.push_back(!step.label.starts_with("reorder") && !step.label.starts_with("output"));
    if (counted_.back()) kernel_ = step.kernel;
  }
  session_.observe([this](std::size_t step, StepClock::time_point begin, StepClock::time_point end) {
    if (counted_[step]) seconds_ += std::chrono::duration<double>(end - begin).count();
  });
}

double StepTimer::run() {
  for (const std::string& name : program_.inputs()) session_.input(name);  // marks it as changed
  seconds_ = 0;
  session_.run();
  return seconds_;
}

}  // namespace limn::bench
