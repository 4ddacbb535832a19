#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "limn/image/json.h"
#include "limn/names.h"
#include "limn/preprocess.h"

namespace limn {
namespace {

constexpr std::array<std::string_view, 6> kPresets{"imagenet", "caffe", "tf", "chexnet", "mnist", "none"};

/// The side that ImageNet networks are trained with: 256 for the usual inputs, an eighth more around others.
int side_before_crop(int input) {
  return input >= 193 && input <= 256 ? 256 : static_cast<int>(std::lround(8.0 / 7.0 * input));
}

void resize_and_crop(Preprocess& options, int width, int height) {
  if (width != height) {
    options.resize = SizeRule::exact(width, height);
    return;
  }
  options.resize = SizeRule::side(side_before_crop(width));
  options.crop = SizeRule::side(width);
}

void require_color(std::string_view name, const InputSize& input) {
  if (input.channels == 3) return;
  throw Error(ErrorCode::bad_input,
              fmt::format("the preset {} is for three channels, but the network takes {}", name, input.channels),
              "--preset", "use mnist or none, with --mean and --std of the network's training");
}

int parse_positive(std::string_view text) {
  int value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  constexpr int kMost = 1 << 20;
  return problem == std::errc() && end == text.data() + text.size() && value <= kMost ? value : 0;
}

}  // namespace

std::span<const std::string_view> preset_names() { return kPresets; }

Preprocess preset(std::string_view name, const InputSize& input) {
  if (input.channels != 1 && input.channels != 3)
    throw Error(ErrorCode::unsupported,
                fmt::format("the network takes {} channels, images have 1 or 3", input.channels), {},
                "give its inputs as .npy tensors");
  const bool known = input.width > 0 && input.height > 0;
  const int usual = name == "mnist" ? 28 : 224;
  const int width = input.width > 0 ? input.width : usual;
  const int height = input.height > 0 ? input.height : usual;

  Preprocess options;
  options.channels = input.channels;
  if (name == "imagenet" || name == "chexnet") {
    require_color(name, input);
    resize_and_crop(options, width, height);
    options.mean = {0.485F, 0.456F, 0.406F};
    options.std = {0.229F, 0.224F, 0.225F};
  } else if (name == "caffe") {
    require_color(name, input);
    resize_and_crop(options, width, height);
    options.order = ChannelOrder::bgr;
    options.range = 255;
    options.mean = {104, 117, 123};
  } else if (name == "tf") {
    resize_and_crop(options, width, height);
    options.range = 255;
    options.mean = {127.5F};
    options.std = {127.5F};
  } else if (name == "mnist") {
    options.resize = SizeRule::exact(width, height);
    options.mean = {0.1307F};
    options.std = {0.3081F};
  } else if (name == "none") {
    if (known) options.resize = SizeRule::exact(width, height);
    options.range = 255;
  } else {
    const std::vector<std::string> names(kPresets.begin(), kPresets.end());
    const auto close = close_names(name, names);
    throw Error(ErrorCode::not_found, fmt::format("there is no preset '{}'", name), "--preset",
                close.empty() ? fmt::format("the presets are {}", fmt::join(kPresets, ", "))
                              : fmt::format("did you mean '{}'?", close.front()));
  }
  return options;
}

SizeRule parse_size_rule(std::string_view text, std::string_view option) {
  if (text == "none") return {};
  const std::size_t cross = text.find('x');
  if (cross == std::string_view::npos) {
    if (const int n = parse_positive(text); n > 0) return SizeRule::side(n);
  } else {
    const int width = parse_positive(text.substr(0, cross));
    const int height = parse_positive(text.substr(cross + 1));
    if (width > 0 && height > 0) return SizeRule::exact(width, height);
  }
  throw Error(ErrorCode::bad_input, fmt::format("'{}' is not a size", text), std::string(option),
              "write N, WIDTHxHEIGHT or none, e.g. 256 or 320x240");
}

std::string to_string(const SizeRule& rule) {
  switch (rule.kind) {
    case SizeRule::Kind::none: return "none";
    case SizeRule::Kind::side: return std::to_string(rule.width);
    case SizeRule::Kind::exact: return fmt::format("{}x{}", rule.width, rule.height);
  }
  return {};
}

ChannelOrder parse_channel_order(std::string_view text) {
  if (text == "rgb") return ChannelOrder::rgb;
  if (text == "bgr") return ChannelOrder::bgr;
  throw Error(ErrorCode::bad_input, fmt::format("'{}' is not a channel order", text), "--order",
              "write rgb or bgr");
}

std::string_view name_of(ChannelOrder order) { return order == ChannelOrder::rgb ? "rgb" : "bgr"; }

std::string to_json(const Preprocess& options) {
  Json json;
  json["resize"] = size_rule_json(options.resize);
  json["crop"] = size_rule_json(options.crop);
  json["range"] = options.range;
  json["mean"] = number_list_json(options.mean);
  json["std"] = number_list_json(options.std);
  json["order"] = name_of(options.order);
  json["channels"] = options.channels;
  return dump(json);
}

Preprocess preprocess_from_json(std::string_view text, std::string_view where) {
  static constexpr std::array<std::string_view, 7> kKeys{"resize", "crop",  "range",   "mean",
                                                         "std",    "order", "channels"};
  const Json json = parse_json_object(text, where);
  check_keys(json, kKeys, where);
  Preprocess options;
  if (json.contains("resize")) options.resize = read_size_rule(json["resize"], "resize", where);
  if (json.contains("crop")) options.crop = read_size_rule(json["crop"], "crop", where);
  if (json.contains("range")) options.range = read_range(json["range"], where);
  if (json.contains("mean")) options.mean = read_numbers(json["mean"], "mean", where);
  if (json.contains("std")) options.std = read_numbers(json["std"], "std", where);
  if (json.contains("order")) options.order = read_order(json["order"], where);
  if (json.contains("channels")) options.channels = read_count(json["channels"], "channels", where);
  check(options);
  return options;
}

}  // namespace limn
