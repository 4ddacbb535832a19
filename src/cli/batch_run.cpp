#include "batch_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "interrupt.h"
#include "output.h"

namespace limn::cli {
namespace {

/// Takes items until `batch` of them are good.
std::vector<Task> next_tasks(InputReader& reader, std::size_t batch) {
  std::vector<Task> tasks;
  for (std::size_t good = 0; good < batch;) {
    stop_if_interrupted();
    auto item = reader.next();
    if (!item) break;
    good += item->error ? 0 : 1;
    tasks.push_back({std::move(*item), {}});
  }
  return tasks;
}

void fill(Explainer& explainer, std::span<Task* const> tasks) {
  const auto images = explainer.images();
  const std::size_t stride = images.size() / static_cast<std::size_t>(explainer.batch());
  for (std::size_t n = 0; n < tasks.size(); ++n)
    std::ranges::copy(tasks[n]->item.values, images.begin() + static_cast<std::ptrdiff_t>(n * stride));
}

/// An image that the network answers with NaN spoils its batch: then each image gets a run of its own.
void compute(Explainer& explainer, std::span<Task* const> tasks, const Stages& stages) {
  if (tasks.empty()) return;
  fill(explainer, tasks);
  try {
    stages.predict();
  } catch (const Error& e) {
    if (e.code() != ErrorCode::bad_input) throw;
    if (tasks.size() == 1)
      tasks[0]->item.error = e;
    else
      for (const auto& task : tasks) compute(explainer, std::span(&task, 1), stages);
    return;
  }
  stages.compute(tasks);
}

void report(const Item& item, Progress& progress, bool json) {
  progress.hide();
  const Error& e = *item.error;
  print_error(
      e.where().find(item.name) == std::string::npos
          ? Error(e.code(), e.message(), e.where().empty() ? item.name : item.name + ": " + e.where(), e.mend())
          : e);
  if (json) write_output(json_line(item, e));
}

struct Outcome {
  std::size_t done = 0, failed = 0, surplus = 0;
};

/// False when there was nothing left to do.
bool run_batch(InputReader& reader, Explainer& explainer, Progress& progress, const Stages& stages, bool json,
               Outcome& outcome) {
  auto tasks = next_tasks(reader, static_cast<std::size_t>(explainer.batch()));
  if (tasks.empty()) return false;
  const std::size_t known = reader.surplus();
  progress.grow(known - std::exchange(outcome.surplus, known));
  std::vector<Task*> good;
  for (auto& task : tasks)
    if (!task.item.error) good.push_back(&task);
  compute(explainer, good, stages);
  for (auto& task : tasks) {
    if (task.item.error)
      report(task.item, progress, json);
    else
      stages.finish(task);
    ++(task.item.error ? outcome.failed : outcome.done);
    progress.advance();
  }
  flush_output();
  return true;
}

}  // namespace

ExitCode run_batches(InputReader& reader, Explainer& explainer, Progress& progress, const Stages& stages,
                     bool json) {
  Outcome outcome;
  std::ranges::fill(explainer.images(), 0.0F);
  try {
    while (run_batch(reader, explainer, progress, stages, json, outcome)) {
    }
  } catch (const Error& e) {
    progress.hide();
    if (e.code() != ErrorCode::cancelled) throw;
    throw Error(ErrorCode::cancelled,
                fmt::format("interrupted: {} of {} inputs are finished", outcome.done, progress.total()));
  }
  if (outcome.failed == 0) return kFine;
  return outcome.done == 0 ? kBadInput : kSomeFailed;
}

std::int64_t choose_batch(std::optional<std::int64_t> asked, std::optional<std::int64_t> declared,
                          std::size_t inputs) {
  constexpr std::int64_t kDefault = 8;
  if (asked && *asked < 1)
    throw UsageError(Error(ErrorCode::bad_input, "a batch holds at least one image", "--batch"));
  if (declared && asked && *asked != *declared)
    throw UsageError(
        Error(ErrorCode::bad_input,
              fmt::format("the model takes exactly {} image{} at a time", *declared, *declared == 1 ? "" : "s"),
              "--batch", "leave --batch out"));
  if (declared) return *declared;
  return asked.value_or(std::clamp<std::int64_t>(static_cast<std::int64_t>(inputs), 1, kDefault));
}

std::optional<Precision> choose_precision(std::optional<Precision> asked, std::size_t inputs) {
  constexpr std::size_t kMany = 64;
  return !asked && inputs < kMany ? Precision::exact : asked;
}

int choose_threads(std::optional<int> asked) {
  if (asked && *asked < 1)
    throw UsageError(Error(ErrorCode::bad_input, "at least one thread is needed", "--threads"));
  return asked.value_or(static_cast<int>(std::max(1U, std::thread::hardware_concurrency())));
}

}  // namespace limn::cli
