#pragma once
// An experiment: which maps it needs of an image, what it measures on them, how the measures are summed up.

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "limn/heatmap.h"
#include "limn/image/json.h"
#include "limn/study/rows.h"
#include "limn/study/truth.h"

namespace limn {

struct ExperimentOptions {
  Protocol protocol = Protocol::correct;
  std::vector<double> thresholds{0.15};         ///< fractions of a map's maximum; the first is the headline
  double tolerance = 15;                        ///< pointing game: pixels from a box, for the row with tolerance
  std::map<std::string, std::size_t> findings;  ///< xray: names in the dataset, and their classes in the network
  std::uint64_t seed = 0;
};

/// The column by which methods are compared image by image.
struct Primary {
  std::string column;      ///< empty: they are not compared
  bool is_amount = false;  ///< a number that may be missing; else 0 or 1
};

/// A row of the table of experiments.
struct ExperimentInfo {
  std::string_view name, summary;
  bool needs_boxes;
  std::vector<std::string_view> controls;  ///< compared with every method
  std::vector<double> thresholds;          ///< unless others are asked for; none where they mean nothing
  bool cropped_as_published;               ///< whether the study's faults in boxes and pixels belong to it
};
/// classification, localization, pointing-game, xray.
std::span<const ExperimentInfo> experiments();
/// Throws Error{not_found} that suggests close names.
const ExperimentInfo& experiment(std::string_view name);

/// Stateless apart from its options: measure() may be called from several threads.
class Experiment {
 public:
  explicit Experiment(const ExperimentOptions& options) : options_(options) {}
  virtual ~Experiment() = default;
  Experiment(const Experiment&) = delete;
  Experiment& operator=(const Experiment&) = delete;

  /// Names of the cells of a map's row.
  virtual std::vector<std::string> columns() const = 0;
  /// The classes of the network whose maps are needed; none for an image that says nothing.
  virtual std::vector<std::size_t> wanted(const ImageRow&) const = 0;
  /// `maps` are those of the wanted classes, at the size of the input, not rescaled.
  virtual std::vector<Cell> measure(const ImageRow&, std::span<const Heatmap> maps) const = 0;
  /// What a method's rows come to.
  virtual Json summarise(RowStore&, std::string_view method, std::span<const ImageRow> images) const = 0;
  virtual Primary primary() const = 0;

 protected:
  ExperimentOptions options_;
};
std::unique_ptr<const Experiment> make_experiment(std::string_view name, const ExperimentOptions&);

// ---- What summaries are made of

/// {"successes", "of", "rate", "low", "high"}; low and high by Wilson.
Json rate_json(double successes, double trials);
/// The same of the failures, called "error".
Json error_json(double successes, double trials);
/// {"n", "mean", "sd", "low", "high"}; null without values.
Json mean_json(std::span<const double> values, std::uint64_t seed);

}  // namespace limn
