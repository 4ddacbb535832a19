#include "explanations.h"

#include <fmt/format.h>

#include <algorithm>

#include "file_names.h"
#include "interrupt.h"
#include "limn/base/npy.h"
#include "limn/study/map_at_input.h"

namespace limn::cli {
namespace {

/// Trouble of one image; everything else concerns the whole run.
bool concerns_one_image(const Error& e) {
  return e.code() == ErrorCode::bad_input || e.code() == ErrorCode::unsupported || e.code() == ErrorCode::limit;
}

std::vector<std::string> prediction_lines(const ImageResult& result) {
  constexpr std::size_t kLines = 3;
  std::vector<std::string> lines;
  for (const auto& p : result.predictions) {
    if (lines.size() == kLines) break;
    const std::string name =
        p.label.empty() ? fmt::format("class {}", p.index) : p.label.substr(0, p.label.find(','));
    lines.push_back(fmt::format("{:.1f} %  {}", 100 * p.probability, name));
  }
  return lines;
}

std::string sheet_title(const Item& item) {
  const std::string name = std::filesystem::path(item.name).filename().string();
  return item.row ? fmt::format("{}[{}]", name, *item.row) : name;
}

/// Tiles shaped like the photo, so that rows leave no gaps.
/// The photo, then the maps of one target a row, where there are several targets and a row is not too wide.
constexpr std::size_t kWidestRow = 6;

void put_photo_first(std::vector<SheetTile>& tiles, SheetTile photo, std::size_t maps_per_target) {
  for (std::size_t row = tiles.size(); row > maps_per_target; row -= maps_per_target)
    if (maps_per_target < kWidestRow)
      tiles.insert(tiles.begin() + static_cast<std::ptrdiff_t>(row - maps_per_target), SheetTile{});
  tiles.insert(tiles.begin(), std::move(photo));
}

SheetOptions sheet_options(const Image& photo, std::size_t tiles, std::size_t maps_per_target) {
  SheetOptions options;
  if (tiles > maps_per_target + 1 && maps_per_target < kWidestRow)
    options.columns = static_cast<int>(maps_per_target) + 1;
  options.tile_height = std::clamp(options.tile_width * photo.height / photo.width, 80, 2 * options.tile_width);
  return options;
}

}  // namespace

Explanations::Explanations(const ExplainPlan& plan, std::filesystem::path out, const Network& network,
                           Explainer& explainer, Stats& stats)
    : plan_(plan),
      out_(std::move(out)),
      network_(network),
      explainer_(explainer),
      stats_(stats),
      workers_(explainer.program().threads()) {}

void Explanations::check_targets() const { targets_of(std::vector<float>(network_.classifier.classes)); }

void Explanations::compute(std::span<Task* const> tasks) {
  std::vector<std::vector<Target>> targets;
  tiles_.clear();
  for (std::size_t n = 0; n < tasks.size(); ++n) {
    const auto logits = explainer_.logits(static_cast<std::int64_t>(n));
    ImageResult& result = tasks[n]->result;
    result.predictions = top_predictions(logits, network_.names, plan_.top, network_.classifier.probability);
    targets.push_back(targets_of(logits));
    const std::size_t maps = targets.back().size() * plan_.requests.size();
    result.explanations.reserve(maps);  // workers hold on to places in here
    if (plan_.sheet) tiles_[tasks[n]].resize(maps);
  }
  try {
    const auto most = std::ranges::max(targets, {}, &std::vector<Target>::size).size();
    for (std::size_t t = 0; t < most; t += explainer_.targets_at_once()) explain_from(tasks, targets, t);
    stats_.measure("wait for files", [&] { workers_.wait(); });
  } catch (...) {
    workers_.cancel();  // the tasks that workers refer to are about to go
    throw;
  }
  stop_if_interrupted();
}

void Explanations::finish(Task& task) {
  if (plan_.sheet) stats_.measure("sheet", [&] { write_sheet(task); });
}

void Explanations::write_sheet(Task& task) {
  auto& tiles = tiles_.at(&task);
  const std::size_t maps_per_target = plan_.requests.size();
  put_photo_first(tiles, {task.item.picture, prediction_lines(task.result)}, maps_per_target);
  task.result.sheet = (out_ / (task.item.stem + ".sheet.png")).string();
  write_png(task.result.sheet, contact_sheet(sheet_title(task.item), tiles,
                                             sheet_options(task.item.picture, tiles.size(), maps_per_target)));
}

std::vector<Target> Explanations::targets_of(std::span<const float> logits) const {
  std::vector<Target> targets;
  for (const auto& spec : plan_.targets)
    for (const Target& target : resolve_target(spec, logits, network_.names.full()))
      if (std::ranges::find(targets, target) == targets.end()) targets.push_back(target);
  return targets;
}

/// As many targets of each image as are explained at once. Where an image has fewer its last one takes their place,
/// and nothing is read of it.
void Explanations::explain_from(std::span<Task* const> tasks, const std::vector<std::vector<Target>>& targets,
                                std::size_t first) {
  stop_if_interrupted();
  const std::size_t at_once = explainer_.targets_at_once();
  std::vector<Target> now;
  for (const auto& list : targets)
    for (std::size_t t = first; t < first + at_once; ++t) now.push_back(list[std::min(t, list.size() - 1)]);
  stats_.measure("backward", [&] { explainer_.explain(now); });
  for (std::size_t n = 0; n < tasks.size(); ++n)
    for (std::size_t t = 0; t < at_once && first + t < targets[n].size(); ++t)
      submit(*tasks[n], n, t, targets[n][first + t]);
}

/// Copies the maps, which the next explain() overwrites, and leaves the rest to the workers.
void Explanations::submit(Task& task, std::size_t n, std::size_t t, const Target& target) {
  const auto image = static_cast<std::int64_t>(n);
  for (std::size_t r = 0; r < plan_.requests.size(); ++r) {
    try {
      const RawMap raw = explainer_.map(r, image, t);
      task.result.explanations.push_back(describe(r, target, explainer_.logits(image)));
      task.result.explanations.back().delta = raw.delta;
      Job job{&task,    r,        task.result.explanations.size() - 1,
              raw.kind, raw.dims, {raw.data.begin(), raw.data.end()}};
      workers_.submit(
          [this, job = std::move(job)] { stats_.measure("draw and write", [&] { draw_and_write(job); }); });
    } catch (const Error& e) {
      if (!concerns_one_image(e)) throw;
      const std::lock_guard lock(errors_);
      task.item.error = e;
      return;
    }
  }
}

Explanation Explanations::describe(std::size_t request, const Target& target, std::span<const float> logits) const {
  const MethodRequest& asked = explainer_.requests()[request];
  Explanation e;
  e.method = asked.method;
  e.variant = asked.variant;
  e.counterfactual = asked.counterfactual;
  e.request = asked;
  e.target = target;
  e.label = network_.names[target.class_index];
  if (method(asked.method).uses_layer) e.layer = asked.layer;
  e.score = score_of(target, logits, network_.classifier.probability);
  if (asked.method != "occlusion") e.precision = explainer_.program().precision();
  return e;
}

void Explanations::draw_and_write(const Job& job) {
  if (interrupted()) return;
  Explanation& e = job.task->result.explanations[job.place];
  try {
    const RenderedMap rendered =
        render({job.kind, job.dims, job.values}, job.task->item.geometry, plan_.upsampling);
    e.box = rendered.box;
    e.raw_min = rendered.raw_min;
    e.raw_max = rendered.raw_max;
    e.degenerate = rendered.degenerate;
    write_arrays(job, rendered, e);
    write_pictures(job, rendered, e);
  } catch (const Error& error) {
    if (!concerns_one_image(error)) throw;
    const std::lock_guard lock(errors_);
    job.task->item.error = error;
  }
}

void Explanations::write_arrays(const Job& job, const RenderedMap& rendered, Explanation& e) const {
  const Heatmap& heatmap = rendered.heatmap;
  if (plan_.raw)
    write_npy(e.heatmap = path(job, e, ".raw.npy"), job.dims, job.values);
  else if (plan_.npy)
    write_npy(e.heatmap = path(job, e, ".npy"), Dims{heatmap.height, heatmap.width}, heatmap.values);
}

void Explanations::write_pictures(const Job& job, const RenderedMap& rendered, Explanation& e) {
  if (!plan_.png && !plan_.sheet) return;
  const Item& item = job.task->item;
  Image picture =
      overlay(item.picture, for_display(rendered.heatmap, job.kind), item.geometry, {.colormap = plan_.colormap});
  if (plan_.png) write_png(e.overlay = path(job, e, ".png"), picture);
  if (plan_.sheet) tiles_.at(job.task)[job.place] = tile(e, std::move(picture));
}

SheetTile Explanations::tile(const Explanation& e, Image picture) const {
  std::string what = e.counterfactual ? "counterfactual " + e.method : e.method;
  if (e.layer) what += " at " + *e.layer;
  return {std::move(picture),
          {std::move(what), fmt::format("{}  {:.3g}", display_target(e.target, e.label), e.score),
           e.degenerate ? "shows nothing: constant map" : ""}};
}

std::string Explanations::path(const Job& job, const Explanation& e, std::string_view ending) const {
  const Subject subject{e.method, e.counterfactual, e.target, plan_.requests[job.request].layer};
  return (out_ / file_name(job.task->item.stem, subject, ending)).string();
}

}  // namespace limn::cli
