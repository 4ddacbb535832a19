#pragma once
// An experiment: which maps it needs of an image, what it measures on them, how the measures are summed up.

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "limn/explain.h"
#include "limn/heatmap.h"
#include "limn/image/json.h"
#include "limn/metrics.h"
#include "limn/occlusion.h"
#include "limn/study/calibration.h"
#include "limn/study/rows.h"
#include "limn/study/truth.h"

namespace limn {

/// Of the occlusion maps that others are compared with.
struct OcclusionRules {
  std::int64_t patch = 45, stride = 16;  ///< pixels of the network's input
  OcclusionFill fill = OcclusionFill::mean;
  Target::Kind score = Target::Kind::probability;  ///< or logit
  bool padded = false;      ///< the network sees the image in a frame of the fill, half a patch wide
  bool argsort = false;     ///< compared by spearman_of_argsort() in place of spearman()
  std::int64_t batch = 16;  ///< positions computed together
};

struct ExperimentOptions {
  Protocol protocol = Protocol::correct;
  std::vector<double> thresholds{0.15};         ///< fractions of a map's maximum; the first is the headline
  RegionRule box = RegionRule::region;          ///< localization: of the headline; xray
  double tolerance = 15;                        ///< pointing game: pixels from a box, for the row with tolerance
  std::map<std::string, std::size_t> findings;  ///< xray: names in the dataset, and their classes in the network
  OcclusionRules occlusion = {};
  std::optional<Calibration> calibration = {};  ///< localization: thresholds chosen on another run
  std::uint64_t seed = 0;
};
/// Whose box the protocol judges.
RegionRule usual_box(Protocol);
/// What the manifest of an experiment says of them, and what it said.
Json options_json(std::string_view experiment, const ExperimentOptions&);
ExperimentOptions options_from(const Json& manifest);
RegionRule box_of(const Json& manifest);

/// A row of the table of experiments.
struct ExperimentInfo {
  std::string_view name, summary;
  bool needs_boxes;
  bool draws_maps;
  std::vector<std::string_view> controls;  ///< compared with every method
  std::vector<double> thresholds;          ///< unless others are asked for; none where they mean nothing
  bool cropped_as_published;               ///< whether the study's faults in boxes and pixels belong to it
};
/// classification, localization, pointing-game, occlusion, xray.
std::span<const ExperimentInfo> experiments();
/// Throws Error{not_found} that suggests close names.
const ExperimentInfo& experiment(std::string_view name);

/// The network as an experiment runs it.
struct ProbedNetwork {
  const Classifier& classifier;
  const Graph& model;  ///< of images [N, C, H, W], sizes open where the file leaves them open
};

/// What an experiment asks of the network beside the methods' maps. For one thread.
class Probe {
 public:
  virtual ~Probe() = default;
  virtual std::unique_ptr<Probe> copy() const = 0;
  /// A map of the preprocessed image [C, H, W] for one of its classes. Throws Error{bad_input} for an image that
  /// the network cannot answer.
  virtual Heatmap look(std::span<const float> image, std::size_t class_index) = 0;

 protected:
  Probe() = default;
  Probe(const Probe&) = default;
  Probe& operator=(const Probe&) = default;
};

/// A map, and what an experiment finds on it before it looks at any image.
struct StudiedMap {
  explicit StudiedMap(Heatmap map) : heatmap(std::move(map)) {}
  virtual ~StudiedMap() = default;
  StudiedMap(const StudiedMap&) = delete;
  StudiedMap& operator=(const StudiedMap&) = delete;

  Heatmap heatmap;
};
using StudiedMaps = std::span<const StudiedMap* const>;

/// What the maps of an image are held against, beside its row.
struct References {
  std::vector<Heatmap> probed;   ///< what the probe saw of the wanted classes
  std::vector<ClassMask> masks;  ///< of the classes that have one, at the size of the input
};

/// By what methods are compared image by image.
struct Primary {
  std::string column = {};  ///< empty: they are not
  bool is_score = false;    ///< a number, where it is there, rather than 0 or 1
};

/// Stateless apart from its options: study() and measure() may be called from several threads.
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
  /// What its manifest says of the network, nothing where there is nothing to say.
  virtual Json facts(const ProbedNetwork&) const { return nullptr; }
  /// Nothing when the methods' maps are all it needs.
  virtual std::unique_ptr<Probe> probe(const ProbedNetwork&) const { return nullptr; }
  /// Whether the masks of the image's classes are asked for.
  virtual bool wants_masks() const { return false; }
  /// How an attribution [C, H, W] becomes a map.
  virtual Heatmap map_of(std::span<const float> attribution, int channels, int height, int width) const {
    return max_abs_over_channels(attribution, channels, height, width);
  }
  /// Of a map at the size of the input, not rescaled. Done once for a map that all images share.
  virtual std::unique_ptr<const StudiedMap> study(Heatmap map) const {
    return std::make_unique<StudiedMap>(std::move(map));
  }
  /// `maps` are those of the wanted classes.
  virtual std::vector<Cell> measure(const ImageRow&, StudiedMaps maps, const References&) const = 0;
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
