#pragma once
// All inputs through the network, a batch at a time, in order; what happens to each is the command's affair.

#include <functional>
#include <span>

#include "failure.h"
#include "input_reader.h"
#include "progress.h"
#include "results.h"

namespace limn::cli {

struct Task {
  Item item;
  ImageResult result;
};

/// What a command does with images.
struct Stages {
  /// Computes the logits of the explainer's images.
  std::function<void()> predict;
  /// tasks[n] is image n of the last predict(). To fail one of them, set its item.error.
  std::function<void(std::span<Task* const> tasks)> compute;
  /// Called for every task without error, in the order of the inputs.
  std::function<void(Task&)> finish;
};

/// Runs all items. One that fails is reported, on standard error and with `json` on standard output too, and the
/// others go on; the returned code tells whether none, some or all failed. Throws Error{cancelled} when
/// interrupted.
ExitCode run_batches(InputReader&, Explainer&, Progress&, const Stages&, bool json);

/// The number of images that one run of the program takes: what the model insists on; else what was asked for; else
/// 8, or fewer when there are fewer inputs. Throws UsageError when model and wish disagree.
std::int64_t choose_batch(std::optional<std::int64_t> asked, std::optional<std::int64_t> declared,
                          std::size_t inputs);
/// As asked for, or one for every core that this process may use.
int choose_threads(std::optional<int> asked);
/// As asked for; else exact for few inputs, whose forward passes would save less than transforming the weights
/// takes, and nothing (default_precision()) for many.
std::optional<Precision> choose_precision(std::optional<Precision> asked, std::size_t inputs);

}  // namespace limn::cli
