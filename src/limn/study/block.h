#pragma once
// One block of an evaluation, from files to rows, in one thread.

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "limn/study/evaluation.h"

namespace limn {

struct BlockResult {
  std::vector<ImageRow> images;
  std::vector<MapRow> maps;
  EvaluationTimes times;  ///< what it took
};

/// A result as bytes, for another process.
std::vector<std::uint8_t> packed(const BlockResult&);
/// Throws Error{internal} for bytes that packed() did not make.
BlockResult unpacked(std::span<const std::uint8_t>);

/// Works on one block after another. Not to be shared between threads.
class BlockWorker {
 public:
  /// `probe` is the experiment's, and may be nothing.
  BlockWorker(const EvaluationPlan&, const EvaluationSubject&, const Experiment&, Explainer,
              std::unique_ptr<Probe> probe, std::filesystem::path maps);

  /// The block with these positions, `first` to `first` + batch - 1, as far as there are images.
  BlockResult run(std::int64_t first);

 private:
  struct Slot {
    ImageRow row;
    std::vector<std::size_t> wanted;
    std::vector<std::vector<Heatmap>> maps;  ///< [method][wanted class]
    References references;
  };
  void load(Slot&, std::int64_t position, std::span<float> pixels);
  void predict(std::vector<Slot>&);
  void predict_one_by_one(std::vector<Slot>&);
  void read_scores(Slot&, std::int64_t n);
  void explain(std::vector<Slot>&);
  void probe(std::vector<Slot>&);
  Heatmap at_input_size(const RawMap&) const;
  void take_maps(Slot&, std::int64_t n, std::size_t class_index);
  void measure(Slot&, BlockResult&);
  std::unique_ptr<const StudiedMap> control(std::string_view name, std::uint64_t key) const;
  void save(const Slot&, std::string_view what, std::span<const std::int64_t> dims, std::span<const float>) const;

  const EvaluationPlan& plan_;
  const EvaluationSubject& subject_;
  const Experiment& experiment_;
  Explainer explainer_;
  std::unique_ptr<Probe> probe_;
  std::filesystem::path maps_;
  std::vector<std::string> labels_;
  std::map<std::string_view, std::unique_ptr<const StudiedMap>> controls_;  ///< those that all images share
  EvaluationTimes times_;
};

}  // namespace limn
