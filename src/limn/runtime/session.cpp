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
    const Plan& plan = program->plan;
    auto loop = plan.loops.begin();
    for (std::size_t k = 0; k < plan.steps.size(); ++k) {
      while (loop != plan.loops.end() && k == loop->last) ++loop;
      if (loop != plan.loops.end() && k >= loop->first)
        runs.push_back(bound_in(*loop, plan.steps[k]));
      else
        runs.push_back({plan.steps[k].bind(memory)});
    }
    stale.assign(runs.size(), 1);
  }

  std::vector<Run> bound_in(const ImageLoop& loop, const Step& step) const {
    std::vector<Run> of_images;
    for (std::int64_t stream = 0; stream < loop.streams; ++stream)
      for (std::int64_t n = loop.begin_of(stream); n < loop.begin_of(stream + 1); ++n)
        of_images.push_back(step.bind(memory.in(loop, stream, n)));
    return of_images;
  }

  void mark(InputSet changed) {
    for (std::size_t k = 0; k < stale.size(); ++k)
      if ((program->plan.steps[k].needs & changed) != 0) stale[k] = 1;
  }

  void run(InputSet without) {
    const ThreadScope threads(program->threads);
    std::size_t k = 0;
    for (const ImageLoop& loop : program->plan.loops) {
      run_steps(k, loop.first, without);
      run_loop(loop, without);
      k = loop.last;
    }
    run_steps(k, runs.size(), without);
  }

  bool is_due(std::size_t k, InputSet without) const {
    return stale[k] != 0 && (program->plan.steps[k].needs & without) == 0;
  }

  void run_steps(std::size_t first, std::size_t last, InputSet without) {
    for (std::size_t k = first; k < last; ++k) {
      if (!is_due(k, without)) continue;
      if (observer)
        run_observed(k);
      else
        runs[k].front()();
      stale[k] = 0;
    }
  }

  void run_observed(std::size_t k) const {
    const auto begin = StepClock::now();
    runs[k].front()();
    observer(k, begin, StepClock::now());
  }

  void run_loop(const ImageLoop& loop, InputSet without) {
    const auto begin = StepClock::now();
    if (observer) spent.assign(static_cast<std::size_t>(loop.streams) * runs.size(), {});
    if (loop.streams == 1) {
      run_stream(loop, 0, without);
    } else {
#pragma omp parallel for schedule(static)
      for (std::int64_t stream = 0; stream < loop.streams; ++stream) {
        const ThreadScope one(1);
        run_stream(loop, stream, without);
      }
    }
    if (observer) tell_shares(loop, without, begin);
    for (std::size_t k = loop.first; k < loop.last; ++k)
      if (is_due(k, without)) stale[k] = 0;
  }

  void run_stream(const ImageLoop& loop, std::int64_t stream, InputSet without) {
    for (std::int64_t n = loop.begin_of(stream); n < loop.begin_of(stream + 1); ++n)
      for (std::size_t k = loop.first; k < loop.last; ++k) {
        if (!is_due(k, without)) continue;
        const auto begin = observer ? StepClock::now() : StepClock::time_point();
        runs[k][static_cast<std::size_t>(n)]();
        if (observer) spent[static_cast<std::size_t>(stream) * runs.size() + k] += StepClock::now() - begin;
      }
  }

  /// The steps of a loop take turns: each is told as if it had run once, for its share of the loop's time.
  void tell_shares(const ImageLoop& loop, InputSet without, StepClock::time_point begin) const {
    const StepClock::duration whole = StepClock::now() - begin;
    const auto spent_on = [&](std::size_t k) {
      StepClock::duration sum{};
      for (std::size_t stream = 0; stream < static_cast<std::size_t>(loop.streams); ++stream)
        sum += spent[stream * runs.size() + k];
      return sum;
    };
    StepClock::duration all{1};
    for (std::size_t k = loop.first; k < loop.last; ++k) all += spent_on(k);
    for (std::size_t k = loop.first; k < loop.last; ++k) {
      if (!is_due(k, without)) continue;
      const double share = static_cast<double>(spent_on(k).count()) / static_cast<double>(all.count());
      const auto end = begin + std::chrono::duration_cast<StepClock::duration>(share * whole);
      observer(k, begin, end);
      begin = end;
    }
  }

  std::shared_ptr<const Program::Impl> program;
  std::shared_ptr<std::byte> arena;
  Memory memory;
  std::vector<std::vector<Run>> runs;  ///< by step: one, or one for each image of its loop
  std::vector<char> stale;             ///< by step: an input that it depends on has changed since it last ran
  StepObserver observer;
  std::vector<StepClock::duration> spent;  ///< by stream of the running loop, and by step; for the observer
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
