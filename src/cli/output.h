#pragma once
// Standard output with every failure noticed: results must not vanish silently.

#include <fmt/format.h>

#include <string_view>

namespace limn::cli {

/// Throws OutputClosed when the reader has gone, Error{io} when the text cannot be written.
void write_output(std::string_view text);
/// Hands buffered text to the system; throws as write_output().
void flush_output();

template <class... Args>
void print(fmt::format_string<Args...> format, Args&&... args) {
  write_output(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace limn::cli
