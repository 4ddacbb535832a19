#include "ranks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "limn/study/block.h"

#ifdef LIMN_HAVE_MPI
#include <mpi.h>
#endif

namespace limn::cli {
namespace {

/// Set by OpenMPI's mpirun and by srun --mpi=pmix.
bool started_by_mpirun() {
  return std::ranges::any_of(std::array{"OMPI_COMM_WORLD_SIZE", "PMIX_RANK"},
                             [](const char* name) { return std::getenv(name) != nullptr; });
}

std::vector<std::uint8_t> bytes_of(const Json& json) { return Json::to_cbor(json); }

Json to_json(const Error& e) { return {static_cast<int>(e.code()), e.message(), e.where(), e.mend()}; }

Error error_from(const Json& j) {
  return Error(static_cast<ErrorCode>(j.at(0).get<int>()), j.at(1).get<std::string>(), j.at(2).get<std::string>(),
               j.at(3).get<std::string>());
}

}  // namespace

/// What the last byte of an answer says of those before it.
enum Answer : std::uint8_t { kResult, kFailure };

/// One message each way for every block: where it begins; its result or what went wrong.
class Ranks::Worker : public RemoteWorker {
 public:
  Worker(Ranks& ranks, int rank, int thread) : ranks_(ranks), rank_(rank), thread_(thread) {}

  BlockResult run(std::int64_t first) override {
    ranks_.send(rank_, thread_, bytes_of(first));
    Bytes answer = ranks_.receive(rank_, thread_);
    const auto kind = answer.back();
    answer.pop_back();
    if (kind == kFailure) throw error_from(Json::from_cbor(answer));
    return unpacked(answer);
  }
  void dismiss() { ranks_.send(rank_, thread_, bytes_of(nullptr)); }

 private:
  Ranks& ranks_;
  int rank_, thread_;
};

void Ranks::dismiss() {
  for (const auto& worker : workers_) static_cast<Worker&>(*worker).dismiss();
  workers_.clear();
}

std::optional<std::int64_t> Ranks::next(int thread) {
  const Json place = Json::from_cbor(receive(0, thread));
  if (place.is_null()) return std::nullopt;
  return place.get<std::int64_t>();
}

void Ranks::give(int thread, const BlockResult& result) {
  Bytes answer = packed(result);
  answer.push_back(kResult);
  send(0, thread, answer);
}

void Ranks::fail(int thread, const std::exception& e) {
  const auto* error = dynamic_cast<const Error*>(&e);
  Bytes answer = bytes_of(to_json(error ? *error : Error(ErrorCode::internal, e.what())));
  answer.push_back(kFailure);
  send(0, thread, answer);
}

void Ranks::meet(const std::string& work, int threads, const std::optional<Error>& failure) {
  constexpr int kTag = 0;
  if (!started_) {
    if (failure) throw *failure;
    return;
  }
  if (!first()) {
    send(0, kTag, bytes_of({work, threads, failure ? to_json(*failure) : Json()}));
    const Json verdict = Json::from_cbor(receive(0, kTag));
    if (!verdict.is_null()) throw error_from(verdict);
    return;
  }
  std::optional<Error> trouble = failure;
  for (int rank = 1; rank < size_; ++rank) {
    const Json other = Json::from_cbor(receive(rank, kTag));
    for (int thread = 0; thread < other.at(1).get<int>(); ++thread)
      workers_.push_back(std::make_unique<Worker>(*this, rank, thread));
    if (trouble) continue;
    if (!other.at(2).is_null())
      trouble = error_from(other.at(2));
    else if (other.at(0) != work)
      trouble = Error(ErrorCode::bad_input, fmt::format("process {} of mpirun sees another model or dataset", rank),
                      {}, "give all processes the same files");
  }
  for (int rank = 1; rank < size_; ++rank) send(rank, kTag, bytes_of(trouble ? to_json(*trouble) : Json()));
  if (!trouble) return;
  workers_.clear();
  throw *trouble;
}

#ifdef LIMN_HAVE_MPI

Ranks::Ranks() {
  if (!started_by_mpirun()) return;
  int provided = 0;
  MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided);
  started_ = true;
  if (provided < MPI_THREAD_SERIALIZED)
    throw Error(ErrorCode::unsupported, "this MPI does not serve several threads", "mpirun",
                "use --shard I/N instead");
  MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
  MPI_Comm_size(MPI_COMM_WORLD, &size_);
}

Ranks::~Ranks() {
  dismiss();
  if (started_) MPI_Finalize();
}

void Ranks::send(int rank, int tag, std::span<const std::uint8_t> bytes) {
  const std::lock_guard lock(mutex_);
  MPI_Send(bytes.data(), static_cast<int>(bytes.size()), MPI_BYTE, rank, tag, MPI_COMM_WORLD);
}

/// A receive of MPI's own would keep a core busy while it waits.
Ranks::Bytes Ranks::receive(int rank, int tag) {
  using std::chrono::microseconds;
  constexpr microseconds kLongest{2000};
  for (microseconds pause{50};; pause = std::min(2 * pause, kLongest)) {
    {
      const std::lock_guard lock(mutex_);
      int is_there = 0;
      MPI_Status status;
      MPI_Iprobe(rank, tag, MPI_COMM_WORLD, &is_there, &status);
      if (is_there != 0) {
        int size = 0;
        MPI_Get_count(&status, MPI_BYTE, &size);
        Bytes bytes(static_cast<std::size_t>(size));
        MPI_Recv(bytes.data(), size, MPI_BYTE, rank, tag, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        return bytes;
      }
    }
    std::this_thread::sleep_for(pause);
  }
}

#else

Ranks::Ranks() {
  if (started_by_mpirun())
    throw Error(ErrorCode::unsupported, "limn was built without MPI: every process would do all of the work",
                "mpirun", "install libopenmpi-dev and build again, or use --shard I/N and limn merge");
}

Ranks::~Ranks() = default;

void Ranks::send(int, int, std::span<const std::uint8_t>) {}
Ranks::Bytes Ranks::receive(int, int) { return {}; }

#endif

}  // namespace limn::cli
