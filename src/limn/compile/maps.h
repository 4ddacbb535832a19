#pragma once

#include "limn/compile.h"

namespace limn {

/// The explanation as a graph.
struct CompiledGraph {
  Graph graph;
  MethodRequest request;  ///< with variant and layer filled in
};

/// The classifier's graph with the outputs `heatmap`, `target` and `attribution` of compile_model() appended, in
/// place of its own. Errors as compile_model().
CompiledGraph compiled_graph(const Classifier& classifier, const CompileModelOptions& options);

}  // namespace limn
