#pragma once
// The processes that mpirun started together on one evaluation. The first one talks, reads and writes the run; the
// others compute blocks of images for it, handed out as they become free.

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "limn/error.h"
#include "limn/study/evaluation.h"

namespace limn::cli {

struct MpiCalls;

class Ranks : public BlockClient {
 public:
  /// A process that mpirun did not start is alone. Throws Error{unsupported} when it did, and MPI cannot be
  /// loaded.
  Ranks();
  ~Ranks() override;
  Ranks(const Ranks&) = delete;
  Ranks& operator=(const Ranks&) = delete;

  bool first() const { return rank_ == 0; }

  /// Every rank comes here once it is ready to compute by so many threads, or has failed. `work` is what it is
  /// about to work on, and is to be the same everywhere. Throws, on every rank, what the first rank that failed had
  /// to say.
  void meet(const std::string& work, int threads, const std::optional<Error>& failure);

  /// For the first rank, after meet(): the threads of all others.
  std::span<const std::unique_ptr<RemoteWorker>> workers() const { return workers_; }
  /// For the first rank: lets the others go. They wait for it.
  void dismiss();

  std::optional<std::int64_t> next(int thread) override;
  void give(int thread, const BlockResult&) override;
  void fail(int thread, const std::exception&) override;

 private:
  class Worker;
  using Bytes = std::vector<std::uint8_t>;
  void send(int rank, int tag, std::span<const std::uint8_t>);
  Bytes receive(int rank, int tag);

  std::mutex mutex_;  ///< of all calls of MPI
  const MpiCalls* mpi_ = nullptr;
  bool started_ = false;
  int rank_ = 0, size_ = 1;
  std::vector<std::unique_ptr<RemoteWorker>> workers_;
};

}  // namespace limn::cli
