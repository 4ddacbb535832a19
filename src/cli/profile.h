#pragma once
// How long every step of the compiled programs takes, for --profile and --trace.

#include <filesystem>
#include <string>
#include <vector>

#include "limn/explain.h"
#include "stats.h"

namespace limn::cli {

class Profile {
 public:
  /// Outlives the observation.
  ProgramObserver observer();

  /// A table on standard error: the steps by the time that all their runs took, the slowest first.
  void print() const;
  /// The steps and the stages of the command as a timeline in the JSON that chrome://tracing and Perfetto open
  /// ("Trace Event Format"). Throws Error{io}.
  void write_trace(const std::filesystem::path&, const Stats&) const;

 private:
  struct Event {
    std::size_t program, step;
    StepClock::time_point begin, end;
  };
  std::vector<const Program*> programs_;
  std::vector<std::vector<StepInfo>> steps_;  ///< by program
  std::vector<Event> events_;
};

}  // namespace limn::cli
