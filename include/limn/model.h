#pragma once
// A network read from an ONNX file.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "limn/graph.h"

namespace limn {

/// A node that limn cannot run or differentiate, as found while importing.
struct UnsupportedNode {
  std::string name, op, reason;
};

struct Model {
  Graph graph;
  std::filesystem::path path;  ///< empty when read from memory
  std::int64_t ir_version = 0;
  std::int64_t opset = 0;  ///< of the default domain
  std::string producer;
  std::size_t file_bytes = 0;
  std::vector<UnsupportedNode> unsupported;  ///< empty unless ImportOptions::allow_unsupported
};

struct ImportOptions {
  /// Keep operators that limn does not know as nodes without types (for inspection) instead of reporting them all
  /// in one Error{unsupported}.
  bool allow_unsupported = false;
};

/// Reads opsets 1 to the newest whose operators limn knows; weights inline or in external files beside the model.
/// The file stays mapped for as long as a weight refers to it. Half, bfloat16 and double become float32.
/// Throws Error{not_found, io, bad_input, unsupported}.
LIMN_API Model import_onnx(const std::filesystem::path& path, const ImportOptions& options = {});
/// From memory, which is copied; `folder` is where external data may lie (none when empty).
LIMN_API Model import_onnx(std::span<const std::byte> bytes, const std::filesystem::path& folder = {},
                           const ImportOptions& options = {});

}  // namespace limn
