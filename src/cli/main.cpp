// The program `limn`: reads the command line, runs the command, turns exceptions into exit codes.

#include <cstdio>
#include <cstdlib>

#include "command_line.h"
#include "failure.h"
#include "heap.h"
#include "interrupt.h"
#include "output.h"
#include "usage.h"

namespace limn::cli {
namespace {

int run(int argc, char** argv) {
  CommandLine line;
  build(line);
  try {
    line.app.parse(argc, argv);
  } catch (const CLI::Success& help_or_version) {
    line.app.exit(help_or_version);
    flush_output();
    return kFine;
  } catch (const CLI::ParseError& e) {
    throw UsageError(explain_parse_error(line.app, e, {argv + 1, argv + argc}));
  }
  const int code = line.action();
  flush_output();
  return code;
}

/// Without the farewells of libraries: OpenMP and oneDNN take milliseconds to give back what the system takes
/// anyway. Whoever watches the program needs its own.
[[noreturn]] void leave(int code) {
#ifdef LIMN_WATCHED
  std::exit(code);
#else
  std::fflush(nullptr);
  std::_Exit(code);
#endif
}

}  // namespace
}  // namespace limn::cli

int main(int argc, char** argv) {
  limn::cli::use_huge_pages();
  limn::cli::install_signal_handlers();
  int code = 0;
  try {
    code = limn::cli::run(argc, argv);
  } catch (...) {
    code = limn::cli::report_exception();
  }
  limn::cli::leave(code);
}
