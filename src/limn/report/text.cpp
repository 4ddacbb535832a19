#include "limn/report/text.h"

#include <fmt/format.h>

#include <cctype>
#include <cmath>
#include <cstdint>

#include "limn/datasets/text.h"

namespace limn {
namespace {

/// Every character replaced by what `replacement` gives for it; nullptr keeps it.
template <class F>
std::string replaced(std::string_view bytes, F&& replacement) {
  std::string out;
  for (const char c : clean(bytes)) {
    const char* by = replacement(c);
    if (by == nullptr)
      out += c;
    else
      out += by;
  }
  return out;
}

std::string with_thousands(double value) {
  std::string digits = fmt::format("{:.0f}", std::abs(value));
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3)
    digits.insert(static_cast<std::size_t>(at), 1, ',');
  return fmt::format("{}{}", value < 0 ? "-" : "", digits);
}

/// What rounds to zero has no sign.
std::string fixed(double value, int digits, bool sign) {
  const std::string text = fmt::format("{:.{}f}", value, digits);
  const bool zero = text.find_first_of("123456789") == std::string::npos;
  if (zero) return fmt::format("{:.{}f}", 0.0, digits);
  return fmt::format("{}{}", sign && value > 0 ? "+" : "", text);
}

/// Between the ends of an interval: a dash would look like a minus sign.
std::string_view between(double low, Unit unit, std::string_view dash) {
  return low < 0 || unit == Unit::points || unit == Unit::change ? " to " : dash;
}

std::string p_text(double p) {
  constexpr double kSmallest = 1e-4;
  return p < kSmallest ? "< 0.0001" : fmt::format("{:.2g}", p);
}

}  // namespace

std::string clean(std::string_view bytes) {
  std::string text = printable(bytes);
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  return text;
}

std::string html_escaped(std::string_view text) {
  return replaced(text, [](char c) -> const char* {
    switch (c) {
      case '&': return "&amp;";
      case '<': return "&lt;";
      case '>': return "&gt;";
      case '"': return "&quot;";
      case '\'': return "&#39;";
      default: return nullptr;
    }
  });
}

std::string csv_field(std::string_view text) {
  const std::string whole = clean(text);
  const bool plain =
      whole.find_first_of("\",") == std::string::npos && !whole.starts_with(' ') && !whole.ends_with(' ');
  if (plain) return whole;
  std::string quoted;
  for (const char c : whole) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return fmt::format("\"{}\"", quoted);
}

std::string latex_escaped(std::string_view text) {
  return replaced(text, [](char c) -> const char* {
    switch (c) {
      case '\\': return "\\textbackslash{}";
      case '{': return "\\{";
      case '}': return "\\}";
      case '$': return "\\$";
      case '&': return "\\&";
      case '#': return "\\#";
      case '_': return "\\_";
      case '%': return "\\%";
      case '~': return "\\textasciitilde{}";
      case '^': return "\\textasciicircum{}";
      case '<': return "\\textless{}";
      case '>': return "\\textgreater{}";
      case '|': return "\\textbar{}";
      case '[': return "{[}";  // behind the end of a row it would be an option, as would a star
      case '*': return "{*}";
      default: return nullptr;
    }
  });
}

std::string markdown_escaped(std::string_view text) {
  return replaced(text, [](char c) -> const char* {
    switch (c) {
      case '\\': return "\\\\";
      case '|': return "\\|";
      case '*': return "\\*";
      case '_': return "\\_";
      case '`': return "\\`";
      case '[': return "\\[";
      case ']': return "\\]";
      case '~': return "\\~";
      case '#': return "\\#";
      case '<': return "&lt;";
      case '>': return "&gt;";
      case '&': return "&amp;";
      default: return nullptr;
    }
  });
}

std::string base64(std::span<const std::byte> bytes) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t have = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8U | (k < have ? std::to_integer<std::uint32_t>(bytes[i + k]) : 0U);
    for (std::size_t k = 0; k < 4; ++k) text += k <= have ? kAlphabet[group >> (18U - 6U * k) & 63U] : '=';
  }
  return text;
}

std::string number_text(double value, Unit unit) {
  switch (unit) {
    case Unit::count: return with_thousands(value);
    case Unit::fraction: return fixed(value, 3, false);
    case Unit::percent: return fixed(100 * value, 1, false);
    case Unit::points: return fixed(100 * value, 1, true);
    case Unit::change: return fixed(value, 3, true);
    case Unit::p_value: return p_text(value);
    case Unit::text:
    case Unit::number: break;
  }
  return fmt::format("{:.4g}", value);
}

std::string cell_text(const TableCell& cell, Unit unit) {
  if (!cell.value) return cell.text.empty() ? "-" : cell.text;
  if (!cell.interval) return number_text(*cell.value, unit);
  return fmt::format("{} ({}{}{})", number_text(*cell.value, unit), number_text(cell.interval->low, unit),
                     between(cell.interval->low, unit, "-"), number_text(cell.interval->high, unit));
}

std::string typeset(double value, Unit unit) {
  std::string text;
  for (const char c : number_text(value, unit)) text += c == '-' ? std::string("\u2212") : std::string(1, c);
  return text;
}

std::string typeset(const Interval& interval, Unit unit) {
  return fmt::format("{}{}{}", typeset(interval.low, unit), between(interval.low, unit, "\u2013"),
                     typeset(interval.high, unit));
}

std::string typeset(const TableCell& cell, Unit unit) {
  if (!cell.value) return cell.text.empty() ? "\u2013" : cell.text;
  std::string text = typeset(*cell.value, unit);
  if (unit == Unit::percent) text += "\u00a0%";
  return cell.interval ? fmt::format("{} ({})", text, typeset(*cell.interval, unit)) : text;
}

std::string sentences(std::string title, std::string_view hint) {
  if (!title.empty()) title[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(title[0])));
  return hint.empty() ? title + "." : fmt::format("{}. {}.", title, hint);
}

std::string slug(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto letter = static_cast<unsigned char>(c);
    if (letter < 0x80 && std::isalnum(letter) != 0)
      out += static_cast<char>(std::tolower(letter));
    else if (!out.empty() && out.back() != '-')
      out += '-';
  }
  while (out.ends_with('-')) out.pop_back();
  return out;
}

}  // namespace limn
