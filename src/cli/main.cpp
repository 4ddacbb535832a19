// The program `limn`: reads the command line, runs the command, turns exceptions into exit codes.

#include "command_line.h"
#include "failure.h"
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

}  // namespace
}  // namespace limn::cli

int main(int argc, char** argv) {
  limn::cli::install_signal_handlers();
  try {
    return limn::cli::run(argc, argv);
  } catch (...) {
    return limn::cli::report_exception();
  }
}
