#pragma once
// Text for the formats of a report: numbers as people read them, and characters that mean something escaped. Bytes
// that are no UTF-8 come out as \xNN, control characters as spaces.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "limn/report/document.h"

namespace limn {

/// UTF-8 without control characters.
std::string clean(std::string_view bytes);

/// In text and in attributes between either kind of quotes.
std::string html_escaped(std::string_view text);
/// A field of comma-separated values, in quotes where it has to be.
std::string csv_field(std::string_view text);
/// In text mode; letters beyond ASCII are left to the engine.
std::string latex_escaped(std::string_view text);
/// In a cell of a table: no character begins markup or ends the cell.
std::string markdown_escaped(std::string_view text);
std::string base64(std::span<const std::byte> bytes);

/// "59.2", "+7.2", "0.557", "49,986", "< 0.0001"; minus signs are hyphens.
std::string number_text(double value, Unit);
/// The text, or the number with its interval: "59.2 (53.0-65.1)"; "-" for an empty cell.
std::string cell_text(const TableCell&, Unit);

// The same as print has them, with minus signs and dashes; the whole cell with a percent sign behind
// a space that does not break: "59.2 % (53.0–65.1)".
std::string typeset(double value, Unit);
std::string typeset(const Interval&, Unit);
std::string typeset(const TableCell&, Unit);

/// "known class" and "The box succeeds" as "Known class. The box succeeds."
std::string sentences(std::string title, std::string_view hint);

/// Small letters, digits and hyphens, for names of files and anchors: "Grad-CAM++ @ conv/4" is "grad-cam-conv-4".
std::string slug(std::string_view text);

}  // namespace limn
