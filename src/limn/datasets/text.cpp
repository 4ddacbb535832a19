#include "limn/datasets/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>

#include "limn/error.h"

namespace limn {
namespace {

constexpr std::string_view kBlank = " \t\r\n";

std::string_view without_mark(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  return text;
}

/// Length of the UTF-8 sequence at the front; 0 when there is none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::size_t length = byte(0) < 0x80                      ? 1
                             : byte(0) >= 0xC2 && byte(0) < 0xE0 ? 2
                             : (byte(0) & 0xF0U) == 0xE0         ? 3
                             : byte(0) >= 0xF0 && byte(0) < 0xF5 ? 4
                                                                 : 0;
  if (length == 0 || length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xC0U) != 0x80) return 0;
  return length;
}

/// Takes one field off the front of `text`, up to a comma or the end of the line.
std::string take_field(std::string_view& text) {
  std::string field;
  bool quoted = false;
  while (!text.empty()) {
    const char c = text.front();
    if (!quoted && (c == ',' || c == '\n')) break;
    text.remove_prefix(1);
    if (c == '"') {
      if (quoted && text.starts_with('"')) {
        field += '"';
        text.remove_prefix(1);
      } else {
        quoted = !quoted;
      }
    } else if (quoted || c != '\r') {
      field += c;
    }
  }
  return field;
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

std::vector<std::string_view> text_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  text = without_mark(text);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    if (!line.empty()) lines.push_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::vector<std::string_view> words(std::string_view line) {
  std::vector<std::string_view> found;
  for (std::size_t at = line.find_first_not_of(kBlank); at != std::string_view::npos;) {
    const std::size_t end = std::min(line.find_first_of(kBlank, at), line.size());
    found.push_back(line.substr(at, end - at));
    at = line.find_first_not_of(kBlank, end);
  }
  return found;
}

double parse_number(std::string_view text, std::string_view what, const std::string& where) {
  double number = 0;
  const std::string_view digits = trimmed(text);
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (problem != std::errc() || end != digits.data() + digits.size() || !std::isfinite(number))
    throw Error(ErrorCode::bad_input, fmt::format("{} is '{}', which is no number", what, printable(text)), where);
  return number;
}

int parse_count(std::string_view text, std::string_view what, const std::string& where) {
  constexpr double kMost = 1 << 30;
  const double number = parse_number(text, what, where);
  if (number < 0 || number > kMost || number != std::floor(number))
    throw Error(ErrorCode::bad_input, fmt::format("{} is '{}', which is no whole number from 0 on", what, text),
                where);
  return static_cast<int>(number);
}

std::vector<std::vector<std::string>> parse_csv(std::string_view text) {
  std::vector<std::vector<std::string>> rows;
  text = without_mark(text);
  while (!text.empty()) {
    std::vector<std::string> row{take_field(text)};
    while (text.starts_with(',')) {
      text.remove_prefix(1);
      row.push_back(take_field(text));
    }
    if (text.starts_with('\n')) text.remove_prefix(1);
    if (row.size() > 1 || !row[0].empty()) rows.push_back(std::move(row));
  }
  return rows;
}

std::string printable(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    const std::size_t length = utf8_length(bytes);
    text += length == 0 ? fmt::format("\\x{:02x}", static_cast<std::uint8_t>(bytes[0]))
                        : std::string(bytes.substr(0, length));
    bytes.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return text;
}

}  // namespace limn
