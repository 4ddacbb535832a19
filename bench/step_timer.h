#pragma once
// Runs a small graph as programs run it, without what only brings its inputs and outputs from and to row-major
// order: inside a network, neighbours leave values as the next operator wants them.

#include <string>
#include <vector>

#include "limn/runtime.h"

namespace limn::bench {

class StepTimer {
 public:
  /// The graph has concrete sizes.
  StepTimer(const Graph& graph, int threads);
  StepTimer(const StepTimer&) = delete;  // the session tells this one
  StepTimer& operator=(const StepTimer&) = delete;

  /// Computes the graph once; the time of the operators alone, in seconds.
  double run();
  /// What computes it: the kernel of the last step that is no conversion.
  const std::string& kernel() const { return kernel_; }
  /// Bytes of inputs, outputs and constants.
  double bytes() const { return bytes_; }

 private:
  Program program_;
  Session session_;
  std::vector<bool> counted_;  ///< by step: whether it is no conversion
  std::string kernel_;
  double bytes_ = 0, seconds_ = 0;
};

}  // namespace limn::bench
