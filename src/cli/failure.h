#pragma once
// How the command line fails: exit codes, and the one place where errors become text.

#include <exception>
#include <string_view>
#include <type_traits>

#include "limn/error.h"

namespace limn::cli {

enum ExitCode : int {
  kFine = 0,
  kBadInput = 1,    ///< a file, a model, a value that does not fit them, or a disk that refuses
  kUsage = 2,       ///< an option that cannot be right whatever the files hold
  kBug = 3,         ///< limn's own fault
  kSomeFailed = 4,  ///< finished, but some of the inputs failed
  kInterrupted = 130,
};

/// An error in what was typed.
class UsageError : public std::exception {
 public:
  explicit UsageError(Error error) : error_(std::move(error)) {}
  const Error& error() const noexcept { return error_; }
  const char* what() const noexcept override { return error_.what(); }

 private:
  Error error_;
};

/// Whoever read our standard output has gone.
struct OutputClosed {};

/// Runs `parse`, which reads option values: its errors are errors of usage.
template <class F>
auto as_usage(F&& parse) -> std::invoke_result_t<F> {
  try {
    return parse();
  } catch (const Error& e) {
    throw UsageError(e);
  }
}

/// "limn: <what>", then indented where and mend, on standard error.
void print_error(const Error&);
/// "limn: <sentence>" on standard error, for something worth knowing that is no error.
void print_note(std::string_view sentence);
/// To be called in a catch block: prints the exception in flight and returns its exit code.
ExitCode report_exception();

}  // namespace limn::cli
