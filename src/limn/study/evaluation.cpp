#include "limn/study/evaluation.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <thread>

#include "limn/study/block.h"

namespace limn {
namespace {

/// Blocks to be done, handed out in order and given back in any; taken out in order again. At most a few are done
/// and not yet taken.
class BlockQueue {
 public:
  BlockQueue(std::vector<std::int64_t> blocks, std::size_t ahead) : blocks_(std::move(blocks)), ahead_(ahead) {}

  /// The number of the next block to do; nothing after the last, or once stopped.
  std::optional<std::size_t> next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stopped_ || begun_ < taken_ + ahead_ || begun_ == blocks_.size(); });
    if (stopped_ || begun_ == blocks_.size()) return std::nullopt;
    return begun_++;
  }
  std::int64_t first_position(std::size_t block) const { return blocks_[block]; }

  void give(std::size_t block, BlockResult result) {
    const std::lock_guard lock(mutex_);
    done_.emplace(block, std::move(result));
    changed_.notify_all();
  }
  void fail(std::exception_ptr failure) {
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = failure;
    stopped_ = true;
    changed_.notify_all();
  }
  void stop() {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }

  /// The next result in order; nothing after the last. Throws what a worker threw.
  std::optional<BlockResult> take() {
    std::unique_lock lock(mutex_);
    if (taken_ == blocks_.size()) return std::nullopt;
    changed_.wait(lock, [&] { return failure_ || done_.contains(taken_); });
    if (failure_) std::rethrow_exception(failure_);
    BlockResult result = std::move(done_.extract(taken_++).mapped());
    changed_.notify_all();
    return result;
  }

 private:
  const std::vector<std::int64_t> blocks_;
  const std::size_t ahead_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::size_t, BlockResult> done_;
  std::size_t begun_ = 0, taken_ = 0;
  bool stopped_ = false;
  std::exception_ptr failure_;
};

std::size_t planned_size(const EvaluationPlan& plan, const Dataset& dataset) {
  return std::min(plan.limit.value_or(dataset.size()), dataset.size());
}

/// First positions of the blocks of this shard of which nothing is there.
std::vector<std::int64_t> missing_blocks(const EvaluationPlan& plan, const Dataset& dataset, RowStore& rows) {
  const auto there = rows.positions();
  std::vector<std::int64_t> blocks;
  for (std::size_t block = plan.shard; block * static_cast<std::size_t>(plan.batch) < planned_size(plan, dataset);
       block += plan.shards) {
    const auto first = static_cast<std::int64_t>(block) * plan.batch;
    if (!std::ranges::binary_search(there, first)) blocks.push_back(first);
  }
  return blocks;
}

template <class Worker>
void work(BlockQueue& queue, Worker& worker) {
  try {
    while (const auto block = queue.next()) queue.give(*block, worker.run(queue.first_position(*block)));
  } catch (...) {
    queue.fail(std::current_exception());
  }
}

/// Whatever happens, the threads are told to end.
struct StopAtEnd {
  BlockQueue& queue;
  ~StopAtEnd() { queue.stop(); }
};

void add(EvaluationTimes& sum, const EvaluationTimes& more) {
  sum.decode += more.decode;
  sum.compute += more.compute;
  sum.measure += more.measure;
}

std::vector<BlockWorker> make_workers(const EvaluationPlan& plan, const EvaluationSubject& subject,
                                      const Experiment& experiment, const std::filesystem::path& maps,
                                      std::size_t count) {
  constexpr int kThreadsEach = 1;  // numbers must not depend on how many there are
  const Explainer first(
      subject.classifier, plan.methods,
      {.batch = plan.batch, .threads = kThreadsEach, .precision = plan.precision, .cache = plan.cache});
  std::vector<BlockWorker> workers;
  workers.reserve(count);
  const auto probe = experiment.probe({subject.classifier, subject.model});
  for (std::size_t i = 0; i < count; ++i)
    workers.emplace_back(plan, subject, experiment, Explainer(first), probe ? probe->copy() : nullptr, maps);
  return workers;
}

}  // namespace

std::vector<std::string> method_labels(std::span<const MethodRequest> requests) {
  std::vector<std::string> labels;
  for (const MethodRequest& request : requests) {
    const MethodInfo& info = method(request.method);
    std::string label = request.method;
    const bool usual = request.variant.empty() || request.variant == info.variants.front();
    if (!usual) label += "." + request.variant;
    if (info.uses_layer && request.layer != "auto") label += "@" + request.layer;
    labels.push_back(std::move(label));
  }
  return labels;
}

std::vector<std::string> all_labels(const EvaluationPlan& plan) {
  auto labels = method_labels(plan.methods);
  for (const std::string_view control : experiment(plan.experiment).controls) labels.emplace_back(control);
  return labels;
}

std::vector<std::int64_t> planned_positions(const EvaluationPlan& plan, const Dataset& dataset) {
  std::vector<std::int64_t> positions;
  const std::size_t size = planned_size(plan, dataset), batch = static_cast<std::size_t>(plan.batch);
  for (std::size_t i = 0; i < size; ++i)
    if (i / batch % plan.shards == plan.shard) positions.push_back(static_cast<std::int64_t>(i));
  return positions;
}

EvaluationOutcome evaluate(const EvaluationPlan& plan, const EvaluationSubject& subject, RowStore& rows,
                           const std::filesystem::path& maps, int threads, const EvaluationHooks& hooks,
                           std::span<const std::unique_ptr<RemoteWorker>> others) {
  const auto experiment = make_experiment(plan.experiment, plan.options);
  const auto blocks = missing_blocks(plan, subject.dataset, rows);
  EvaluationOutcome outcome;
  if (blocks.empty()) return outcome;

  auto workers =
      make_workers(plan, subject, *experiment, maps, std::min(static_cast<std::size_t>(threads), blocks.size()));
  const auto begun = std::chrono::steady_clock::now();
  const auto seconds_since = [](auto start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  BlockQueue queue(blocks, 2 * (workers.size() + others.size()));
  {
    std::vector<std::jthread> running;
    const StopAtEnd stop{queue};  // before the threads are joined
    for (BlockWorker& worker : workers) running.emplace_back([&] { work(queue, worker); });
    for (const auto& worker : others) running.emplace_back([&] { work(queue, *worker); });
    while (auto result = queue.take()) {
      const auto start = std::chrono::steady_clock::now();
      rows.write(result->images, result->maps);
      outcome.times.write += seconds_since(start);
      add(outcome.times, result->times);
      for (const ImageRow& image : result->images) hooks.finished(image);
      outcome.stopped = hooks.stop();
      if (outcome.stopped) break;
    }
  }
  outcome.times.elapsed = seconds_since(begun);
  return outcome;
}

void serve(const EvaluationPlan& plan, const EvaluationSubject& subject, const std::filesystem::path& maps,
           int threads, BlockClient& client) {
  const auto experiment = make_experiment(plan.experiment, plan.options);
  std::vector<BlockWorker> workers;
  std::optional<Error> failure;
  try {
    workers = make_workers(plan, subject, *experiment, maps, static_cast<std::size_t>(threads));
  } catch (const Error& e) {
    failure = e;
  }
  const auto answer = [&](int thread, std::int64_t first) {
    try {
      if (failure) throw *failure;
      client.give(thread, workers[static_cast<std::size_t>(thread)].run(first));
    } catch (const std::exception& e) {
      client.fail(thread, e);
    }
  };
  std::vector<std::jthread> running;
  for (int i = 0; i < threads; ++i)
    running.emplace_back([&answer, &client, i] {
      while (const auto first = client.next(i)) answer(i, *first);
    });
}

}  // namespace limn
