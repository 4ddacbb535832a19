#pragma once
// A report on finished runs: what it holds, and how it is written.

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "limn/report/document.h"
#include "limn/report/gallery.h"
#include "limn/report/run.h"

namespace limn {

struct ReportOptions {
  ClassNamer class_names = [](const Json&) { return std::vector<std::string>(); };
  PictureSource pictures;
  bool galleries = true;  ///< pictures of single cases, which only the page shows
};

/// One section an experiment, in the order in which experiments are first named. Throws as load_run(), and
/// Error{bad_input} when a run is named twice or none is.
Document make_report(std::span<const std::filesystem::path> runs, const ReportOptions&);

/// Every table of a report, in order.
std::vector<const Table*> tables_of(const Document&);

// ---- Writers. All of them give UTF-8 text.

/// A page that needs nothing but itself.
std::string to_html(const Document&);
/// Tables with the numbers unrounded, charts as points; no pictures.
std::string to_json(const Document&);
/// Tables for a text with booktabs and longtable.
std::string to_latex(const Document&);
/// Texts and tables, in GitHub's dialect.
std::string to_markdown(const Document&);
/// One table (RFC 4180), numbers unrounded; a column with intervals is three: the value, low and high.
std::string to_csv(const Table&);

}  // namespace limn
