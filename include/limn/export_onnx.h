#pragma once
// A graph written as an ONNX file.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "limn/graph.h"

namespace limn {

/// The opsets that can be written.
inline constexpr std::int64_t kOldestWritten = 13, kNewestWritten = 21;

struct ExportOptions {
  std::int64_t opset = 17;        ///< 13 to 21
  std::string producer = "limn";  ///< told by the file
  /// What inputs are that may be left out; an initializer of that name says so.
  std::map<std::string, Tensor> defaults = {};
  /// A larger model keeps its weights in a second file, MODEL.onnx.data: a protobuf message ends at 2 GB.
  std::size_t max_bytes = (std::size_t{1} << 31) - (std::size_t{1} << 20);
};

/// Writes the graph with operators of the standard ONNX domain alone: limn's own ones are decomposed. Names of
/// values, nodes, inputs and outputs stay as they are, symbolic sizes stay symbolic; what no output needs is left
/// out. Weights go from where they lie to the file without a copy in memory, those of 4 kB and more on offsets that
/// a reader can map. The file appears whole or not at all.
///
/// Throws Error{unsupported} when an operator or a form of it does not exist in the opset (naming the node, and the
/// opset that would do) or has no ONNX form, Error{io, not_found} when the file cannot be written.
LIMN_API void export_onnx(const Graph& graph, const std::filesystem::path& path, const ExportOptions& options = {});

}  // namespace limn
