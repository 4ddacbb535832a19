#pragma once
// A model's file, byte by byte, with more fields in it.

#include <onnx/onnx_pb.h>

#include <cstddef>
#include <filesystem>
#include <span>

namespace limn {

/// Writes `file`, the bytes of a model, to `out` with the fields of `addition` behind its own: those of
/// addition.graph() inside its graph, the others at the end. Nothing of the file is decoded or changed but the
/// length of its graph. The file appears whole or not at all; answers its size. Throws Error{limit} above 2 GB,
/// Error{io, not_found}.
std::size_t write_spliced(std::span<const std::byte> file, const onnx::ModelProto& addition,
                          const std::filesystem::path& out);

}  // namespace limn
