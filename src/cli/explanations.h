#pragma once
// The work of `limn explain` on one batch after another: maps, overlays, files.

#include <filesystem>
#include <map>
#include <mutex>
#include <span>
#include <vector>

#include "batch_run.h"
#include "explain_plan.h"
#include "limn/overlay.h"
#include "rendering.h"
#include "stats.h"
#include "workers.h"

namespace limn::cli {

class Explanations {
 public:
  /// All references outlive this. The explainer was made of requests_for(plan, ...).
  Explanations(const ExplainPlan& plan, std::filesystem::path out, const Network& network, Explainer& explainer,
               Stats& stats);

  /// Finds out whether every target exists, before any work is done. Throws as resolve_target().
  void check_targets() const;
  /// Explains the images of the last predict() and writes their files; those of one image that cannot be explained
  /// are its error. Throws Error{io} when files cannot be written.
  void compute(std::span<Task* const> tasks);
  /// What is left to do when all maps of an image are done: its contact sheet.
  void finish(Task&);

 private:
  /// One map to draw and to write.
  struct Job {
    Task* task;
    std::size_t request, place;  ///< place: among the explanations of the image
    MapKind kind;
    Dims dims;
    std::vector<float> values;
  };
  std::vector<Target> targets_of(std::span<const float> logits) const;
  void explain_from(std::span<Task* const> tasks, const std::vector<std::vector<Target>>& targets,
                    std::size_t first);
  void submit(Task&, std::size_t n, std::size_t t, const Target&);
  Explanation describe(std::size_t request, const Target&, std::span<const float> logits) const;
  void draw_and_write(const Job&);
  void write_arrays(const Job&, const RenderedMap&, Explanation&) const;
  void write_pictures(const Job&, const RenderedMap&, Explanation&);
  void write_sheet(Task&);
  SheetTile tile(const Explanation&, Image picture) const;
  std::string path(const Job&, const Explanation&, std::string_view ending) const;

  const ExplainPlan& plan_;
  std::filesystem::path out_;
  const Network& network_;
  Explainer& explainer_;
  Stats& stats_;
  std::map<const Task*, std::vector<SheetTile>> tiles_;  ///< of the current batch
  std::mutex errors_;                                    ///< guards the errors of tasks while workers run
  Workers workers_;                                      // last: they use all of the above
};

}  // namespace limn::cli
