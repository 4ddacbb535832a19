#pragma once

#include "limn/runtime.h"
#include "limn/runtime/plan.h"

namespace limn {

struct Program::Impl {
  Plan plan;
  int threads = 1;
  Precision precision = Precision::exact;
  std::vector<std::string> input_names, output_names;

  /// Throws Error{not_found}.
  const Port& input(std::string_view name) const;
  const Port& output(std::string_view name) const;
};

}  // namespace limn
