#include "web/folder.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <system_error>

#include "embedded.h"
#include "limn/base/file.h"
#include "limn/base/mapped_file.h"
#include "limn/report/text.h"
#include "web/runtime_files.h"

namespace limn::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

/// Browsers hold no texts of more than 512 MB, and base64 makes four letters of three bytes.
constexpr std::uintmax_t kMostOnDisk = 256U << 20U;

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw Error(ErrorCode::io, "cannot create the folder: " + error.message(), folder.string());
}

void copy_whole(const fs::path& from, const fs::path& to) {
  const MappedFile file(from);
  write_file_atomically(to, file.bytes());
}

/// The files as scripts, which a page may load from disk; see limnFile() in network.js.
void write_script(const fs::path& script, const std::vector<fs::path>& files) {
  AtomicFile out(script);
  const auto write = [&](std::string_view text) { out.write(std::as_bytes(std::span(text))); };
  constexpr std::size_t kPiece = 3U << 20U;  // of three bytes each four letters
  for (const fs::path& path : files) {
    const MappedFile file(path);
    const auto bytes = file.bytes();
    write(fmt::format("limnFile(\"{}\", \"", path.filename().string()));
    for (std::size_t at = 0; at < bytes.size(); at += kPiece)
      write(base64(bytes.subspan(at, std::min(kPiece, bytes.size() - at))));
    write("\");\n");
  }
  out.commit();
}

std::string colours_of(Colormap colormap) {
  std::vector<std::byte> bytes;
  for (int level = 0; level < 256; ++level)
    for (const std::uint8_t v : color_of(colormap, static_cast<float>(level) / 255)) bytes.push_back(std::byte{v});
  return base64(bytes);
}

Json size_of_rule(const SizeRule& rule) {
  if (rule.kind == SizeRule::Kind::none) return nullptr;
  return Json::array({rule.width, rule.height});
}

Json geometry_of(const Preprocess& preprocess) {
  const bool side = preprocess.resize.kind == SizeRule::Kind::side;
  return {{"resize", side ? Json(preprocess.resize.width) : size_of_rule(preprocess.resize)},
          {"crop", size_of_rule(preprocess.crop)}};
}

/// What a browser loads, for the bar that shows how far it is; unknown for what another server has.
Json bytes_of(const fs::path& folder, const std::optional<std::vector<std::string>>& runtime) {
  if (!runtime) return nullptr;
  std::uintmax_t bytes = fs::file_size(web_model(folder));
  for (const std::string& name : *runtime) bytes += fs::file_size(folder / "runtime" / name);
  return bytes;
}

/// JSON inside an HTML page: no text in it may end the script.
std::string for_html(const Json& json) {
  std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  for (std::size_t at = 0; (at = text.find("</", at)) != std::string::npos; at += 3) text.insert(at + 1, "\\");
  for (std::size_t at = 0; (at = text.find("<!", at)) != std::string::npos; at += 6) text.replace(at, 1, "\\u003c");
  return text;
}

/// The template with every @NAME@ replaced.
std::string filled_in(std::string_view page, const std::map<std::string, std::string, std::less<>>& texts) {
  std::string out;
  while (!page.empty()) {
    const std::size_t begin = page.find('@'), end = page.find('@', begin + 1);
    out += page.substr(0, begin);
    if (begin == std::string_view::npos) break;
    const auto text =
        end == std::string_view::npos ? texts.end() : texts.find(page.substr(begin + 1, end - begin - 1));
    out += text == texts.end() ? std::string("@") : text->second;
    page.remove_prefix(text == texts.end() ? begin + 1 : end + 1);
  }
  return out;
}

std::string origin_of(const std::string& address) {
  return address.substr(0, address.find('/', address.find("://") + 3));
}

/// Scripts of onnxruntime-web with their files, as they lie in the folder's own folder "runtime".
struct Scripts {
  std::optional<std::vector<std::string>> wasm, gpu;
};

