#pragma once
// Where the time and the memory of a command went, for --stats.

#include <chrono>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "limn/model.h"
#include "limn/runtime.h"

namespace limn::cli {

inline double seconds_between(StepClock::time_point begin, StepClock::time_point end) {
  return std::chrono::duration<double>(end - begin).count();
}

/// May be used by several threads. The one that makes it is the main one: what others do, they do beside it.
class Stats {
 public:
  /// A piece of work that some thread did.
  struct Span {
    std::string stage;
    std::thread::id thread;
    StepClock::time_point begin, end;
  };

  /// Runs `work` and adds its time to the stage of that name.
  template <class F>
  auto measure(std::string_view stage, F&& work) -> std::invoke_result_t<F> {
    const Timer timer(*this, stage);
    return work();
  }

  /// A line per stage, the whole time and the memory, on standard error.
  void print(const Model&, const Program&) const;

  StepClock::time_point start() const { return start_; }
  std::vector<Span> spans() const;

 private:
  struct Timer {
    Timer(Stats& owner, std::string_view name) : stats(owner), stage(name) {}
    ~Timer() { stats.add({std::string(stage), std::this_thread::get_id(), begin, StepClock::now()}); }
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    Stats& stats;
    std::string_view stage;
    StepClock::time_point begin = StepClock::now();
  };
  void add(Span span);
  std::string times() const;

  const StepClock::time_point start_ = StepClock::now();
  const double cpu_before_ = cpu_seconds();
  const std::thread::id main_ = std::this_thread::get_id();
  mutable std::mutex mutex_;
  std::vector<Span> spans_;

  static double cpu_seconds();
};

}  // namespace limn::cli
