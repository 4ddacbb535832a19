#include "ranks.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "limn/study/block.h"
#include "mpi/calls.h"

namespace limn::cli {
namespace {

/// Set by OpenMPI's mpirun and by srun --mpi=pmix.
bool started_by_mpirun() {
  return std::ranges::any_of(std::array{"OMPI_COMM_WORLD_SIZE", "PMIX_RANK"},
                             [](const char* name) { return std::getenv(name) != nullptr; });
}

/// Beside the program where it was built, in the folder of libraries where it was installed. A search path of the
/// program's own would be searched for every other library too.
std::filesystem::path mpi_module() {
  const auto folder = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  const auto built = folder / "limn_mpi.so";
  return std::filesystem::exists(built) ? built : folder / ".." / LIMN_MODULES / "limn_mpi.so";
}

/// Never unloaded: MPI leaves threads and handlers behind.
const MpiCalls& load_mpi() {
  // Global, because the parts that MPI itself loads look for its symbols.
  void* module = dlopen(mpi_module().c_str(), RTLD_NOW | RTLD_GLOBAL);
  const void* calls = module != nullptr ? dlsym(module, "limn_mpi_calls") : nullptr;
  if (calls == nullptr)
    throw Error(
        ErrorCode::unsupported,
        fmt::format("MPI cannot be loaded, and without it every process would do all of the work: {}", dlerror()),
        "mpirun", "install libopenmpi-dev and build again, or use --shard I/N and limn merge");
  return *static_cast<const MpiCalls*>(calls);
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

Ranks::Ranks() {
  if (!started_by_mpirun()) return;
  mpi_ = &load_mpi();
  started_ = true;
  if (!mpi_->start(&rank_, &size_))
    throw Error(ErrorCode::unsupported, "this MPI does not serve several threads", "mpirun",
                "use --shard I/N instead");
}

Ranks::~Ranks() {
  dismiss();
  if (started_) mpi_->finish();
}

void Ranks::send(int rank, int tag, std::span<const std::uint8_t> bytes) {
  const std::lock_guard lock(mutex_);
  mpi_->send(rank, tag, bytes.data(), static_cast<int>(bytes.size()));
}

/// A receive of MPI's own would keep a core busy while it waits.
Ranks::Bytes Ranks::receive(int rank, int tag) {
  using std::chrono::microseconds;
  constexpr microseconds kLongest{2000};
  for (microseconds pause{50};; pause = std::min(2 * pause, kLongest)) {
    {
      const std::lock_guard lock(mutex_);
      if (const int size = mpi_->arrived(rank, tag); size >= 0) {
        Bytes bytes(static_cast<std::size_t>(size));
        mpi_->receive(rank, tag, bytes.data(), size);
        return bytes;
      }
    }
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace limn::cli
