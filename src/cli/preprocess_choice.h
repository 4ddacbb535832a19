#pragma once
// How images become tensors for a network: what the flags say, else its card, else a default.

#include <optional>
#include <string>

#include "limn/card.h"
#include "limn/preprocess.h"

namespace limn::cli {

/// The preprocessing flags as typed.
struct PreprocessFlags {
  std::optional<std::string> preset, resize, crop, mean, std, order, range;
};

/// The flags, read. Nothing here depends on a network.
struct PreprocessWish {
  std::optional<std::string> preset;
  std::optional<SizeRule> resize, crop;
  std::optional<std::vector<float>> mean, std;
  std::optional<ChannelOrder> order;
  std::optional<int> range;

  bool names_geometry() const { return resize || crop; }
  bool names_pixels() const { return mean || std || order || range; }
  bool empty() const { return !preset && !names_geometry() && !names_pixels(); }
};
/// Throws UsageError naming the flag.
PreprocessWish read_flags(const PreprocessFlags&);

struct PreprocessChoice {
  Preprocess preprocess;
  std::string note;  ///< what was assumed, for people; empty when nothing was
};

/// From the least to the most specific: the default preset (imagenet for three channels, mnist for one), the card,
/// the preset asked for (which replaces both), the single flags. Flags about geometry (resize, crop) or about
/// pixels (mean, std, order, range) without a preset and without a card start from nothing instead of from the
/// default. Throws as preset() and check() do.
PreprocessChoice choose_preprocess(const PreprocessWish&, const std::optional<ModelCard>&, const InputSize&);

/// Width and height of every tensor that the preprocessing makes, where they do not depend on the image.
std::optional<InputSize> fixed_size(const Preprocess&);

/// "resize 256, crop 224, range 1, mean .., std .., rgb"
std::string describe(const Preprocess&);

}  // namespace limn::cli
