#include "limn/study/run_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "limn/base/file.h"
#include "limn/base/mapped_file.h"
#include "limn/base/sha256.h"
#include "limn/study/method_json.h"
#include "limn/version.h"

namespace limn {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFormat = "limn.run/1";

std::string processor() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name")) return line.substr(std::min(line.find(':') + 2, line.size()));
  return {};
}

std::string hash_of_file(const fs::path& path) {
  const MappedFile file(path);
  Sha256 hash;
  hash.add(file.bytes());
  return hash.finish();
}

std::string hash_of_list(const Dataset& dataset, std::size_t size) {
  Sha256 hash;
  for (std::size_t i = 0; i < size; ++i) hash.add(dataset.id(i) + "\n");
  return hash.finish();
}

Json methods_json(const EvaluationPlan& plan) {
  Json list = Json::array();
  const auto labels = method_labels(plan.methods);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const MethodRequest& m = plan.methods[i];
    list.push_back({{"name", labels[i]}, {"method", m.method}, {"variant", m.variant}, {"layer", m.layer}});
    if (const Json parameters = parameters_json(m); !parameters.is_null()) list.back()["parameters"] = parameters;
  }
  return list;
}

/// What may differ between the parts of one run.
Json comparable(Json manifest) {
  manifest.erase("host");
  manifest.erase("commit");
  for (const auto& [part, key] : {std::pair("model", "path"), std::pair("dataset", "root")})
    if (manifest.contains(part)) manifest[part].erase(key);
  return manifest;
}

/// The first key, as "dataset.sha256", whose value differs.
std::string difference(const Json& a, const Json& b) {
  for (const auto& [key, value] : b.items())
    if (!a.contains(key)) return key;
  for (const auto& [key, value] : a.items()) {
    if (!b.contains(key)) return key;
    if (value == b[key]) continue;
    return value.is_object() && b[key].is_object() ? fmt::format("{}.{}", key, difference(value, b[key])) : key;
  }
  return {};
}

void write_json(const fs::path& path, const Json& json) {
  write_file_atomically(path, json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

/// Throws Error{unsupported} for another format.
Json read_formatted(const fs::path& path, std::string_view format) {
  Json json = parse_json_object(read_text_file(path), path.string());
  const Json found = json.contains("format") ? json["format"] : Json();
  if (found != format)
    throw Error(ErrorCode::unsupported, fmt::format("the run is of the format {}, not \"{}\"", dump(found), format),
                path.string(), "use the limn that wrote it, or a newer one");
  return json;
}

std::vector<std::string> columns_of(const Json& manifest) {
  return make_experiment(manifest.at("experiment").get<std::string>(), options_from(manifest))->columns();
}

}  // namespace

Json make_manifest(const EvaluationPlan& plan, const EvaluationSubject& subject, const RunSources& sources) {
  const std::size_t size = std::min(plan.limit.value_or(subject.dataset.size()), subject.dataset.size());
  Json m;
  m["format"] = kFormat;
  m["limn"] = kVersion;
  m["commit"] = sources.commit;
  m["experiment"] = plan.experiment;
  m.update(options_json(plan.experiment, plan.options));
  const auto facts = make_experiment(plan.experiment, plan.options)->facts({subject.classifier, subject.model});
  if (!facts.is_null()) m["probe"] = facts;
  m["methods"] = methods_json(plan);
  m["controls"] = Json::array();
  for (const auto control : experiment(plan.experiment).controls) m["controls"].push_back(control);
  m["upsampling"] = name_of(plan.upsampling);
  m["precision"] = name_of(plan.precision ? *plan.precision : default_precision(subject.classifier, plan.methods));
  m["batch"] = plan.batch;
  m["shard"] = {{"number", plan.shard + 1}, {"of", plan.shards}};
  m["preprocessing"] = Json::parse(to_json(subject.preprocess));
  m["model"] = {{"path", sources.model.string()},
                {"sha256", hash_of_file(sources.model)},
                {"classes", subject.classifier.classes},
                {"auto_layer", subject.classifier.auto_layer}};
  m["dataset"] = {{"kind", sources.dataset_kind},
                  {"root", sources.root.string()},
                  {"split", sources.split},
                  {"images", size},
                  {"sha256", hash_of_list(subject.dataset, size)}};
  m["host"] = {{"threads", sources.threads}, {"processor", processor()}};
  return m;
}

void begin_run(const fs::path& folder, const Json& manifest, bool resume) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error || !fs::is_directory(folder))
    throw Error(ErrorCode::io, "cannot create the folder of the run", folder.string(), "choose another --out");
  if (!fs::exists(folder / "manifest.json")) {
    if (fs::exists(rows_path(folder)))
      throw Error(ErrorCode::bad_input, "there are rows, but no manifest.json", folder.string(),
                  "choose another --out");
    write_json(folder / "manifest.json", manifest);
    return;
  }
  if (!resume)
    throw Error(ErrorCode::bad_input, "the folder holds a run already", folder.string(),
                "go on with --resume, or choose another --out");
  const std::string key = difference(comparable(read_manifest(folder)), comparable(manifest));
  if (!key.empty())
    throw Error(ErrorCode::bad_input, fmt::format("the run in this folder differs in '{}'", key),
                (folder / "manifest.json").string(), "give the same options, or choose another --out");
}

