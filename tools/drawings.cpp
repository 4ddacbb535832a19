// Writes the C++ source of limn/image/drawings.h: OpenCV's colormaps and its Hershey letters as pictures. They are
// drawn when limn is built, so that the program need not load OpenCV's two dozen libraries each time it starts.

#include <cstdio>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <string>

#include "limn/image/drawings.h"

namespace {

void write_bytes(const cv::Mat& bytes) {
  for (int y = 0; y < bytes.rows; ++y) {
    for (int x = 0; x < bytes.cols; ++x) std::printf("%d,", bytes.at<std::uint8_t>(y, x));
    std::printf("\n");
  }
}

void write_colormap(int name) {
  cv::Mat ramp(1, 256, CV_8UC1), colors;
  for (int i = 0; i < 256; ++i) ramp.at<std::uint8_t>(0, i) = static_cast<std::uint8_t>(i);
  cv::applyColorMap(ramp, colors, name);
  cv::cvtColor(colors, colors, cv::COLOR_BGR2RGB);
  write_bytes(colors.reshape(1));
}

/// Eight pixels a byte, the leftmost in the highest bit.
cv::Mat packed(const cv::Mat& picture) {
  cv::Mat out = cv::Mat::zeros(picture.rows, picture.cols / 8, CV_8UC1);
  for (int y = 0; y < picture.rows; ++y)
    for (int x = 0; x < picture.cols; ++x)
      if (picture.at<std::uint8_t>(y, x) != 0)
        out.at<std::uint8_t>(y, x / 8) |= static_cast<std::uint8_t>(128 >> x % 8);
  return out;
}

constexpr int kFont = cv::FONT_HERSHEY_SIMPLEX, kThickness = 6;
constexpr double kScale = limn::kLetterHeight / 21.0;  // capital letters are 21 units high

int width_of(const std::string& text) {
  int below = 0;
  return cv::getTextSize(text, kFont, kScale, kThickness, &below).width;
}

void write_letter(char letter) {
  cv::Mat picture = cv::Mat::zeros(limn::kLetterRows, 8 * limn::kLetterBytes, CV_8UC1);
  cv::putText(picture, std::string(1, letter), {limn::kLetterLeft, limn::kLetterBaseline}, kFont, kScale,
              cv::Scalar(255), kThickness);
  std::printf("{%d,{\n", width_of({letter, letter}) - width_of({letter}));
  write_bytes(packed(picture));
  std::printf("}},\n");
}

}  // namespace

int main() {
  std::printf("#include \"limn/image/drawings.h\"\nnamespace limn {\n");
  std::printf("const std::uint8_t kColormaps[3][256][3] = {\n");
  for (const int name : {cv::COLORMAP_INFERNO, cv::COLORMAP_VIRIDIS, cv::COLORMAP_JET}) {
    std::printf("{\n");
    write_colormap(name);
    std::printf("},\n");
  }
  std::printf("};\nconst Letter kLetters[95] = {\n");
  for (char letter = ' '; letter <= '~'; ++letter) write_letter(letter);
  std::printf("};\n}  // namespace limn\n");
}
