// Datasets of tiny pictures packed into a few files: MNIST and its kin (idx, plain or gzipped), CIFAR-10.

#include <fmt/format.h>
#include <zlib.h>

#include <array>
#include <cstdint>
#include <cstring>

#include "limn/base/file.h"
#include "limn/datasets/files.h"
#include "limn/datasets/listed.h"
#include "limn/datasets/text.h"
#include "limn/error.h"

namespace limn {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLargest = std::size_t{1} << 30;  // bytes, unpacked

/// Pictures in memory; what differs is how they are laid out.
class PackedDataset : public Dataset {
 public:
  explicit PackedDataset(std::string split) : split_(std::move(split)) {}
  std::size_t size() const override { return labels_.size(); }
  std::string id(std::size_t i) const override { return fmt::format("{}/{:05}", split_, i); }
  Sample sample(std::size_t i) const override {
    Sample sample;
    sample.id = id(i);
    sample.classes.push_back(labels_.at(i));
    return sample;
  }

 protected:
  void add_label(std::uint8_t label, const std::string& where) {
    if (label >= classes_.size())
      throw Error(ErrorCode::bad_input,
                  fmt::format("a label is {}, but there are {} classes", label, classes_.size()), where);
    labels_.push_back(label);
  }
  std::string split_;
  std::vector<std::uint8_t> labels_;
};

std::vector<std::uint8_t> gunzip(const std::vector<std::byte>& packed, const std::string& where) {
  std::vector<std::uint8_t> out;
  z_stream stream{};
  constexpr int kGzip = 16 + MAX_WBITS;
  if (inflateInit2(&stream, kGzip) != Z_OK) throw Error(ErrorCode::limit, "out of memory", where);
  stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  int state = Z_OK;
  std::array<std::uint8_t, 1 << 16> chunk;
  while (state == Z_OK && out.size() <= kLargest) {
    stream.next_out = chunk.data();
    stream.avail_out = static_cast<uInt>(chunk.size());
    state = inflate(&stream, Z_NO_FLUSH);
    out.insert(out.end(), chunk.begin(), chunk.end() - stream.avail_out);
  }
  inflateEnd(&stream);
  if (state != Z_STREAM_END)
    throw Error(ErrorCode::bad_input, "the gzip file is broken or cut short", where, "unpack or download it again");
  return out;
}

/// The bytes of a file, unpacked where they begin as gzip does.
std::vector<std::uint8_t> read_unpacked(const fs::path& file) {
  const auto bytes = read_file(file, static_cast<std::int64_t>(kLargest));
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
  if (bytes.size() > 2 && byte(0) == 0x1F && byte(1) == 0x8B) return gunzip(bytes, file.string());
  std::vector<std::uint8_t> out(bytes.size());
  std::memcpy(out.data(), bytes.data(), bytes.size());
  return out;
}

/// An idx file of unsigned bytes: 0, 0, 8, the number of dimensions, these as 32-bit big-endian numbers, the data.
struct Idx {
  std::vector<std::size_t> dims;
  std::vector<std::uint8_t> bytes;
  std::size_t offset = 0;
};

Idx read_idx(const fs::path& file, std::size_t dimensions) {
  Idx idx;
  idx.bytes = read_unpacked(file);
  const auto& b = idx.bytes;
  idx.offset = 4 + 4 * dimensions;
  if (b.size() < idx.offset || b[0] != 0 || b[1] != 0 || b[2] != 8 || b[3] != dimensions)
    throw Error(ErrorCode::bad_input, fmt::format("this is no idx file of bytes in {} dimensions", dimensions),
                file.string());
  std::size_t count = 1;
  for (std::size_t d = 0; d < dimensions; ++d) {
    const std::uint8_t* p = &b[4 + 4 * d];
    idx.dims.push_back((std::size_t{p[0]} << 24U) | (std::size_t{p[1]} << 16U) | (std::size_t{p[2]} << 8U) | p[3]);
    if (idx.dims.back() > kLargest) throw Error(ErrorCode::bad_input, "a size is out of range", file.string());
    count = std::min(count * idx.dims.back(), kLargest + 1);
  }
  if (b.size() != idx.offset + count)
    throw Error(
        ErrorCode::bad_input,
        fmt::format("the file has {} bytes, not the {} that its head promises", b.size(), idx.offset + count),
        file.string());
  return idx;
}

constexpr std::string_view kMnistMend =
    "--root is to hold t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte (train-... for --split train), with or "
    "without .gz";

fs::path idx_file(const fs::path& root, std::string_view stem, int dimensions) {
  std::vector<fs::path> places;
  for (const fs::path& folder : {root, root / "raw", root / "MNIST/raw", root / "FashionMNIST/raw"})
    for (const char joint : {'-', '.'})
      for (const std::string_view ending : {"", ".gz"})
        places.push_back(folder / fmt::format("{}{}idx{}-ubyte{}", stem, joint, dimensions, ending));
  for (const auto& place : places)
    if (is_there(place)) return place;
  require_file(places.front(), kMnistMend);
  return places.front();
}

class Mnist : public PackedDataset {
 public:
  Mnist(const fs::path& root, const std::string& split) : PackedDataset(split) {
    for (char digit = '0'; digit <= '9'; ++digit) classes_.emplace_back(1, digit);
    const std::string_view stem = split == "train" ? "train" : "t10k";
    const fs::path images = idx_file(root, fmt::format("{}-images", stem), 3);
    const fs::path labels = idx_file(root, fmt::format("{}-labels", stem), 1);
    images_ = read_idx(images, 3);
    const Idx classes = read_idx(labels, 1);
    if (classes.dims[0] != images_.dims[0])
      throw Error(ErrorCode::bad_input,
                  fmt::format("there are {} images, but {} labels", images_.dims[0], classes.dims[0]),
                  labels.string());
    for (std::size_t i = 0; i < classes.dims[0]; ++i) add_label(classes.bytes[classes.offset + i], labels.string());
  }