Json read_manifest(const fs::path& folder) {
  const fs::path path = folder / "manifest.json";
  if (!fs::exists(path))
    throw Error(ErrorCode::not_found, "the folder holds no run", folder.string(), "limn evaluate --out makes one");
  return read_formatted(path, kFormat);
}

Json read_summary(const fs::path& folder) {
  const fs::path path = folder / "summary.json";
  if (!fs::exists(path))
    throw Error(ErrorCode::bad_input, "the run is not finished", folder.string(), "go on with --resume");
  return read_formatted(path, kSummaryFormat);
}

fs::path rows_path(const fs::path& folder) { return folder / "rows.sqlite"; }
fs::path maps_path(const fs::path& folder) { return folder / "maps"; }

std::string map_file(std::int64_t position, std::string_view what) {
  std::string name = fmt::format("{:05}.{}.npy", position, what);
  std::ranges::replace(name, '/', '_');
  return name;
}

void write_summary(const fs::path& folder, const Json& summary) { write_json(folder / "summary.json", summary); }

Json merge_runs(const std::vector<fs::path>& shards, const fs::path& folder) {
  Json merged;
  std::set<int> numbers;
  for (const auto& shard : shards) {
    const Json manifest = read_manifest(shard);
    static_cast<void>(read_summary(shard));  // it is there
    numbers.insert(manifest.at("shard").at("number").get<int>());
    Json without = comparable(manifest);
    if (merged.is_null()) merged = manifest;
    without["shard"]["number"] = merged["shard"]["number"];
    if (const std::string key = difference(comparable(merged), without); !key.empty())
      throw Error(ErrorCode::bad_input, fmt::format("the runs differ in '{}'", key), shard.string(),
                  "merge shards of one run");
  }
  const int all = merged.is_null() ? 0 : merged["shard"]["of"].get<int>();
  if (static_cast<std::size_t>(all) != numbers.size() || numbers.size() != shards.size())
    throw Error(ErrorCode::bad_input, fmt::format("{} of {} shards are there", numbers.size(), all), {},
                "name every shard once");
  merged["shard"] = {{"number", 1}, {"of", 1}};
  begin_run(folder, merged, false);
  RowStore rows(rows_path(folder), columns_of(merged));
  for (const auto& shard : shards) rows.take_from(rows_path(shard));
  Json summary = summarise(merged, rows);
  rows.close();
  write_summary(folder, summary);
  return summary;
}

}  // namespace limn
