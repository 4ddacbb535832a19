#pragma once
// A model's file, byte by byte, with more fields in it.

#include <onnx/onnx_pb.h>

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

namespace limn {

/// What a file gets.
struct Splice {
  onnx::GraphProto front;     ///< in front of the fields of its graph
  std::string dropped_input;  ///< an input of its graph that is left out; empty for none
  onnx::ModelProto
      behind;  ///< behind its own: the fields of behind.graph() inside its graph, the others at the end
};

/// Writes `file`, the bytes of a model, with more fields to `out`. Nothing of the file is changed but the length of
/// its graph, and the input that is dropped. The file appears whole or not at all; answers its size. Throws
/// Error{limit} above 2 GB, Error{io, not_found}.
std::size_t write_spliced(std::span<const std::byte> file, const Splice& splice, const std::filesystem::path& out);

}  // namespace limn
