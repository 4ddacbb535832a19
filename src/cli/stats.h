#pragma once
// Where the time of a command went, for --stats.

#include <chrono>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "limn/runtime.h"

namespace limn::cli {

class Stats {
 public:
  /// Runs `work` and adds its time to the stage of that name.
  template <class F>
  auto measure(std::string_view stage, F&& work) -> std::invoke_result_t<F> {
    const Timer timer(*this, stage);
    return work();
  }

  /// A line per stage, the whole time and the memory, on standard error.
  void print(const Program&) const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Timer {
    Timer(Stats& owner, std::string_view stage) : stats(owner), name(stage) {}
    ~Timer() { stats.add(name, std::chrono::duration<double>(Clock::now() - start).count()); }
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    Stats& stats;
    std::string_view name;
    Clock::time_point start = Clock::now();
  };
  void add(std::string_view stage, double seconds);

  Clock::time_point start_ = Clock::now();
  std::vector<std::pair<std::string, double>> stages_;
};

}  // namespace limn::cli
