#pragma once
// A model's file with more behind it: its own bytes stay as they are.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "limn/graph.h"
#include "limn/model.h"

namespace limn {

/// What is added to a model. Values of `graph` that have the name of a value of model.graph are that value.
struct Extension {
  Graph graph;                                  ///< standard operators; its outputs are the new ones
  std::map<std::string, Tensor> defaults = {};  ///< of new inputs that may be left out
  std::map<std::string, std::string> metadata = {};
  /// Makes one of the model's inputs, which is its only output, of new inputs; the model's input is then one no
  /// more.
  std::optional<Graph> front = {};
};

struct Extended {
  std::size_t bytes = 0, nodes_before = 0, nodes_added = 0;
  bool external_data = false;  ///< whether weights lie in files beside it
};

/// Writes the file that `model` was read from to `out`, with the nodes of the extension that the file lacks, their
/// constants, new inputs and outputs, in the opset of the file. All bytes of the file's own graph stay, in their
/// order, but for the input that `front` makes, whose nodes come first. Values of half, bfloat16 and double models
/// are cast where new nodes read them. External data is copied where `out` lies in another folder. The file appears
/// whole or not at all. Throws Error{unsupported} when the opset lacks an operator (naming one that has it) or a
/// new input or output has the name of a value of the model, Error{limit} when the file would pass 2 GB, Error{io,
/// not_found}.
Extended extend_onnx(const Model& model, const Extension& extension, const std::filesystem::path& out);

}  // namespace limn
