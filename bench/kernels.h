#pragma once
// Benchmarks of single operators, registered with Google Benchmark.

#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "limn/graph.h"

namespace limn::bench {

/// A benchmark of the graph that `make` builds (concrete sizes), which multiplies and adds so often. Its counters
/// are GFLOP/s and GB/s (of inputs, outputs and constants), and `more`.
void register_graph(const std::string& name, std::function<Graph()> make, double multiply_adds,
                    const std::map<std::string, double>& more, int threads);

void register_operators(int threads);
/// The convolutions of an ONNX file that are to run at the machine's peak.
void register_convolutions(const std::string& model, std::int64_t batch, int threads);

}  // namespace limn::bench
