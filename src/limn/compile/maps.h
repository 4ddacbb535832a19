#pragma once

#include "limn/compile.h"
#include "limn/compile/picture.h"

namespace limn {

/// The explanation as a graph.
struct CompiledGraph {
  Graph graph;
  MethodRequest request;  ///< with variant and layer filled in
};

/// The classifier's graph with the outputs `heatmap`, `target`, `attribution`, `class_scores` and `overlay` of
/// compile_model() appended, in place of its own; for an overlay, with the input of pictures. Errors as
/// compile_model().
CompiledGraph compiled_graph(const Classifier& classifier, const CompileModelOptions& options,
                             const PictureInput& picture);

}  // namespace limn
