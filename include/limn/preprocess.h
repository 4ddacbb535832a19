#pragma once
// From a picture to a network's input tensor: resize, crop, scale, mean, std, order. Every step is named and
// explicit; presets fill them in for a model's input size.

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "limn/geometry.h"
#include "limn/image.h"

namespace limn {

/// A step of the geometry: nothing, one number, or an exact size.
struct LIMN_API SizeRule {
  enum class Kind {
    none,
    side,  ///< resize: the shorter side becomes `width`, aspect kept (longer side truncated); crop: a square
    exact  ///< width x height
  };
  Kind kind = Kind::none;
  int width = 0, height = 0;  ///< both `width` for a side

  static SizeRule side(int n) { return {Kind::side, n, n}; }
  static SizeRule exact(int w, int h) { return {Kind::exact, w, h}; }
  bool operator==(const SizeRule&) const = default;
};
/// "none", "256" or "320x240"; Error{bad_input} naming `option` otherwise.
LIMN_API SizeRule parse_size_rule(std::string_view text, std::string_view option);
LIMN_API std::string to_string(const SizeRule&);

enum class ChannelOrder { rgb, bgr };
/// "rgb" or "bgr"; Error{bad_input} otherwise.
LIMN_API ChannelOrder parse_channel_order(std::string_view text);
LIMN_API std::string_view name_of(ChannelOrder);

/// What happens to an 8-bit pixel p of a channel: (p * range / 255 - mean) / std.
struct Preprocess {
  SizeRule resize;                         ///< antialiased bilinear, see resize() in image.h
  SizeRule crop;                           ///< centred; an odd rest is rounded half to even
  int range = 1;                           ///< 1 or 255: the value of a white pixel before mean and std
  std::vector<float> mean;                 ///< in the tensor's channel order; one value serves all, none is 0
  std::vector<float> std;                  ///< in the tensor's channel order; one value serves all, none is 1
  ChannelOrder order = ChannelOrder::rgb;  ///< of the tensor
  int channels = 3;                        ///< 3, or 1: grey by ITU-R 601 luma, before the resize

  bool operator==(const Preprocess&) const = default;
};

/// The model's input as far as it is known; 0 stands for an unknown (symbolic) size.
struct InputSize {
  int channels = 3;
  int height = 0;
  int width = 0;
  bool operator==(const InputSize&) const = default;
};

/// The named presets, in the order help texts list them: imagenet, caffe, tf, chexnet, mnist, none.
LIMN_API std::span<const std::string_view> preset_names();

/// The preset for a model's input. Unknown height or width mean 224 (28 for mnist).
///   imagenet  RGB, range 1, mean .485,.456,.406, std .229,.224,.225
///   caffe     BGR, range 255, mean 104,117,123
///   tf        RGB, x / 127.5 - 1
///   chexnet   as imagenet
///   mnist     one channel, range 1, mean .1307, std .3081, resized exactly to the input, no crop
///   none      pixels 0..255 as they are, resized exactly to the input if its size is known
/// The first four resize the shorter side to 256 for inputs of 193..256 pixels, to round(8/7 of the size)
/// otherwise, and crop the centre; inputs that are not square are resized exactly instead.
/// Throws Error{not_found} for another name, Error{bad_input} when the model's channels do not fit the preset,
/// Error{unsupported} for inputs of neither one nor three channels.
LIMN_API Preprocess preset(std::string_view name, const InputSize&);

/// Throws Error{bad_input} naming the option that cannot be right (range, mean, std, channels, sizes).
LIMN_API void check(const Preprocess&);

/// Where the tensor of a width x height image lies on it; input_width and input_height are the tensor's size.
/// Throws Error{bad_input} when the crop is larger than the resized image.
LIMN_API Geometry geometry(const Preprocess&, int width, int height);

/// Writes the tensor [channels, H, W] of one image into `out`, which must have exactly that many elements for
/// geometry(options, image.width, image.height). Throws as check() and geometry() do.
LIMN_API Geometry preprocess(const Image&, const Preprocess&, std::span<float> out);

/// One line of JSON with the keys resize, crop, range, mean, std, order, channels.
LIMN_API std::string to_json(const Preprocess&);
/// Reads what to_json wrote; keys left out keep their defaults. Throws Error{bad_input} naming the key.
LIMN_API Preprocess preprocess_from_json(std::string_view json, std::string_view where);

}  // namespace limn
