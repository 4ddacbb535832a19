#pragma once
// Runs an experiment over a dataset: blocks of images, each through one forward pass for all methods, several
// blocks at a time.

#include <atomic>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "limn/dataset.h"
#include "limn/explain.h"
#include "limn/heatmap.h"
#include "limn/preprocess.h"
#include "limn/study/experiment.h"
#include "limn/study/rows.h"

namespace limn {

/// Everything that decides the numbers of a run.
struct EvaluationPlan {
  std::string experiment;
  ExperimentOptions options;
  std::vector<MethodRequest> methods;
  Upsampling upsampling = Upsampling::bilinear;
  std::optional<Precision> precision;  ///< of maps and class scores; nothing: default_precision()
  std::int64_t batch = 8;              ///< images of a block; the last block is filled up with zeros
  std::optional<std::size_t> limit;    ///< the first so many images
  std::size_t shard = 0, shards = 1;   ///< every shards-th block, beginning with this one
  bool save_maps = false;
  std::filesystem::path cache;  ///< see CompileOptions; changes no number
};

/// What it is run on. References outlive the run.
struct EvaluationSubject {
  const Dataset& dataset;
  const std::vector<std::size_t>& class_map;  ///< see map_classes()
  const Classifier& classifier;
  const Graph& model;  ///< see ProbedNetwork
  const Preprocess& preprocess;
};

struct EvaluationHooks {
  std::function<void(const ImageRow&)> finished = [](const ImageRow&) {};  ///< for every image, once it is written
  std::function<bool()> stop = [] { return false; };                       ///< asked between blocks
};

/// Seconds of all threads together, and by the clock.
struct EvaluationTimes {
  double decode = 0, compute = 0, measure = 0, write = 0;
  double elapsed = 0;
};

struct EvaluationOutcome {
  bool stopped = false;
  EvaluationTimes times;
};

/// A unique name of every method: "grad-cam", "grad-cam@conv4" for one at a layer that was asked for, with
/// ".study" for a variant other than the default.
std::vector<std::string> method_labels(std::span<const MethodRequest>);
/// These and the controls of the experiment, in the order of the summary.
std::vector<std::string> all_labels(const EvaluationPlan&);

/// Positions of the images of this plan, rising.
std::vector<std::int64_t> planned_positions(const EvaluationPlan&, const Dataset&);

struct BlockResult;

/// A thread of another process that computes blocks by the same plan of the same subject.
class RemoteWorker {
 public:
  virtual ~RemoteWorker() = default;
  /// The block that begins at this position. Throws what happened there.
  virtual BlockResult run(std::int64_t first) = 0;

 protected:
  RemoteWorker() = default;
  RemoteWorker(const RemoteWorker&) = default;
  RemoteWorker& operator=(const RemoteWorker&) = default;
};

/// Runs what is missing in `rows`, by `threads` threads and whoever else is there. The rows do not depend on their
/// number, on the shards, or on what was there before: a block always holds the same images in the same places, and
/// one thread computes it alone. Images that fail become rows with an error; Error{io} of the rows, and anything
/// wrong with the network, is thrown. With save_maps, `maps` receives POSITION.METHOD.CLASS.npy (the method's own
/// numbers) and POSITION.logits.npy.
EvaluationOutcome evaluate(const EvaluationPlan&, const EvaluationSubject&, RowStore& rows,
                           const std::filesystem::path& maps, int threads, const EvaluationHooks&,
                           std::span<const std::unique_ptr<RemoteWorker>> others = {});

/// Who asks a process for blocks: called by several threads, by their numbers from 0.
class BlockClient {
 public:
  virtual ~BlockClient() = default;
  /// Waits for the next block of this thread; nothing once the work is over.
  virtual std::optional<std::int64_t> next(int thread) = 0;
  virtual void give(int thread, const BlockResult&) = 0;
  virtual void fail(int thread, const std::exception&) = 0;

 protected:
  BlockClient() = default;
  BlockClient(const BlockClient&) = default;
  BlockClient& operator=(const BlockClient&) = default;
};

/// Computes the blocks that another process asks for, until there are no more.
void serve(const EvaluationPlan&, const EvaluationSubject&, const std::filesystem::path& maps, int threads,
           BlockClient&);

}  // namespace limn
