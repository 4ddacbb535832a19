#include <algorithm>

#include "limn/base/memory.h"
#include "limn/runtime/program.h"
#include "limn/runtime/threads.h"

namespace limn {
namespace {

std::shared_ptr<std::byte> make_arena(std::size_t bytes) {
  auto arena = allocate_zeroed(bytes);
  if (arena != nullptr) return arena;
  throw Error(ErrorCode::limit,
              "not enough memory for a session: " + std::to_string(bytes >> 20) + " MiB are needed", {},
              "use a smaller batch");
}

}  // namespace

struct Session::Impl {
  explicit Impl(std::shared_ptr<const Program::Impl> p)
      : program(std::move(p)),
        arena(make_arena(program->plan.arena_bytes)),
        memory(arena.get(), program->plan.buffers) {
    const ThreadScope threads(program->threads);
    for (const Step& step : program->plan.steps) runs.push_back(step.bind(memory));
    stale.assign(runs.size(), 1);
  }

  void mark(InputSet changed) {
    for (std::size_t k = 0; k < stale.size(); ++k)
      if ((program->plan.steps[k].needs & changed) != 0) stale[k] = 1;
  }

  void run(InputSet without) {
    const ThreadScope threads(program->threads);
    for (std::size_t k = 0; k < runs.size(); ++k) {
      if (!stale[k] || (program->plan.steps[k].needs & without) != 0) continue;
      if (observer)
        run_observed(k);
      else
        runs[k]();
      stale[k] = 0;
    }
  }

  void run_observed(std::size_t k) const {
    const auto begin = StepClock::now();
    runs[k]();
    observer(k, begin, StepClock::now());
  }

  std::shared_ptr<const Program::Impl> program;
  std::shared_ptr<std::byte> arena;
  Memory memory;
  std::vector<Run> runs;
  std::vector<char> stale;  ///< by step: an input that it depends on has changed since it last ran
  StepObserver observer;
};

Session::Session(const Program& program) : impl_(std::make_unique<Impl>(program.impl_)) {}
Session::~Session() = default;
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;

std::span<float> Session::input(std::string_view name) {
  const Port& port = impl_->program->input(name);
  impl_->mark(port.needs);
  return {impl_->memory.at(port.view), static_cast<std::size_t>(element_count(port.view.dims))};
}

void Session::run() { impl_->run(0); }

void Session::run_before(std::span<const std::string> inputs) {
  InputSet without = 0;
  for (const Port& port : impl_->program->plan.inputs)
    if (std::ranges::find(inputs, port.name) != inputs.end()) without |= port.needs;
  impl_->run(without);
}

void Session::observe(StepObserver observer) { impl_->observer = std::move(observer); }

std::span<const float> Session::output(std::string_view name) const {
  const View& view = impl_->program->output(name).view;
  return {impl_->memory.at(view), static_cast<std::size_t>(element_count(view.dims))};
}

}  // namespace limn
