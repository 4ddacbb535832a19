#pragma once
// Runs the program `limn` and looks at what it answers.

#include <sys/types.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "support/scratch_folder.h"

namespace limn::test {

struct Ran {
  int code = -1;  ///< exit code; 128 + number when a signal ended it
  std::string out, err;

  /// The lines of `out`, each a JSON object.
  std::vector<nlohmann::json> lines() const;
};

struct RunOptions {
  std::string standard_output;                 ///< a file to write to instead, such as /dev/full
  std::optional<std::size_t> file_size_limit;  ///< bytes; beyond it writing fails as on a full disk
  int processes = 0;                           ///< of mpirun; 0: without it. Exit code 127 where there is none
  std::vector<std::string> other;              ///< with processes: the arguments of one more, which has its own
};

/// A running program; its output goes to files that finish() reads.
class Process {
 public:
  explicit Process(const std::vector<std::string>& arguments, const RunOptions& = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void signal(int number) const;
  Ran finish();

 private:
  ScratchFolder folder_;
  pid_t pid_ = -1;
};

Ran run_limn(const std::vector<std::string>& arguments, const RunOptions& = {});

std::string read_text(const std::filesystem::path&);
void write_text(const std::filesystem::path&, const std::string&);
/// Names of the files in a folder, sorted.
std::vector<std::string> names_in(const std::filesystem::path&);

}  // namespace limn::test
