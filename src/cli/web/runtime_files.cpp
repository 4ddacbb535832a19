#include "web/runtime_files.h"

#include <algorithm>
#include <regex>

#include "limn/base/file.h"

namespace limn::cli {

std::optional<std::vector<std::string>> runtime_files(const std::filesystem::path& folder,
                                                      std::string_view script) {
  if (!std::filesystem::exists(folder / script)) return std::nullopt;
  const std::string text = read_text_file(folder / script);
  static const std::regex module(R"(ort-wasm[\w.-]*\.mjs)");
  std::smatch found;
  if (!std::regex_search(text, found, module)) return std::nullopt;
  const std::string glue = found.str();
  std::vector<std::string> files{std::string(script), glue, glue.substr(0, glue.rfind('.')) + ".wasm"};
  const auto exists = [&](const std::string& name) { return std::filesystem::exists(folder / name); };
  if (!std::ranges::all_of(files, exists)) return std::nullopt;
  return files;
}

}  // namespace limn::cli
