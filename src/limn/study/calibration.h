#pragma once
// Thresholds carried over from one run to another.

#include <filesystem>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "limn/image/json.h"

namespace limn {

/// Thresholds that were chosen on another run: those of calibrated_index() at an IoU of at least .5.
struct Calibration {
  std::size_t images = 0;                    ///< they were chosen on
  std::string sha256;                        ///< of the list of these images
  std::map<std::string, double> thresholds;  ///< of methods and controls by name, fractions of a map's maximum
};
Json to_json(const Calibration&);
Calibration calibration_from(const Json&);

/// Chooses thresholds on a finished run of the localization experiment, for another one with this manifest and
/// images with these ids. Throws Error{bad_input} where the run is no such run, or not finished; where network,
/// preprocessing, protocol or upsampling differ or a method is missing, naming which; where an image is in both.
Calibration calibrate_on(const std::filesystem::path& run, const Json& manifest, const std::set<std::string>& ids);

/// The threshold chosen on images at even positions, judged on the others; or, where there is a calibration, the
/// one of this method, judged on all: {"threshold", "chosen_on", "box_accuracy"}. Null where nothing was or is
/// judged. `curves` are BoxCurve::largest of the images.
Json calibrated(const Calibration*, const std::string& method, std::span<const std::int64_t> positions,
                std::span<const std::vector<double>> curves);

}  // namespace limn
