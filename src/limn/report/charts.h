#pragma once
// The charts of a report.

#include <optional>
#include <string>
#include <vector>

#include "limn/report/document.h"
#include "limn/report/tables.h"

namespace limn {

/// The headline of every method and control of all runs.
std::optional<IntervalChart> headline_chart(Runs);
/// The share of images whose box reaches an IoU of .5, by threshold; nothing for a run without boxes.
std::optional<LineChart> threshold_chart(const Run&, std::string id);
/// The lists called "curve" of the summary, one chart a measure.
std::vector<LineChart> curve_charts(const Run&, const std::string& id);
/// The scores of the images, method by method.
std::optional<Histograms> score_histograms(const Run&, std::string id);

}  // namespace limn
