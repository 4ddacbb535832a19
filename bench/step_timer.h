#pragma once
// Runs a small graph as programs run it, without what only brings its inputs and outputs from and to row-major
// order: inside a network, neighbours leave values as the next operator wants them.

#include <string>
#include <vector>

#include "limn/runtime/plan.h"

namespace limn::bench {

class StepTimer {
 public:
  /// The graph has concrete sizes.
  StepTimer(const Graph& graph, int threads);

  /// Computes the graph once; the time of the operators alone, in seconds.
  double run();
  /// What computes it: the kernel of the last step that is no conversion.
  const std::string& kernel() const { return kernel_; }
  /// Bytes of inputs, outputs and constants.
  double bytes() const { return bytes_; }

 private:
  struct Free {
    void operator()(std::byte* p) const;
  };
  Plan plan_;
  int threads_;
  std::unique_ptr<std::byte, Free> arena_;
  std::vector<Run> runs_;
  std::vector<bool> counted_;
  std::string kernel_;
  double bytes_ = 0;
};

}  // namespace limn::bench
