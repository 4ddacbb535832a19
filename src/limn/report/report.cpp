#include "limn/report/report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "limn/report/charts.h"
#include "limn/report/known.h"
#include "limn/report/measures.h"
#include "limn/report/tables.h"
#include "limn/report/text.h"
#include "limn/version.h"

namespace limn {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kControls =
    "Controls look at neither the network nor the image. A method that does not beat them has not been shown to "
    "look "
    "at the object.";

/// Adds blocks, and leaves out what is not there.
struct Blocks {
  std::vector<Block>& blocks;

  void add(Block block) { blocks.push_back(std::move(block)); }
  template <class T>
  void add(std::optional<T> block) {
    if (block) blocks.emplace_back(std::move(*block));
  }
  template <class T>
  void add_all(std::vector<T> list) {
    for (T& block : list) blocks.emplace_back(std::move(block));
  }
};

/// The entry with the largest headline among methods or among controls.
struct Best {
  std::string name;
  Json value;
};
Best best_of(const Run& run, const std::string& path, bool controls) {
  Best best;
  for (const Json& method : run.summary.value("methods", Json::array())) {
    if (method.value("control", false) != controls) continue;
    const Json value = find_measure(run, method, path);
    const auto number = measure_cell(value).value;
    if (number && (best.name.empty() || *number > *measure_cell(best.value).value))
      best = {method.at("name").get<std::string>(), value};
  }
  return best;
}

std::string comparison_words(const Run& run, const std::string& method) {
  for (const Json& c : run.summary.value("comparisons", Json::array())) {
    if (c.value("method", "") != method || !c.contains("p_holm") || !c.at("p_holm").is_number()) continue;
    const double p = c.at("p_holm").get<double>();
    constexpr double kLevel = 0.05;
    const std::string text = number_text(p, Unit::p_value);
    return fmt::format("; the difference is {} (p {}{})",
                       p < kLevel ? "more than chance explains" : "no more than chance explains",
                       text.starts_with('<') ? "" : "= ", text);
  }
  return {};
}

/// The run in a sentence: the best method beside the best control.
std::string finding(const Run& run, bool alone) {
  const std::string path = headline_path(run);
  if (path.empty()) return {};
  const Best method = best_of(run, path, false), control = best_of(run, path, true);
  if (method.name.empty()) return {};
  const Column column = measure_column(path, method.value);
  const auto words = [&](const Best& best) { return typeset(measure_cell(best.value), column.unit); };
  std::string text = fmt::format("{} the methods, {} does best by \u201c{}\u201d with {}",
                                 alone ? "Of" : run.label + ": of", method.name, column.title, words(method));
  if (!control.name.empty()) text += fmt::format("; of the controls, {} with {}", control.name, words(control));
  return text + comparison_words(run, method.name) + ".";
}

/// Says whose it is, where there are several runs.
template <class T>
T of_run(T block, Runs runs, const Run& run) {
  if (runs.size() > 1) block.caption = fmt::format("{}: {}", run.label, block.caption);
  return block;
}

/// The same chart of all runs side by side.
void add_charts(Runs runs, const std::string& name, Blocks out) {
  std::vector<LineChart> lines;
  std::vector<Block> histograms;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const std::string number = fmt::format("-{}", i + 1);
    if (auto chart = threshold_chart(runs[i], name + "-thresholds" + number))
      lines.push_back(of_run(std::move(*chart), runs, runs[i]));
    for (LineChart& chart : curve_charts(runs[i], name + "-curve" + number))
      lines.push_back(of_run(std::move(chart), runs, runs[i]));
    if (auto panels = score_histograms(runs[i], name + "-histogram" + number))
      histograms.emplace_back(of_run(std::move(*panels), runs, runs[i]));
  }
  if (lines.empty() && histograms.empty()) return;
  out.add(Heading{"Curves and distributions"});
  std::vector<std::string> kinds;
  for (const LineChart& chart : lines)
    if (std::ranges::find(kinds, chart.y.title) == kinds.end()) kinds.push_back(chart.y.title);
  for (const std::string& kind : kinds)
    for (const LineChart& chart : lines)
      if (chart.y.title == kind) out.add(chart);
  out.add_all(std::move(histograms));
}

void add_classes(Runs runs, const std::string& name, Blocks out) {
  out.add(Heading{"Classes"});
  for (std::size_t i = 0; i < runs.size(); ++i) {
    auto table = classes_table(runs[i], fmt::format("{}-classes-{}", name, i + 1));
    if (table) out.add(of_run(std::move(*table), runs, runs[i]));
  }
}

