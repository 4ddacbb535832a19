#include "harness.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace limn::test {
namespace {

namespace fs = std::filesystem;

void redirect(const fs::path& to, int descriptor) {
  const int file = ::open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (file < 0 || ::dup2(file, descriptor) < 0) ::_exit(125);
}

[[noreturn]] void become_limn(const std::vector<std::string>& arguments, const RunOptions& options,
                              const fs::path& folder) {
  redirect(options.standard_output.empty() ? folder / "out" : fs::path(options.standard_output), STDOUT_FILENO);
  redirect(folder / "err", STDERR_FILENO);
  if (options.file_size_limit) {
    const rlimit limit{*options.file_size_limit, *options.file_size_limit};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  std::vector<std::string> words{LIMN_CLI};
  if (options.processes > 0) {
    for (const char* name : {"OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"}) ::setenv(name, "1", 1);
    words = {"mpirun", "--oversubscribe", "-np", std::to_string(options.processes), LIMN_CLI};
  }
  words.insert(words.end(), arguments.begin(), arguments.end());
  if (!options.other.empty()) {
    words.insert(words.end(), {":", "-np", "1", LIMN_CLI});
    words.insert(words.end(), options.other.begin(), options.other.end());
  }
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execvp(argv[0], argv.data());
  ::_exit(127);
}

}  // namespace

std::vector<nlohmann::json> Ran::lines() const {
  std::vector<nlohmann::json> parsed;
  std::istringstream stream(out);
  for (std::string line; std::getline(stream, line);) parsed.push_back(nlohmann::json::parse(line));
  return parsed;
}

Process::Process(const std::vector<std::string>& arguments, const RunOptions& options) {
  pid_ = ::fork();
  if (pid_ == 0) become_limn(arguments, options, folder_.path());
}

Process::~Process() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void Process::signal(int number) const { ::kill(pid_, number); }

Ran Process::finish() {
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  Ran ran;
  ran.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  if (fs::exists(folder_ / "out")) ran.out = read_text(folder_ / "out");
  ran.err = read_text(folder_ / "err");
  return ran;
}

Ran run_limn(const std::vector<std::string>& arguments, const RunOptions& options) {
  return Process(arguments, options).finish();
}

std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_text(const fs::path& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  return names;
}

}  // namespace limn::test