Scripts copy_runtime(const fs::path& from, const fs::path& folder) {
  if (from.empty()) return {};
  make_folder(folder / "runtime");
  const Scripts scripts{runtime_files(from, kWasmScript), runtime_files(from, kGpuScript)};
  for (const auto& files : {scripts.wasm, scripts.gpu})
    for (const std::string& name : files.value_or(std::vector<std::string>{}))
      copy_whole(from / name, folder / "runtime" / name);
  return scripts;
}

/// Copies that work without a server; of the runtime only what computes by WebAssembly.
void write_disk(const fs::path& folder, const Scripts& scripts) {
  make_folder(folder / "disk");
  write_script(folder / "disk" / "model.js", {web_model(folder)});
  if (!scripts.wasm) return;
  std::vector<fs::path> paths;
  for (const std::string& name : *scripts.wasm) paths.push_back(folder / "runtime" / name);
  write_script(folder / "disk" / "runtime.js", paths);
}

Json settings_of(const fs::path& folder, const WebPage& page, const WebRuntime& runtime, const Scripts& scripts,
                 bool on_disk) {
  const bool elsewhere = !runtime.address.empty();
  return {{"model", "model.onnx"},
          {"names",
           {{"image", page.picture}, {"target", "target"}, {"scores", "class_scores"}, {"heatmap", "heatmap"}}},
          {"input", {page.input.height, page.input.width}},
          {"geometry", geometry_of(page.preprocess)},
          {"probability", page.probability == Probability::sigmoid ? "sigmoid" : "softmax"},
          {"count", page.count},
          {"classes", page.classes},
          {"colours", colours_of(page.colormap)},
          {"runtime", elsewhere ? runtime.address : "runtime/"},
          {"complete", runtime.given()},
          {"disk", on_disk},
          {"webgpu", scripts.gpu.has_value() || elsewhere},
          {"bytes", {{"wasm", bytes_of(folder, scripts.wasm)}, {"webgpu", bytes_of(folder, scripts.gpu)}}}};
}

}  // namespace

WebRuntime::WebRuntime(const std::string& from) {
  if (from.empty()) return;
  if (from.starts_with("http://") || from.starts_with("https://")) {
    address = from.ends_with('/') ? from : from + '/';
    return;
  }
  for (const fs::path& at : {fs::path(from), fs::path(from) / "dist"})
    if (runtime_files(at, kWasmScript)) {
      folder = at;
      return;
    }
  throw Error(ErrorCode::not_found,
              fmt::format("there is no {} of onnxruntime-web with the files that it needs", kWasmScript), from,
              "name the folder dist of the npm package, such as node_modules/onnxruntime-web/dist");
}

fs::path web_model(const fs::path& folder) { return folder / "model.onnx"; }

std::vector<std::string> write_web_folder(const fs::path& folder, const WebPage& page, const WebRuntime& runtime) {
  const Scripts scripts = copy_runtime(runtime.folder, folder);
  const bool on_disk = runtime.given() && fs::file_size(web_model(folder)) <= kMostOnDisk;
  if (on_disk) write_disk(folder, scripts);
  const std::string origin = runtime.address.empty() ? "" : " " + html_escaped(origin_of(runtime.address));
  write_file_atomically(
      folder / "index.html",
      filled_in(kWebPage, {{"TITLE", html_escaped(page.title)},
                           {"FACTS", html_escaped(page.facts)},
                           {"COMMAND", html_escaped(page.command)},
                           {"ORIGIN", origin},
                           {"STYLE", std::string(kWebStyle)},
                           {"SETTINGS", for_html(settings_of(folder, page, runtime, scripts, on_disk))},
                           {"WORKER", std::string(kWebWorker)},
                           {"SCRIPT", fmt::format("{}{}{}", kWebNetwork, kWebHeat, kWebScript)}}));
  if (!runtime.given())
    return {
        "the page needs onnxruntime-web: npm install --ignore-scripts onnxruntime-web, then add --runtime "
        "node_modules/onnxruntime-web/dist"};
  if (!on_disk)
    return {
        "the model is too large to be opened from disk: serve the folder, for instance by python3 -m http.server"};
  return {};
}

}  // namespace limn::cli
