#include "limn/study/block.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "limn/base/npy.h"
#include "limn/base/random.h"
#include "limn/study/controls.h"
#include "limn/study/map_at_input.h"
#include "limn/study/run_folder.h"

namespace limn {
namespace {

constexpr std::size_t kPredicted = 5;

/// Adds the time until the end of a scope.
class Timer {
 public:
  explicit Timer(double& seconds) : seconds_(seconds) {}
  ~Timer() { seconds_ += std::chrono::duration<double>(Clock::now() - start_).count(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

 private:
  using Clock = std::chrono::steady_clock;
  double& seconds_;
  Clock::time_point start_ = Clock::now();
};

/// Trouble of one image; anything else concerns the run.
bool concerns_one_image(const Error& e) {
  return e.code() != ErrorCode::internal && e.code() != ErrorCode::cancelled;
}

void set_error(ImageRow& row, const Error& e) {
  ImageRow failed;
  failed.position = row.position;
  failed.id = std::move(row.id);
  failed.error = e.where().empty() ? e.message() : fmt::format("{} ({})", e.message(), e.where());
  row = std::move(failed);
}

}  // namespace

BlockWorker::BlockWorker(const EvaluationPlan& plan, const EvaluationSubject& subject, const Experiment& experiment,
                         Explainer explainer, std::unique_ptr<Probe> probe, std::filesystem::path maps)
    : plan_(plan),
      subject_(subject),
      experiment_(experiment),
      explainer_(std::move(explainer)),
      probe_(std::move(probe)),
      maps_(std::move(maps)),
      labels_(method_labels(plan.methods)) {
  for (const std::string_view name : limn::experiment(plan.experiment).controls)
    if (!control_is_drawn(name)) controls_[name] = control(name, 0);
}

BlockResult BlockWorker::run(std::int64_t first) {
  const std::size_t size = std::min(plan_.limit.value_or(subject_.dataset.size()), subject_.dataset.size());
  times_ = {};
  std::vector<Slot> slots(std::min(static_cast<std::size_t>(plan_.batch), size - static_cast<std::size_t>(first)));
  const auto pixels = explainer_.images();
  const std::size_t stride = pixels.size() / static_cast<std::size_t>(plan_.batch);
  std::ranges::fill(pixels.subspan(slots.size() * stride), 0.0F);
  for (std::size_t n = 0; n < slots.size(); ++n)
    load(slots[n], first + static_cast<std::int64_t>(n), pixels.subspan(n * stride, stride));
  predict(slots);
  explain(slots);
  probe(slots);
  BlockResult result;
  for (Slot& slot : slots) {
    measure(slot, result);
    result.images.push_back(std::move(slot.row));
  }
  result.times = times_;
  return result;
}

void BlockWorker::load(Slot& slot, std::int64_t position, std::span<float> pixels) {
  const Timer timer(times_.decode);
  const auto i = static_cast<std::size_t>(position);
  ImageRow& row = slot.row;
  row.position = position;
  row.id = subject_.dataset.id(i);
  try {
    const Sample sample = subject_.dataset.sample(i);
    const Image image = subject_.dataset.image(i);
    row.width = image.width;
    row.height = image.height;
    const ExperimentInfo& info = experiment(plan_.experiment);
    const Protocol protocol = info.cropped_as_published ? plan_.options.protocol : Protocol::correct;
    row.boxes =
        boxes_in_input(sample, image.width, image.height, subject_.preprocess, subject_.class_map, protocol);
    for (const std::size_t c : sample.classes) row.classes.push_back(subject_.class_map[c]);
    // The study judged what its boxes left over, even where no box is asked for.
    const bool by_boxes = info.needs_boxes || (protocol == Protocol::as_published && !sample.boxes.empty());
    row.excluded = row.classes.empty() || (by_boxes && row.boxes.empty());
    if (experiment_.wants_masks() && !row.excluded)
      slot.references.masks =
          masks_in_input(subject_.dataset, i, sample.classes,
                         geometry(subject_.preprocess, image.width, image.height), subject_.class_map);
    preprocess_by(protocol, image, subject_.preprocess, pixels);
  } catch (const Error& e) {
    if (!concerns_one_image(e)) throw;
    set_error(row, e);
    std::ranges::fill(pixels, 0.0F);
  }
}

void BlockWorker::predict(std::vector<Slot>& slots) {
  const Timer timer(times_.compute);
  try {
    explainer_.predict();
  } catch (const Error& e) {
    if (e.code() != ErrorCode::bad_input) throw;
    predict_one_by_one(slots);
    return;
  }
  for (std::size_t n = 0; n < slots.size(); ++n) read_scores(slots[n], static_cast<std::int64_t>(n));
}

/// An image that the network answers with NaN spoils its block: it is found, and taken out.
void BlockWorker::predict_one_by_one(std::vector<Slot>& slots) {
  const std::vector<float> all(explainer_.images().begin(), explainer_.images().end());
  std::vector<float> kept = all;
  const std::size_t stride = all.size() / static_cast<std::size_t>(plan_.batch);
  for (std::size_t n = 0; n < slots.size(); ++n) {
    const auto at = static_cast<std::ptrdiff_t>(n * stride), end = static_cast<std::ptrdiff_t>((n + 1) * stride);
    std::ranges::fill(explainer_.images(), 0.0F);
    std::copy(all.begin() + at, all.begin() + end, explainer_.images().begin() + at);
    try {
      explainer_.predict();
    } catch (const Error& e) {
      if (e.code() != ErrorCode::bad_input) throw;
      set_error(slots[n].row, e);
      std::fill(kept.begin() + at, kept.begin() + end, 0.0F);
    }
  }
  std::ranges::copy(kept, explainer_.images().begin());
  explainer_.predict();
  for (std::size_t n = 0; n < slots.size(); ++n) read_scores(slots[n], static_cast<std::int64_t>(n));
}

void BlockWorker::read_scores(Slot& slot, std::int64_t n) {
  ImageRow& row = slot.row;
  if (row.error) return;
  const auto logits = explainer_.logits(n);
  row.predicted = top_classes(logits, std::min(kPredicted, logits.size()));
  const auto is_true = [&](std::size_t c) { return std::ranges::find(row.classes, c) != row.classes.end(); };
  row.top1 = is_true(row.predicted[0]);
  row.top5 = std::ranges::any_of(row.predicted, is_true);
  if (!row.excluded) slot.wanted = experiment_.wanted(row);
  slot.maps.resize(plan_.methods.size());
  if (plan_.save_maps) save(slot, "logits", Dims{static_cast<std::int64_t>(logits.size())}, logits);
}

/// One class of every image at a time; images with fewer classes go along with their first one.
void BlockWorker::explain(std::vector<Slot>& slots) {
  const Timer timer(times_.compute);
  if (plan_.methods.empty()) return;
  std::size_t rounds = 0;
  for (const Slot& slot : slots) rounds = std::max(rounds, slot.wanted.size());
  for (std::size_t round = 0; round < rounds; ++round) {
    std::vector<Target> targets;
    for (const Slot& slot : slots) {
      Target target;
      if (!slot.wanted.empty()) target.class_index = slot.wanted[round < slot.wanted.size() ? round : 0];
      targets.push_back(target);
    }
    explainer_.explain(targets);
    for (std::size_t n = 0; n < slots.size(); ++n)
      if (!slots[n].row.error && round < slots[n].wanted.size())
        take_maps(slots[n], static_cast<std::int64_t>(n), slots[n].wanted[round]);
  }
}

/// What the experiment asks of the network itself, image by image.
void BlockWorker::probe(std::vector<Slot>& slots) {
  const Timer timer(times_.compute);
  if (!probe_) return;
  const std::span<const float> pixels = explainer_.images();
  const std::size_t stride = pixels.size() / static_cast<std::size_t>(plan_.batch);
  for (std::size_t n = 0; n < slots.size(); ++n) {
    Slot& slot = slots[n];
    try {
      for (const std::size_t c : slot.row.error ? std::vector<std::size_t>{} : slot.wanted)
        slot.references.probed.push_back(probe_->look(pixels.subspan(n * stride, stride), c));
    } catch (const Error& e) {
      if (e.code() != ErrorCode::bad_input) throw;
      set_error(slot.row, e);
    }
  }
}

Heatmap BlockWorker::at_input_size(const RawMap& raw) const {
  const auto size = [&](std::size_t axis) { return static_cast<int>(raw.dims[axis]); };
  if (raw.kind == MapKind::attribution) return experiment_.map_of(raw.data, size(0), size(1), size(2));
  return map_at_input(raw, static_cast<int>(subject_.classifier.width),
                      static_cast<int>(subject_.classifier.height), plan_.upsampling);
}

void BlockWorker::take_maps(Slot& slot, std::int64_t n, std::size_t class_index) {
  try {
    for (std::size_t m = 0; m < plan_.methods.size(); ++m) {
      const RawMap raw = explainer_.map(m, n);
      slot.maps[m].push_back(at_input_size(raw));
      if (plan_.save_maps) save(slot, fmt::format("{}.{}", labels_[m], class_index), raw.dims, raw.data);
    }
  } catch (const Error& e) {
    if (e.code() != ErrorCode::bad_input) throw;
    set_error(slot.row, e);
  }
}

void BlockWorker::measure(Slot& slot, BlockResult& result) {
  const Timer timer(times_.measure);
  if (slot.row.error || slot.wanted.empty()) return;
  const auto add = [&](std::string_view name, StudiedMaps maps) {
    result.maps.push_back(
        {slot.row.position, std::string(name), experiment_.measure(slot.row, maps, slot.references)});
  };
  for (std::size_t m = 0; m < labels_.size(); ++m) {
    std::vector<std::unique_ptr<const StudiedMap>> studied;
    std::vector<const StudiedMap*> maps;
    for (Heatmap& map : slot.maps[m]) maps.push_back(studied.emplace_back(experiment_.study(std::move(map))).get());
    add(labels_[m], maps);
  }
  const auto key = random_key(plan_.options.seed, slot.row.id);
  for (const std::string_view name : experiment(plan_.experiment).controls) {
    const auto drawn = control_is_drawn(name) ? control(name, key) : nullptr;
    add(name, std::vector(slot.wanted.size(), drawn ? drawn.get() : controls_.at(name).get()));
  }
}

std::unique_ptr<const StudiedMap> BlockWorker::control(std::string_view name, std::uint64_t key) const {
  return experiment_.study(control_map(name, static_cast<int>(subject_.classifier.width),
                                       static_cast<int>(subject_.classifier.height), key));
}

void BlockWorker::save(const Slot& slot, std::string_view what, std::span<const std::int64_t> dims,
                       std::span<const float> values) const {
  write_npy(maps_ / map_file(slot.row.position, what), dims, values);
}

}  // namespace limn