  Image image(std::size_t i) const override {
    Image image(static_cast<int>(images_.dims[2]), static_cast<int>(images_.dims[1]));
    const std::size_t pixels = images_.dims[1] * images_.dims[2];
    const std::uint8_t* from = images_.bytes.data() + images_.offset + i * pixels;
    for (std::size_t p = 0; p < pixels; ++p)
      for (std::size_t c = 0; c < 3; ++c) image.pixels[3 * p + c] = from[p];
    return image;
  }

 private:
  Idx images_;
};

constexpr std::string_view kCifarMend =
    "--root is to be cifar-10-batches-bin, with data_batch_1.bin to data_batch_5.bin and test_batch.bin";

class Cifar10 : public PackedDataset {
 public:
  Cifar10(const fs::path& root, const std::string& split) : PackedDataset(split) {
    classes_ = {"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"};
    const fs::path base = is_there(root / "cifar-10-batches-bin") ? root / "cifar-10-batches-bin" : root;
    std::vector<std::string> names{"test_batch.bin"};
    if (split == "train") {
      names.clear();
      for (int batch = 1; batch <= 5; ++batch) names.push_back(fmt::format("data_batch_{}.bin", batch));
    }
    for (const auto& name : names) read_batch(base / name);
  }

  /// A label byte, then three planes of 32 x 32: red, green, blue.
  Image image(std::size_t i) const override {
    Image image(kSide, kSide);
    const std::uint8_t* from = records_.data() + i * kRecord + 1;
    for (std::size_t p = 0; p < kPlane; ++p)
      for (std::size_t c = 0; c < 3; ++c) image.pixels[3 * p + c] = from[c * kPlane + p];
    return image;
  }

 private:
  static constexpr int kSide = 32;
  static constexpr std::size_t kPlane = kSide * kSide, kRecord = 1 + 3 * kPlane;

  void read_batch(const fs::path& file) {
    require_file(file, kCifarMend);
    const auto bytes = read_unpacked(file);
    if (bytes.empty() || bytes.size() % kRecord != 0)
      throw Error(ErrorCode::bad_input,
                  fmt::format("the file has {} bytes, not a multiple of {}", bytes.size(), kRecord), file.string());
    for (std::size_t at = 0; at < bytes.size(); at += kRecord) add_label(bytes[at], file.string());
    records_.insert(records_.end(), bytes.begin(), bytes.end());
  }

  std::vector<std::uint8_t> records_;
};

}  // namespace

std::unique_ptr<const Dataset> open_mnist(const fs::path& root, const DatasetOptions& options) {
  check_split(options.split, {"test", "train"});
  return std::make_unique<Mnist>(root, options.split);
}

std::unique_ptr<const Dataset> open_cifar10(const fs::path& root, const DatasetOptions& options) {
  check_split(options.split, {"test", "train"});
  return std::make_unique<Cifar10>(root, options.split);
}

}  // namespace limn
