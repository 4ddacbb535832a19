#include "preprocess_choice.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "failure.h"

namespace limn::cli {
namespace {

std::vector<float> parse_numbers(std::string_view text, std::string_view option) {
  std::vector<float> numbers;
  for (const char* at = text.data();; ++at) {
    float number = 0;
    const auto [end, error] = std::from_chars(at, text.data() + text.size(), number);
    if (error != std::errc{} || !std::isfinite(number) || (end != text.data() + text.size() && *end != ','))
      throw Error(ErrorCode::bad_input, fmt::format("'{}' is not a list of numbers", text), std::string(option),
                  "give one number, or one per channel separated by commas, such as 0.485,0.456,0.406");
    numbers.push_back(number);
    if (end == text.data() + text.size()) return numbers;
    at = end;
  }
}

int parse_range(std::string_view text) {
  if (text == "1") return 1;
  if (text == "255") return 255;
  throw Error(ErrorCode::bad_input, fmt::format("the range '{}' is neither 1 nor 255", text), "--range",
              "1 scales pixels to 0..1 before mean and std are applied, 255 leaves them at 0..255");
}

void check_preset_name(std::string_view name) {
  const auto names = preset_names();
  if (std::ranges::find(names, name) == names.end()) preset(name, {});  // throws with close names
}

bool names_pixels(const ModelCard& card) { return card.range || card.mean || card.std || card.order; }
bool names_geometry(const ModelCard& card) { return card.resize || card.crop; }

void take_geometry(Preprocess& to, const Preprocess& from) {
  to.resize = from.resize;
  to.crop = from.crop;
}

void take_pixels(Preprocess& to, const Preprocess& from) {
  to.range = from.range;
  to.mean = from.mean;
  to.std = from.std;
  to.order = from.order;
}

void apply_flags(Preprocess& p, const PreprocessWish& wish) {
  if (wish.resize) p.resize = *wish.resize;
  if (wish.crop) p.crop = *wish.crop;
  if (wish.mean) p.mean = *wish.mean;
  if (wish.std) p.std = *wish.std;
  if (wish.order) p.order = *wish.order;
  if (wish.range) p.range = *wish.range;
}

std::string mean_far_from_range(const Preprocess& p) {
  const bool far = p.range == 1 && std::ranges::any_of(p.mean, [](float m) { return std::abs(m) > 2; });
  return far ? "the mean is far outside 0..1, the range of the pixels; --range 255 may be missing" : "";
}

std::string_view default_preset(const InputSize& size) { return size.channels == 1 ? "mnist" : "imagenet"; }

}  // namespace

PreprocessWish read_flags(const PreprocessFlags& flags) {
  return as_usage([&] {
    PreprocessWish wish;
    if (flags.preset) check_preset_name(*flags.preset);
    wish.preset = flags.preset;
    if (flags.resize) wish.resize = parse_size_rule(*flags.resize, "--resize");
    if (flags.crop) wish.crop = parse_size_rule(*flags.crop, "--crop");
    if (flags.mean) wish.mean = parse_numbers(*flags.mean, "--mean");
    if (flags.std) wish.std = parse_numbers(*flags.std, "--std");
    if (flags.order) wish.order = parse_channel_order(*flags.order);
    if (flags.range) wish.range = parse_range(*flags.range);
    return wish;
  });
}

PreprocessChoice choose_preprocess(const PreprocessWish& wish, const std::optional<ModelCard>& card,
                                   const InputSize& size) {
  PreprocessChoice choice;
  Preprocess& p = choice.preprocess;
  p.channels = size.channels;

  if (wish.preset) {
    p = preset(*wish.preset, size);
  } else {
    const bool card_geometry = card && names_geometry(*card), card_pixels = card && names_pixels(*card);
    const bool default_geometry = !card_geometry && !wish.names_geometry();
    const bool default_pixels = !card_pixels && !wish.names_pixels();
    if (default_geometry || default_pixels) {
      const Preprocess assumed = preset(default_preset(size), size);
      if (default_geometry) take_geometry(p, assumed);
      if (default_pixels) take_pixels(p, assumed);
      choice.note = fmt::format("preprocessing assumed as by --preset {}: ", default_preset(size));
    }
    if (card) p = with_card(p, *card);
  }
  apply_flags(p, wish);
  check(p);

  if (!choice.note.empty())
    choice.note += describe(p) + " (a model card or flags would settle it)";
  else
    choice.note = mean_far_from_range(p);
  return choice;
}

std::optional<InputSize> fixed_size(const Preprocess& p) {
  if (p.crop.kind != SizeRule::Kind::none) return InputSize{p.channels, p.crop.height, p.crop.width};
  if (p.resize.kind == SizeRule::Kind::exact) return InputSize{p.channels, p.resize.height, p.resize.width};
  return std::nullopt;
}

std::string describe(const Preprocess& p) {
  std::string text;
  if (p.resize.kind != SizeRule::Kind::none) text += fmt::format("resize {}, ", to_string(p.resize));
  if (p.crop.kind != SizeRule::Kind::none) text += fmt::format("crop {}, ", to_string(p.crop));
  text += fmt::format("range {}", p.range);
  if (!p.mean.empty()) text += fmt::format(", mean {}", fmt::join(p.mean, ","));
  if (!p.std.empty()) text += fmt::format(", std {}", fmt::join(p.std, ","));
  return text + fmt::format(", {}", p.channels == 1 ? "grey" : name_of(p.order));
}

}  // namespace limn::cli
