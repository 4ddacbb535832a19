#pragma once
// The summary of an evaluation as text.

#include <string>

#include "limn/study/evaluation.h"

namespace limn::cli {

/// A heading, the classification errors, and a line per method and measure, with intervals of 95 %.
std::string text_of(const Json& summary);

/// Images per second and where the time went, on standard error.
void print_times(const EvaluationTimes&, std::size_t images, int threads);

}  // namespace limn::cli
