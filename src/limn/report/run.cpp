#include "limn/report/run.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "limn/metrics.h"
#include "limn/report/known.h"
#include "limn/report/text.h"
#include "limn/study/localization.h"
#include "limn/study/run_folder.h"

namespace limn {
namespace {

namespace fs = std::filesystem;

constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();

/// The keys that a report cannot do without.
void check_parts(const Run& run) {
  for (const char* key : {"protocol", "experiment"}) static_cast<void>(run.manifest.at(key).get<std::string>());
  for (const char* key : {"model", "dataset"}) static_cast<void>(run.manifest.at(key).items());
  for (const Json& method : run.manifest.at("methods")) static_cast<void>(method.at("name").get<std::string>());
  for (const char* key : {"all", "used", "excluded", "failed"})
    static_cast<void>(run.summary.at("images").at(key).get<std::size_t>());
  if (!run.summary.contains("methods")) return;
  for (const Json& method : run.summary.at("methods")) static_cast<void>(method.at("name").get<std::string>());
}

bool has(const RowStore& rows, std::string_view column) {
  return std::ranges::find(rows.columns(), column) != rows.columns().end();
}

/// Whether the values of a column are real numbers.
bool is_real(RowStore& rows, const std::string& column) {
  const std::string name = quoted_name(column);
  Statement query = rows.query(fmt::format("SELECT typeof({0}) FROM maps WHERE {0} IS NOT NULL LIMIT 1", name));
  return query.step() && query.text(0) == "real";
}

/// The first column with real numbers.
std::string first_real(RowStore& rows) {
  for (const std::string& column : rows.columns())
    if (is_real(rows, column)) return column;
  return {};
}

/// The column with one number for every image and method: that by which methods are compared where it is no
/// success; of localization the IoU of the box that is judged.
std::string score_column(RowStore& rows, const std::string& experiment, const std::string& compared_by) {
  constexpr std::string_view kKnown = "known_";
  if (has(rows, compared_by) && is_real(rows, compared_by)) return compared_by;
  if (compared_by.starts_with(kKnown))
    if (std::string iou = "iou_" + compared_by.substr(kKnown.size()); has(rows, iou)) return iou;
  const std::string known(known_experiment(experiment).score);
  return has(rows, known) ? known : first_real(rows);
}

void add_curve(std::vector<std::size_t>& reached, const std::vector<std::uint16_t>& curve) {
  constexpr double kBar = 0.5;
  reached.resize(sweep_fractions().size());
  for (std::size_t i = 0; i < std::min(reached.size(), curve.size()); ++i)
    reached[i] += curve[i] >= kBar * kCurveUnit ? 1 : 0;
}

/// All maps in one pass, in the order in which they lie in the file.
void read_maps(RowStore& rows, const std::string& success_column, RunRows& out) {
  const auto column = [&](const std::string& name) { return has(rows, name) ? quoted_name(name) : "NULL"; };
  std::map<std::string, MethodRows*> by_name;
  for (MethodRows& method : out.methods) by_name[method.name] = &method;
  Statement query =
      rows.query(fmt::format("SELECT position, method, {}, {}, {} FROM maps ORDER BY position, method",
                             column(out.score_column), column(success_column), column("curve_largest")));
  while (query.step()) {
    const auto found = by_name.find(query.text(1));
    if (found == by_name.end()) continue;
    MethodRows& method = *found->second;
    method.positions.push_back(query.integer(0));
    if (!out.score_column.empty()) method.scores.push_back(query.is_null(2) ? kUndefined : query.real(2));
    if (!query.is_null(3)) method.successes.push_back(query.integer(3) != 0);
    if (!query.is_null(4)) add_curve(method.reached, query.numbers(4));
  }
}

RunRows read_rows(const Run& run) {
  const fs::path path = rows_path(run.folder);
  if (!fs::exists(path))
    throw Error(ErrorCode::not_found, "the run has lost its rows.sqlite", run.folder.string(),
                "copy the whole folder of the run");
  RowStore rows = RowStore::to_read(path);
  RunRows out;
  rows.for_each_image([&](const ImageRow& row) { out.images.push_back(row); });
  const Json methods = run.summary.value("methods", Json::array());
  for (const Json& method : methods)
    out.methods.push_back({method.at("name").get<std::string>(), method.value("control", false), {}, {}, {}, {}});
  if (methods.empty()) return out;
  const std::string compared_by = run.summary.value("compared_by", "");
  out.score_column = score_column(rows, run.experiment, compared_by);
  read_maps(rows, compared_by == out.score_column ? std::string() : compared_by, out);
  return out;
}

std::string dataset_name(const Run& run) {
  const Json& dataset = run.manifest.at("dataset");
  return fmt::format("{} {}, {} images", dataset.value("kind", ""), dataset.value("split", ""),
                     run.summary.at("images").at("all").get<std::size_t>());
}

bool all_different(std::span<const Run> runs) {
  std::set<std::string> labels;
  for (const Run& run : runs) labels.insert(run.label);
  return labels.size() == runs.size();
}

}  // namespace

std::string Run::id() const {
  const std::string name = slug(experiment);
  return name.empty() ? "experiment" : name;
}

std::string Run::network() const { return fs::path(manifest.at("model").value("path", "")).stem().string(); }

bool Run::correct_protocol() const { return manifest.at("protocol") == "correct"; }

std::string Run::class_name(std::size_t index) const {
  return index < class_names.size() ? class_names[index] : fmt::format("class {}", index);
}

Run load_run(const fs::path& folder, const ClassNamer& name_classes) {
  Run run;
  run.folder = folder;
  run.manifest = read_manifest(folder);
  run.summary = read_summary(folder);
  try {
    check_parts(run);
    run.experiment = run.manifest.at("experiment").get<std::string>();
    run.class_names = name_classes(run.manifest);
    run.rows = read_rows(run);
  } catch (const Json::exception& e) {
    throw Error(ErrorCode::bad_input, fmt::format("the files of the run are not as limn writes them: {}", e.what()),
                folder.string(), "run the evaluation again");
  }
  return run;
}

void label_runs(std::span<Run> runs) {
  const auto differ = [&](auto&& part) {
    return std::ranges::any_of(
        runs, [&](const Run& run) { return std::invoke(part, run) != std::invoke(part, runs.front()); });
  };
  const auto protocol = [](const Run& run) { return run.manifest.at("protocol").get<std::string>(); };
  const bool networks = differ(&Run::network), protocols = differ(protocol), datasets = differ(dataset_name);
  for (Run& run : runs) {
    std::vector<std::string> parts;
    if (networks || (!protocols && !datasets)) parts.push_back(run.network());
    if (protocols) parts.push_back(protocol(run));
    if (datasets) parts.push_back(dataset_name(run));
    run.label = fmt::format("{}", fmt::join(parts, ", "));
  }
  if (all_different(runs)) return;
  for (Run& run : runs)
    run.label += fmt::format(" ({})", (run.folder / ".").lexically_normal().parent_path().filename().string());
  if (all_different(runs)) return;
  for (Run& run : runs) run.label = run.folder.string();
}

std::string quoted_name(std::string_view column) {
  std::string name = "\"";
  for (const char c : column) name += c == '"' ? std::string("\"\"") : std::string(1, c);
  return name + "\"";
}

}  // namespace limn
