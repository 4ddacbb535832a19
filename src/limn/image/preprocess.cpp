#include "limn/preprocess.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "limn/image/resample.h"

namespace limn {
namespace {

struct Size {
  std::int64_t width = 0, height = 0;
};

Size resized_size(const SizeRule& rule, int width, int height) {
  if (rule.kind == SizeRule::Kind::none) return {width, height};
  if (rule.kind == SizeRule::Kind::exact) return {rule.width, rule.height};
  // The longer side is truncated, not rounded.
  const std::int64_t n = rule.width;
  return width <= height ? Size{n, n * height / width} : Size{n * width / height, n};
}

/// Half of the rest, an odd one to the even number: what Python's round() makes of it.
std::int64_t centre_offset(std::int64_t size, std::int64_t crop) {
  const std::int64_t rest = size - crop;
  return rest % 2 == 0 ? rest / 2 : (rest / 2 + 1) / 2 * 2;
}

ResizeWindow window_of(const Preprocess& options, int width, int height) {
  constexpr std::int64_t kMostPixels = 256'000'000;
  const Size full = resized_size(options.resize, width, height);
  ResizeWindow window{full.width, full.height, 0, 0, 0, 0};
  Size crop = full;
  if (options.crop.kind != SizeRule::Kind::none) crop = {options.crop.width, options.crop.height};
  if (crop.width > full.width || crop.height > full.height)
    throw Error(ErrorCode::bad_input,
                fmt::format("the crop of {}x{} pixels is larger than the image, which is {}x{} after resizing",
                            crop.width, crop.height, full.width, full.height),
                fmt::format("an image of {}x{} pixels", width, height),
                fmt::format("use --resize {} or more, or a smaller --crop", std::max(crop.width, crop.height)));
  if (crop.width > kMostPixels / crop.height)
    throw Error(ErrorCode::limit, fmt::format("the resized image would have {}x{} pixels", crop.width, crop.height),
                fmt::format("an image of {}x{} pixels", width, height), "use --crop or a smaller --resize");
  window.width = static_cast<int>(crop.width);
  window.height = static_cast<int>(crop.height);
  window.left = centre_offset(full.width, crop.width);
  window.top = centre_offset(full.height, crop.height);
  return window;
}

Geometry geometry_of(const ResizeWindow& window, int width, int height) {
  Geometry out;
  out.original_width = width;
  out.original_height = height;
  out.input_width = window.width;
  out.input_height = window.height;
  out.scale_x = static_cast<double>(width) / static_cast<double>(window.full_width);
  out.scale_y = static_cast<double>(height) / static_cast<double>(window.full_height);
  out.offset_x = static_cast<double>(window.left) * out.scale_x;
  out.offset_y = static_cast<double>(window.top) * out.scale_y;
  return out;
}

/// ITU-R 601 luma in 16-bit fixed point, rounded.
std::vector<std::uint8_t> luma(const Image& image) {
  std::vector<std::uint8_t> grey(image.pixels.size() / 3);
  const std::uint8_t* p = image.pixels.data();
  for (std::uint8_t& g : grey) {
    g = static_cast<std::uint8_t>((19595U * p[0] + 38470U * p[1] + 7471U * p[2] + 32768U) >> 16U);
    p += 3;
  }
  return grey;
}

/// The tensor's value for each of the 256 values of a byte, in the order of operations of float arithmetic that
/// PyTorch's transforms have.
std::array<float, 256> values_of_bytes(const Preprocess& options, std::size_t channel) {
  const auto pick = [&](const std::vector<float>& values, float otherwise) {
    return values.empty() ? otherwise : values[values.size() == 1 ? 0 : channel];
  };
  const float mean = pick(options.mean, 0), deviation = pick(options.std, 1);
  std::array<float, 256> table;
  for (std::size_t i = 0; i < table.size(); ++i) {
    const auto byte = static_cast<float>(i);
    table[i] = ((options.range == 1 ? byte / 255.0F : byte) - mean) / deviation;
  }
  return table;
}

void check_statistic(const std::vector<float>& values, std::string_view option, int channels) {
  const bool fits = values.size() <= 1 || values.size() == static_cast<std::size_t>(channels);
  if (!fits)
    throw Error(
        ErrorCode::bad_input,
        fmt::format("{} values were given for {} channel{}", values.size(), channels, channels == 1 ? "" : "s"),
        std::string(option), "give one value, or one per channel in the tensor's order");
  for (float v : values)
    if (!std::isfinite(v)) throw Error(ErrorCode::bad_input, "a value is not a finite number", std::string(option));
}

void check_rule(const SizeRule& rule, std::string_view option) {
  if (rule.kind != SizeRule::Kind::none && (rule.width < 1 || rule.height < 1))
    throw Error(ErrorCode::bad_input, fmt::format("a size must be at least 1, not {}", to_string(rule)),
                std::string(option));
}

}  // namespace

void check(const Preprocess& options) {
  if (options.channels != 1 && options.channels != 3)
    throw Error(ErrorCode::unsupported, fmt::format("an image cannot become {} channels", options.channels), {},
                "limn makes 1 (grey) or 3 (colour); give other inputs as .npy tensors");
  if (options.range != 1 && options.range != 255)
    throw Error(ErrorCode::bad_input, fmt::format("the range must be 1 or 255, not {}", options.range), "--range");
  check_rule(options.resize, "--resize");
  check_rule(options.crop, "--crop");
  check_statistic(options.mean, "--mean", options.channels);
  check_statistic(options.std, "--std", options.channels);
  for (float v : options.std)
    if (v == 0) throw Error(ErrorCode::bad_input, "a standard deviation is 0", "--std", "leave it out or use 1");
}

Geometry geometry(const Preprocess& options, int width, int height) {
  if (width < 1 || height < 1)
    throw Error(ErrorCode::bad_input, fmt::format("an image cannot have the size {}x{}", width, height));
  check(options);
  return geometry_of(window_of(options, width, height), width, height);
}

Geometry preprocess(const Image& image, const Preprocess& options, std::span<float> out) {
  if (image.empty()) throw Error(ErrorCode::bad_input, "there is no image to preprocess");
  check(options);
  const ResizeWindow window = window_of(options, image.width, image.height);
  const std::size_t plane = static_cast<std::size_t>(window.width) * static_cast<std::size_t>(window.height);
  const auto channels = static_cast<std::size_t>(options.channels);
  if (out.size() != plane * channels)
    throw Error(ErrorCode::bad_input,
                fmt::format("the preprocessing makes a tensor of [{}, {}, {}], but the network takes {} numbers",
                            channels, window.height, window.width, out.size()),
                {}, "choose --resize and --crop that end at the network's input size");

  const std::vector<std::uint8_t> grey = channels == 1 ? luma(image) : std::vector<std::uint8_t>{};
  const PixelView source{channels == 1 ? grey.data() : image.pixels.data(), image.width, image.height,
                         options.channels};
  const std::vector<std::uint8_t> pixels = resample(source, window);
  for (std::size_t c = 0; c < channels; ++c) {
    const std::array<float, 256> table = values_of_bytes(options, c);
    const std::uint8_t* from = pixels.data() + (options.order == ChannelOrder::bgr ? channels - 1 - c : c);
    float* to = out.data() + c * plane;
    for (std::size_t i = 0; i < plane; ++i) to[i] = table[from[i * channels]];
  }
  return geometry_of(window, image.width, image.height);
}

}  // namespace limn
