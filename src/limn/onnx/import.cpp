#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "limn/base/mapped_file.h"
#include "limn/error.h"
#include "limn/model.h"
#include "limn/onnx/assemble.h"
#include "limn/onnx/model_parts.h"
#include "limn/onnx/tensors.h"

namespace limn {
namespace {

/// Says which file an error is about.
Error of_file(const Error& e, const std::string& file) {
  return Error(e.code(), fmt::format("cannot import {}: {}", file, e.message()), e.where(), e.mend());
}

void check_opset(const ModelParts& parts) {
  const bool uses_default_domain = std::ranges::any_of(
      parts.nodes, [](const onnx::NodeProto& node) { return short_domain(node.domain()).empty(); });
  if (parts.opset_of("") == 0 && uses_default_domain)
    throw Error(ErrorCode::bad_input, "it does not say which opset its nodes are written in", "opset_import",
                "the file is incomplete; fetch or export it again");
}

Model import_bytes(const OwnedBytes& file, const std::filesystem::path& folder, const ImportOptions& options) {
  const ModelParts parts = take_apart(file.bytes);
  check_opset(parts);
  TensorReader tensors(file, folder);
  Assembled assembled = assemble(parts, tensors);
  if (!assembled.unsupported.empty() && !options.allow_unsupported)
    throw report(assembled.unsupported, parts.opset_of(""));
  Model model;
  model.graph = std::move(assembled.graph);
  model.ir_version = parts.ir_version;
  model.opset = parts.opset_of("");
  model.producer = parts.producer;
  model.file_bytes = file.bytes.size();
  model.unsupported = std::move(assembled.unsupported);
  return model;
}

}  // namespace

Model import_onnx(const std::filesystem::path& path, const ImportOptions& options) {
  try {
    const auto file = std::make_shared<const MappedFile>(path);
    const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
    Model model = import_bytes({file, file->bytes(), file.get()}, folder, options);
    // What lies between the weights has been read.
    file->release(file->bytes());
    model.path = path;
    return model;
  } catch (const Error& e) {
    throw of_file(e, "'" + path.string() + "'");
  }
}

Model import_onnx(std::span<const std::byte> bytes, const std::filesystem::path& folder,
                  const ImportOptions& options) {
  try {
    const auto copy = std::make_shared<const std::vector<std::byte>>(bytes.begin(), bytes.end());
    return import_bytes({copy, *copy}, folder, options);
  } catch (const Error& e) {
    throw of_file(e, "the model");
  }
}

}  // namespace limn
