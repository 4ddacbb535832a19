#pragma once
// Charts as SVG for a page: colours, strokes and letters are those of the page's style sheet.

#include <string>
#include <vector>

#include "limn/report/document.h"

namespace limn {

/// Where axes have their marks: two to six round numbers from low to high.
std::vector<double> ticks(double low, double high);

/// Each chart has role img and is described in words for who cannot see it.
std::string svg_of(const LineChart&);
std::string svg_of(const IntervalChart&);
/// One picture a panel; `most` is the largest count of all panels.
std::string svg_of(const Histograms::Panel&, const Axis& x, std::size_t most);

/// What the chart says, in a sentence or two.
std::string description_of(const LineChart&);
std::string description_of(const IntervalChart&);
std::string description_of(const Histograms::Panel&, const Axis& x);

/// The number of a series' colour and dashes in the style sheet: methods count from 0, controls likewise.
std::size_t style_number(const std::vector<Series>&, std::size_t series);

}  // namespace limn