void add_galleries(Runs runs, const std::string& name, const PictureSource& pictures, Blocks out) {
  std::vector<Block> blocks;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    Galleries galleries = make_galleries(runs[i], fmt::format("{}-cases-{}", name, i + 1), pictures);
    for (Gallery& gallery : galleries.of_methods) {
      if (runs.size() > 1) gallery.title = fmt::format("{}: {}", runs[i].label, gallery.title);
      blocks.emplace_back(std::move(gallery));
    }
    if (!galleries.remark.empty()) blocks.emplace_back(Paragraph{galleries.remark, true});
  }
  if (blocks.empty()) return;
  out.add(Heading{"Cases"});
  out.add(
      Paragraph{"By each method's own score. Dashed white: true boxes, as the protocol places them. Blue: the "
                "predicted box, or "
                "the hottest pixel. What the network did not see is dimmed.",
                true});
  out.add_all(std::move(blocks));
}

Section section_of(Runs runs, const ReportOptions& options) {
  const std::string name = runs.front().id();
  const KnownExperiment known = known_experiment(runs.front().experiment);
  Section section{name, std::string(known.title), {}};
  Blocks out{section.blocks};
  if (!known.question.empty()) out.add(Paragraph{std::string(known.question)});
  for (const Run& run : runs)
    if (const std::string text = finding(run, runs.size() == 1); !text.empty()) out.add(Paragraph{text});
  out.add(facts_table(runs));
  out.add(Heading{"Results"});
  out.add(headline_chart(runs));
  if (auto results = results_table(runs)) {
    out.add(std::move(*results));
    out.add(Paragraph{std::string(kControls), true});
  }
  out.add(errors_table(runs));
  out.add(published_table(runs.front().experiment));
  out.add(protocols_table(runs));
  out.add_all(variant_tables(runs));
  auto comparisons = comparisons_table(runs), pairs = pairs_table(runs);
  if (comparisons || pairs) out.add(Heading{"Tests"});
  out.add(std::move(comparisons));
  out.add(std::move(pairs));
  add_charts(runs, name, out);
  add_classes(runs, name, out);
  if (options.galleries) add_galleries(runs, name, options.pictures, out);
  out.add(Heading{"Details"});
  out.add(failures_table(runs));
  out.add(provenance_table(runs));
  return section;
}

void check_paths(std::span<const fs::path> runs) {
  if (runs.empty()) throw Error(ErrorCode::bad_input, "there is no run to report on");
  std::set<fs::path> seen;
  for (const fs::path& run : runs)
    if (!seen.insert(fs::weakly_canonical(run)).second)
      throw Error(ErrorCode::bad_input, "the run is named twice", run.string(), "name every run once");
}

/// Runs of one experiment side by side, experiments in the order in which they are first named.
std::vector<std::vector<Run>> load_groups(std::span<const fs::path> folders, const ClassNamer& class_names) {
  std::vector<std::vector<Run>> groups;
  for (const fs::path& folder : folders) {
    Run run = load_run(folder, class_names);
    const auto same = [&](const std::vector<Run>& group) { return group.front().experiment == run.experiment; };
    auto found = std::ranges::find_if(groups, same);
    if (found == groups.end()) found = groups.insert(groups.end(), std::vector<Run>());
    found->push_back(std::move(run));
  }
  for (auto& group : groups) label_runs(group);
  return groups;
}

std::string subtitle_of(std::span<const std::vector<Run>> groups) {
  std::vector<std::string> parts;
  for (const auto& group : groups)
    for (const Run& run : group) {
      const std::string part = fmt::format("{} on {} images of {}", run.network(),
                                           run.summary.at("images").at("used").get<std::size_t>(),
                                           run.manifest.at("dataset").value("kind", "a dataset"));
      if (std::ranges::find(parts, part) == parts.end()) parts.push_back(part);
    }
  return fmt::format("{}", fmt::join(parts, "; "));
}

}  // namespace

Document make_report(std::span<const fs::path> runs, const ReportOptions& options) {
  check_paths(runs);
  const auto groups = load_groups(runs, options.class_names);
  Document document;
  std::vector<std::string> titles;
  for (const auto& group : groups) {
    try {
      document.sections.push_back(section_of(group, options));
    } catch (const Json::exception& e) {
      throw Error(ErrorCode::bad_input, fmt::format("the files of a run are not as limn writes them: {}", e.what()),
                  group.front().folder.string(), "run the evaluation again");
    }
    titles.push_back(document.sections.back().title);
  }
  document.title = fmt::format("{}", fmt::join(titles, ", "));
  document.subtitle = subtitle_of(groups);
  document.colophon = fmt::format(
      "Written by limn {}. A heatmap shows which regions moved a score by the formula of "
      "the method, not that the network is right or that the region suffices.",
      kVersion);
  return document;
}

std::vector<const Table*> tables_of(const Document& document) {
  std::vector<const Table*> tables;
  for (const Section& section : document.sections)
    for (const Block& block : section.blocks)
      if (const auto* table = std::get_if<Table>(&block)) tables.push_back(table);
  return tables;
}

}  // namespace limn
