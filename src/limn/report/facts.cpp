// What was measured: the tables that are read from manifests.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "limn/report/tables.h"

namespace limn {
namespace {

/// A fact of a run, as text; empty when the manifest does not say.
struct Fact {
  std::string_view title;
  std::string (*tell)(const Run&);
};

/// A text or a number under two keys; empty when there is none.
std::string text_at(const Json& object, const char* part, const char* key) {
  if (!object.contains(part) || !object.at(part).is_object() || !object.at(part).contains(key)) return {};
  const Json& value = object.at(part).at(key);
  return value.is_string() ? value.get<std::string>() : dump(value);
}
std::string text_at(const Json& object, const char* key) {
  if (!object.contains(key)) return {};
  return object.at(key).is_string() ? object.at(key).get<std::string>() : dump(object.at(key));
}

/// Numbers of a list, or one, with commas.
std::string numbers_text(const Json& value) {
  std::string text = dump(value);
  std::erase_if(text, [](char c) { return c == '[' || c == ']'; });
  return text;
}

std::string network(const Run& run) {
  const std::filesystem::path path = text_at(run.manifest, "model", "path");
  return fmt::format("{}, {} classes", path.filename().string(), text_at(run.manifest, "model", "classes"));
}

std::string dataset(const Run& run) {
  return fmt::format("{} {}, {} images", text_at(run.manifest, "dataset", "kind"),
                     text_at(run.manifest, "dataset", "split"), text_at(run.manifest, "dataset", "images"));
}

std::string images(const Run& run) {
  const Json& n = run.summary.at("images");
  return fmt::format("{} used, {} failed, {} without truth to compare with", n.at("used").dump(),
                     n.at("failed").dump(), n.at("excluded").dump());
}

std::string shard(const Run& run) {
  if (text_at(run.manifest, "shard", "of") == "1") return {};
  return fmt::format("shard {} of {}: a part of the dataset", text_at(run.manifest, "shard", "number"),
                     text_at(run.manifest, "shard", "of"));
}

std::string methods(const Run& run) {
  std::vector<std::string> names;
  for (const Json& method : run.manifest.at("methods")) names.push_back(method.at("name").get<std::string>());
  return fmt::format("{}", fmt::join(names, ", "));
}

/// The layers by name; "auto" is the one that was found.
std::string layers(const Run& run) {
  std::vector<std::string> names;
  for (const Json& method : run.manifest.at("methods")) {
    std::string layer = method.value("layer", "");
    if (layer == "auto") layer = text_at(run.manifest, "model", "auto_layer");
    if (!layer.empty() && std::ranges::find(names, layer) == names.end()) names.push_back(layer);
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

/// The options under a key: "resize 256; crop 224".
std::string options(const Run& run, const char* key) {
  if (!run.manifest.contains(key) || !run.manifest.at(key).is_object()) return {};
  std::string text;
  for (const auto& [name, value] : run.manifest.at(key).items())
    text += fmt::format("{}{} {}", text.empty() ? "" : "; ", name,
                        value.is_string() ? value.get<std::string>() : numbers_text(value));
  return text;
}

constexpr auto kFacts = std::to_array<Fact>({
    {"network", network},
    {"dataset", dataset},
    {"images", images},
    {"part", shard},
    {"protocol", [](const Run& run) { return text_at(run.manifest, "protocol"); }},
    {"methods", methods},
    {"layer", layers},
    {"preprocessing", [](const Run& run) { return options(run, "preprocessing"); }},
    {"occlusion map", [](const Run& run) { return options(run, "occlusion"); }},
    {"classes of the findings", [](const Run& run) { return options(run, "findings"); }},
});

constexpr auto kProvenance = std::to_array<Fact>({
    {"folder of the run", [](const Run& run) { return run.folder.string(); }},
    {"model file", [](const Run& run) { return text_at(run.manifest, "model", "path"); }},
    {"SHA-256 of the model", [](const Run& run) { return text_at(run.manifest, "model", "sha256"); }},
    {"dataset folder", [](const Run& run) { return text_at(run.manifest, "dataset", "root"); }},
    {"SHA-256 of the image list", [](const Run& run) { return text_at(run.manifest, "dataset", "sha256"); }},
    {"box thresholds",
     [](const Run& run) { return numbers_text(run.manifest.value("thresholds", Json::array())); }},
    {"tolerance, in pixels", [](const Run& run) { return text_at(run.manifest, "tolerance"); }},
    {"controls", [](const Run& run) { return numbers_text(run.manifest.value("controls", Json::array())); }},
    {"seed", [](const Run& run) { return text_at(run.manifest, "seed"); }},
    {"maps grown by", [](const Run& run) { return text_at(run.manifest, "upsampling"); }},
    {"precision", [](const Run& run) { return text_at(run.manifest, "precision"); }},
    {"images computed together", [](const Run& run) { return text_at(run.manifest, "batch"); }},
    {"threads", [](const Run& run) { return text_at(run.manifest, "host", "threads"); }},
    {"processor", [](const Run& run) { return text_at(run.manifest, "host", "processor"); }},
    {"limn", [](const Run& run) { return text_at(run.manifest, "limn"); }},
    {"commit", [](const Run& run) { return text_at(run.manifest, "commit"); }},
});

/// Facts that no run tells are left out.
Table table_of(Runs runs, std::string_view id, std::string caption, std::span<const Fact> facts) {
  Table table;
  table.id = fmt::format("{}-{}", runs.front().id(), id);
  table.caption = std::move(caption);
  table.columns.push_back({"fact", ""});
  for (std::size_t i = 0; i < runs.size(); ++i)
    table.columns.push_back({fmt::format("run{}", i + 1), runs.size() > 1 ? runs[i].label : "this run"});
  for (const Fact& fact : facts) {
    Row row{RowKind::plain, {{std::string(fact.title)}}};
    for (const Run& run : runs) row.cells.push_back({fact.tell(run)});
    const bool told = std::ranges::any_of(row.cells.begin() + 1, row.cells.end(),
                                          [](const TableCell& cell) { return !cell.text.empty(); });
    if (told) table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace

Table facts_table(Runs runs) { return table_of(runs, "measured", "What was measured", kFacts); }

Table provenance_table(Runs runs) {
  Table table = table_of(runs, "provenance", "Provenance: hashes, options, versions", kProvenance);
  table.folded = true;
  return table;
}

std::optional<Table> failures_table(Runs runs) {
  constexpr std::size_t kShown = 20;
  Table table;
  table.id = fmt::format("{}-failures", runs.front().id());
  table.columns = {{"run", "run"}, {"image", "image"}, {"error", "what happened"}};
  std::size_t all = 0;
  for (const Run& run : runs)
    for (const ImageRow& image : run.rows.images) {
      if (!image.error) continue;
      if (++all <= kShown) table.rows.push_back({RowKind::plain, {{run.label}, {image.id}, {*image.error}}});
    }
  if (all == 0) return std::nullopt;
  table.caption = all <= kShown ? fmt::format("The images that failed: {}", all)
                                : fmt::format("The first {} of {} images that failed", kShown, all);
  return table;
}

}  // namespace limn
