#include "output.h"

#include <cerrno>
#include <cstdio>
#include <system_error>

#include "failure.h"

namespace limn::cli {
namespace {

[[noreturn]] void fail(int error_number) {
  if (error_number == EPIPE) throw OutputClosed{};
  throw Error(ErrorCode::io, "cannot write to standard output: " + std::generic_category().message(error_number));
}

}  // namespace

void write_output(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) fail(errno);
}

void flush_output() {
  if (std::fflush(stdout) != 0) fail(errno);
}

}  // namespace limn::cli
