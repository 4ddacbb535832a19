#include "input_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "limn/base/npy.h"
#include "limn/heatmap.h"

namespace limn::cli {
namespace {

std::size_t element_count(const InputSize& size) {
  return static_cast<std::size_t>(size.channels) * static_cast<std::size_t>(size.height) *
         static_cast<std::size_t>(size.width);
}

/// The sizes of one image in a tensor [C, H, W] or [N, C, H, W].
void check_tensor(const Tensor& tensor, const InputSize& size, const std::string& where) {
  const Dims wanted{size.channels, size.height, size.width};
  Dims dims = tensor.dims();
  if (dims.size() == 4) dims.erase(dims.begin());
  if (dims != wanted)
    throw Error(ErrorCode::bad_input,
                fmt::format("the tensor is {}, but the network takes [N, {}, {}, {}]",
                            limn::to_string(std::span<const std::int64_t>(tensor.dims())), size.channels,
                            size.height, size.width),
                where, "give a preprocessed tensor [C, H, W] or [N, C, H, W]");
  if (tensor.count() == 0) throw Error(ErrorCode::bad_input, "the tensor holds no images", where);
}

float value_at(const std::vector<float>& per_channel, std::size_t channel, float otherwise) {
  if (per_channel.empty()) return otherwise;
  return per_channel.size() == 1 ? per_channel[0] : per_channel[channel];
}

}  // namespace

InputReader::InputReader(std::vector<Source> sources, Preprocess preprocess, InputSize size, std::size_t ahead,
                         Stats* stats)
    : sources_(std::move(sources)),
      preprocess_(std::move(preprocess)),
      size_(size),
      ahead_(std::max<std::size_t>(ahead, 1)),
      stats_(stats),
      thread_([this](const std::stop_token& stop) { read_all(stop); }) {}

InputReader::~InputReader() {
  thread_.request_stop();
  changed_.notify_all();
}

std::optional<Item> InputReader::next() {
  std::unique_lock lock(mutex_);
  const auto wait = [&] { changed_.wait(lock, [&] { return !ready_.empty() || finished_; }); };
  if (stats_ != nullptr)
    stats_->measure("wait for images", wait);
  else
    wait();
  if (ready_.empty()) {
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
    return std::nullopt;
  }
  Item item = std::move(ready_.front());
  ready_.pop_front();
  changed_.notify_all();
  return item;
}

std::size_t InputReader::surplus() {
  const std::lock_guard lock(mutex_);
  return surplus_;
}

void InputReader::read_all(std::stop_token stop) {
  std::exception_ptr failure;
  try {
    for (const Source& source : sources_)
      if (!read_source(source, stop)) break;
  } catch (...) {
    failure = std::current_exception();
  }
  const std::lock_guard lock(mutex_);
  failure_ = failure;
  finished_ = true;
  changed_.notify_all();
}

/// False when asked to stop.
bool InputReader::read_source(const Source& source, std::stop_token stop) {
  try {
    if (source.tensor) return read_tensors(source, stop);
    Item item =
        stats_ != nullptr ? stats_->measure("decode", [&] { return read_picture(source); }) : read_picture(source);
    return push(std::move(item), stop);
  } catch (const Error& e) {
    if (e.code() == ErrorCode::internal) throw;
    Item failed;
    failed.name = source.path.string();
    failed.stem = source.stem;
    failed.error = e;
    return push(std::move(failed), stop);
  }
}

Item InputReader::read_picture(const Source& source) const {
  Item item;
  item.name = source.path.string();
  item.stem = source.stem;
  item.picture = read_image(source.path);
  item.geometry = geometry(preprocess_, item.picture.width, item.picture.height);
  if (item.geometry.input_width != size_.width || item.geometry.input_height != size_.height)
    throw Error(ErrorCode::bad_input,
                fmt::format("preprocessing makes {}x{} pixels of this image, but the network takes {}x{}",
                            item.geometry.input_width, item.geometry.input_height, size_.width, size_.height),
                item.name, fmt::format("add --crop {0}x{1}, or --resize {0}x{1}", size_.width, size_.height));
  item.values.resize(element_count(size_));
  preprocess(item.picture, preprocess_, item.values);
  return item;
}

bool InputReader::read_tensors(const Source& source, std::stop_token stop) {
  const std::string where = source.path.string();
  const Tensor tensor = read_npy(source.path);
  check_tensor(tensor, size_, where);
  const std::size_t stride = element_count(size_), rows = static_cast<std::size_t>(tensor.count()) / stride;
  {
    const std::lock_guard lock(mutex_);
    surplus_ += rows - 1;
  }
  for (std::size_t row = 0; row < rows; ++row) {
    const auto values = tensor.as<float>().subspan(row * stride, stride);
    Item item;
    item.name = where;
    item.stem = rows == 1 ? source.stem : fmt::format("{}_{}", source.stem, row);
    if (rows > 1) item.row = static_cast<std::int64_t>(row);
    item.tensor = true;
    try {
      check_finite(values, rows == 1 ? where : fmt::format("image {} of {}", row, where));
      item.values.assign(values.begin(), values.end());
      item.picture = undo_preprocess(values, size_, preprocess_);
      item.geometry = identity_geometry(size_.width, size_.height);
    } catch (const Error& e) {
      item.error = e;
    }
    if (!push(std::move(item), stop)) return false;
  }
  return true;
}

bool InputReader::push(Item item, std::stop_token stop) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, stop, [&] { return ready_.size() < ahead_; });
  if (stop.stop_requested()) return false;
  ready_.push_back(std::move(item));
  changed_.notify_all();
  return true;
}

Image undo_preprocess(std::span<const float> values, const InputSize& size, const Preprocess& preprocess) {
  Image picture(size.width, size.height);
  const std::size_t plane = static_cast<std::size_t>(size.width) * static_cast<std::size_t>(size.height);
  for (std::size_t channel = 0; channel < 3; ++channel) {
    const bool bgr = preprocess.order == ChannelOrder::bgr;
    const std::size_t from = size.channels == 1 ? 0 : bgr ? 2 - channel : channel;
    const float std = value_at(preprocess.std, from, 1), mean = value_at(preprocess.mean, from, 0);
    const float white = static_cast<float>(preprocess.range);
    for (std::size_t i = 0; i < plane; ++i) {
      const float pixel = (values[from * plane + i] * std + mean) * 255 / white;
      picture.pixels[3 * i + channel] = static_cast<std::uint8_t>(std::lround(std::clamp(pixel, 0.0F, 255.0F)));
    }
  }
  return picture;
}

}  // namespace limn::cli
