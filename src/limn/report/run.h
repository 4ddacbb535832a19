#pragma once
// A finished run as a report reads it.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "limn/image/json.h"
#include "limn/study/rows.h"

namespace limn {

/// What one method came to on every image, in the order of positions.
struct MethodRows {
  std::string name;
  bool control = false;
  std::vector<std::int64_t> positions;
  std::vector<double> scores;        ///< NaN where undefined; empty for a run without a score
  std::vector<bool> successes;       ///< empty for a run whose methods neither succeed nor fail
  std::vector<std::size_t> reached;  ///< images whose box reaches an IoU of .5 at each of the sweep_fractions()
};

struct RunRows {
  std::vector<ImageRow> images;
  std::string score_column;         ///< empty: none
  std::vector<MethodRows> methods;  ///< methods and controls in the order of the summary
};

struct Run {
  std::filesystem::path folder;
  std::string experiment, label;  ///< the label tells it from the others
  Json manifest, summary;
  std::vector<std::string> class_names;  ///< of the network; empty when unknown
  RunRows rows;

  std::string id() const;       ///< the experiment as a part of anchors and names of files
  std::string network() const;  ///< the name of the model's file
  bool correct_protocol() const;
  /// "golden retriever"; "class 207" when unknown.
  std::string class_name(std::size_t index) const;
};

/// Names the classes of the network of a run; empty when they are unknown.
using ClassNamer = std::function<std::vector<std::string>(const Json& manifest)>;

/// Throws Error{not_found} for a folder without a run, Error{bad_input} for a run that is not finished or damaged,
/// Error{unsupported} for one of a newer format.
Run load_run(const std::filesystem::path& folder, const ClassNamer&);

/// Gives every run a label that tells it from the others: what differs of network, protocol and dataset, and the
/// name of the folder where that is not enough.
void label_runs(std::span<Run>);

/// A name for SQL.
std::string quoted_name(std::string_view column);

}  // namespace limn
