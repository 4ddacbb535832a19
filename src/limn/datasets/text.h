#pragma once
// Pieces of the text files that datasets come with.

#include <string>
#include <string_view>
#include <vector>

namespace limn {

/// Lines without their ends (LF or CRLF) and without a byte order mark; empty ones are left out.
std::vector<std::string_view> text_lines(std::string_view text);
std::vector<std::string_view> text_lines(std::string&&) = delete;  // they point into the text
/// What stands between spaces and tabs.
std::vector<std::string_view> words(std::string_view line);
std::string_view trimmed(std::string_view text);

/// A finite decimal number. Throws Error{bad_input}: "<what> is '<text>', which is no number".
double parse_number(std::string_view text, std::string_view what, const std::string& where);
/// A whole number that is not negative; throws likewise.
int parse_count(std::string_view text, std::string_view what, const std::string& where);

/// The rows of comma-separated text; fields may be in double quotes, which are doubled inside.
std::vector<std::vector<std::string>> parse_csv(std::string_view text);

/// UTF-8 as it is; every other byte as \xNN.
std::string printable(std::string_view bytes);

}  // namespace limn
