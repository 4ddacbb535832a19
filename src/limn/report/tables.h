#pragma once
// The tables of a report. Each holds all runs of one experiment; where there are several, the first column says
// which.

#include <optional>
#include <span>
#include <vector>

#include "limn/report/document.h"
#include "limn/report/run.h"

namespace limn {

using Runs = std::span<const Run>;

// ---- From manifest and summary

/// Network, dataset, images, protocol, methods and layers, preprocessing: a row a fact, a column a run.
Table facts_table(Runs);
/// Hashes, seeds, versions, paths.
Table provenance_table(Runs);
/// Top-1 and top-5 errors of the network.
Table errors_table(Runs);
/// Every measure of every method and control; of a list of variants the one that is the headline.
std::optional<Table> results_table(Runs);
/// The other variants, such as boxes at other thresholds.
std::vector<Table> variant_tables(Runs);
/// Every method against the best control.
std::optional<Table> comparisons_table(Runs);
/// What the published protocol changes, for each pair of runs that differ in nothing else.
std::optional<Table> protocols_table(Runs);

// ---- From the rows

/// The methods against each other: McNemar's exact test on the same images, Holm's correction.
std::optional<Table> pairs_table(Runs);
/// Successes, else mean scores, of the methods on the images of each class.
std::optional<Table> classes_table(const Run&, std::string id);
/// The first images that failed, and why.
std::optional<Table> failures_table(Runs);

// ---- What they are made of

/// A method's measures in the order of the table: those of its headline variant, then its own.
std::vector<std::pair<std::string, Json>> main_measures(const Run&, const Json& method);
/// The path of the measure with which methods of this experiment stand or fall; empty when nothing has an interval.
std::string headline_path(const Run&);
/// The measure of a method under that path; null when it has none.
Json find_measure(const Run&, const Json& method, const std::string& path);

}  // namespace limn
