#include "samples.h"

#include <algorithm>
#include <fstream>

#include "harness.h"

namespace limn::test {
namespace {

void append_big_endian(std::string& bytes, std::uint32_t value) {
  for (const unsigned shift : {24U, 16U, 8U, 0U}) bytes += static_cast<char>(value >> shift & 0xFFU);
}

std::uint32_t crc32(const std::string& bytes) {
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const char c : bytes) {
    crc ^= static_cast<std::uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1U ^ (crc & 1U ? 0xEDB88320U : 0U);
  }
  return ~crc;
}

/// The chunk eXIf of a PNG file: big-endian TIFF with one entry, the orientation 6.
std::string exif_chunk() {
  using namespace std::string_literals;
  const std::string tiff = "MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"s;
  const std::string body = "eXIf" + tiff;
  std::string chunk;
  append_big_endian(chunk, static_cast<std::uint32_t>(tiff.size()));
  chunk += body;
  append_big_endian(chunk, crc32(body));
  return chunk;
}

}  // namespace

OnnxWriter brightness_network(int width, int height, int classes) {
  OnnxWriter network;
  network.input("image", {"N", 3, height, width});
  network.weight("mix", {4, 3, 1, 1}, std::vector<float>{1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  std::vector<float> scores(static_cast<std::size_t>(4 * classes));
  for (std::size_t c = 0; c < scores.size() / 4; ++c) scores[4 * c] = c % 2 == 0 ? 1 : -1;
  network.weight("scores", {classes, 4}, scores);
  network.weight("bias", {classes}, std::vector<float>(static_cast<std::size_t>(classes)));
  network.node("Conv", {"image", "mix"}, {"mixed"}, "mixed");
  network.node("Relu", {"mixed"}, {"features"}, "features");
  network.node("GlobalAveragePool", {"features"}, {"pooled"}, "pooled");
  network.node("Flatten", {"pooled"}, {"flat"}, "flat");
  set(network.node("Gemm", {"flat", "scores", "bias"}, {"logits"}, "logits"), "transB", 1);
  network.output("logits");
  return network;
}

Image white_rectangle(int width, int height, const Box& rectangle, std::uint8_t ground) {
  Image image(width, height);
  std::ranges::fill(image.pixels, ground);
  for (int y = static_cast<int>(rectangle.y0); y < static_cast<int>(rectangle.y1); ++y)
    std::fill(image.row(y) + 3 * static_cast<int>(rectangle.x0), image.row(y) + 3 * static_cast<int>(rectangle.x1),
              std::uint8_t{255});
  return image;
}

void write_turned_png(const std::filesystem::path& path, const Image& upright) {
  Image stored(upright.height, upright.width);
  for (int y = 0; y < upright.height; ++y)
    for (int x = 0; x < upright.width; ++x)
      std::copy_n(upright.row(y) + 3 * x, 3, stored.row(upright.width - 1 - x) + 3 * y);
  const auto png = encode_png(stored);
  std::string bytes(reinterpret_cast<const char*>(png.data()), png.size());
  constexpr std::size_t kAfterHeader = 8 + 25;  // signature and IHDR
  bytes.insert(kAfterHeader, exif_chunk());
  write_text(path, bytes);
}

Studio::Studio(const std::filesystem::path& where) : model((where / "net.onnx").string()), folder(where) {
  brightness_network(kWidth, kHeight).save(model);
  write_text(
      where / "net.limn.json",
      R"({"resize": "none", "crop": "none", "range": 1, "mean": 0, "std": 1, "labels": ["bright", "dark"]})");
}

std::string Studio::picture(const std::string& name, const Box& rectangle) const {
  const auto path = folder / name;
  write_png(path, white_rectangle(kWidth, kHeight, rectangle));
  return path.string();
}

}  // namespace limn::test
