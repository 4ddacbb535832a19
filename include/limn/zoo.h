#pragma once
// Networks that limn can build from their published weights, without the framework that trained them.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "limn/checkpoint.h"
#include "limn/graph.h"

namespace limn {

/// A public file of weights.
struct PublishedWeights {
  std::string_view file;
  int resize = 256;  ///< the shorter side of images before the crop, as it was evaluated with
};

struct Architecture {
  std::string_view name;   ///< "vgg16_bn"
  std::string_view title;  ///< "VGG-16 with batch normalisation"
  int channels = 3, size = 224;
  std::string_view preset = "imagenet";  ///< the preprocessing that its weights expect
  std::span<const PublishedWeights> published;
  std::string_view where;                    ///< where these files are published
  std::span<const std::string_view> labels;  ///< of its classes; empty when they are ImageNet's or not known
  bool transforms_input = false;             ///< knows NetworkOptions::transform_input
};

/// All of them, by family.
LIMN_API std::span<const Architecture> architectures();
/// Throws Error{not_found} that suggests close names.
LIMN_API const Architecture& find_architecture(std::string_view name);

struct NetworkOptions {
  /// GoogLeNet and Inception v3: the input, normalised as for ImageNet, is brought to the range -1..1 first.
  /// torchvision does so for the weights it publishes, and not for networks trained from scratch.
  bool transform_input = true;
};

struct BuiltNetwork {
  Graph graph;                       ///< input [N, channels, size, size]; one output [N, classes]
  std::int64_t classes = 0;          ///< as many as the checkpoint has
  std::vector<std::string> ignored;  ///< weights that inference does not need: auxiliary heads, batch counters
};

/// The architecture with these weights. A prefix `module.` on all names is dropped, and the names that DenseNet's
/// layers had once (norm.1) are understood. Values are named after the modules that make them. Throws
/// Error{bad_input} that names what is missing, of another size, or not known.
LIMN_API BuiltNetwork build_network(const Architecture& architecture, const Checkpoint& checkpoint,
                                    const NetworkOptions& options = {});

}  // namespace limn
