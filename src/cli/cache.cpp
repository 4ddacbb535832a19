// limn cache: the weights that are kept on disk from run to run.
#include "cache.h"

#include <fmt/format.h>

#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <string_view>

#include "command_line.h"
#include "failure.h"
#include "limn/runtime.h"
#include "output.h"

namespace limn::cli {
namespace {

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : value;
}

struct CacheFlags {
  bool clear = false, json = false;
};

int show_cache(const CacheFlags& flags) {
  const std::filesystem::path folder = cache_folder();
  const CacheUse use = flags.clear ? clear_cache(folder) : cache_use(folder);
  if (flags.json) {
    nlohmann::ordered_json told{
        {"folder", nullptr}, {"files", use.files}, {"bytes", use.bytes}, {"cleared", flags.clear}};
    if (!folder.empty()) told["folder"] = folder.string();
    write_output(told.dump() + "\n");
    return kFine;
  }
  if (folder.empty())
    write_output("no cache: LIMN_CACHE is off, or there is no home folder\n");
  else
    write_output(fmt::format("{}: {}{:.1f} MB of transformed weights in {} file{}\n", folder.string(),
                             flags.clear ? "removed " : "", static_cast<double>(use.bytes) / 1e6, use.files,
                             use.files == 1 ? "" : "s"));
  return kFine;
}

}  // namespace

std::filesystem::path cache_folder() {
  const std::filesystem::path own = environment("LIMN_CACHE");
  if (own == "off") return {};
  if (!own.empty()) return own;
  // A relative XDG_CACHE_HOME is to be ignored, says the XDG base directory specification.
  const std::filesystem::path caches = environment("XDG_CACHE_HOME"), home = environment("HOME");
  if (caches.is_absolute()) return caches / "limn";
  return home.is_absolute() ? home / ".cache" / "limn" : std::filesystem::path();
}

void add_cache(CommandLine& line) {
  auto flags = std::make_shared<CacheFlags>();
  CLI::App* command = add_command(
      line, "cache",
      "Tell how many transformed weights are kept on disk, and where; or remove them.\n"
      "They spare later runs the transform of 3x3 convolutions. At most 2 GiB are kept, in LIMN_CACHE or\n"
      "~/.cache/limn; LIMN_CACHE=off keeps none.",
      {"limn cache", "limn cache --clear", "LIMN_CACHE=off limn evaluate localization model.onnx ..."});
  command->add_flag("--clear", flags->clear, "Remove them");
  command->add_flag("--json", flags->json, "One JSON object");
  command->callback([&line, flags] { line.action = [flags] { return show_cache(*flags); }; });
}

}  // namespace limn::cli
