#pragma once
// The files of npm's onnxruntime-web that a page needs.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace limn::cli {

/// Computes by WebAssembly; and on a graphics processor as well.
inline constexpr std::string_view kWasmScript = "ort.wasm.min.js", kGpuScript = "ort.webgpu.min.js";

/// A script with the two files that it names, or nothing when one of them is not in the folder.
std::optional<std::vector<std::string>> runtime_files(const std::filesystem::path& folder, std::string_view script);

}  // namespace limn::cli
