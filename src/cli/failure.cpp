#include "failure.h"

#include <fmt/format.h>

#include <cstdio>
#include <new>
#include <string>

namespace limn::cli {
namespace {

void print_line(const std::string& text) { std::fputs((text + "\n").c_str(), stderr); }

ExitCode exit_code(ErrorCode code) {
  switch (code) {
    case ErrorCode::internal: return kBug;
    case ErrorCode::cancelled: return kInterrupted;
    default: return kBadInput;
  }
}

ExitCode report_bug(std::string_view what) {
  print_error(Error(ErrorCode::internal, fmt::format("internal error: {}", what), {},
                    "this is a bug in limn; please report it with the command and, if possible, the files"));
  return kBug;
}

}  // namespace

void print_error(const Error& error) { print_line(fmt::format("limn: {}", error.what())); }

void print_note(std::string_view sentence) { print_line(fmt::format("limn: {}", sentence)); }

ExitCode report_exception() {
  try {
    throw;
  } catch (const UsageError& e) {
    print_error(e.error());
    return kUsage;
  } catch (const OutputClosed&) {
    return kBadInput;
  } catch (const Error& e) {
    if (e.code() == ErrorCode::internal) return report_bug(e.what());
    print_error(e);
    return exit_code(e.code());
  } catch (const std::bad_alloc&) {
    print_error(Error(ErrorCode::limit, "out of memory", {}, "use a smaller --batch or smaller images"));
    return kBadInput;
  } catch (const std::exception& e) {
    return report_bug(e.what());
  }
}

}  // namespace limn::cli
