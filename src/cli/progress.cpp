#include "progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <string>

namespace limn::cli {
namespace {

constexpr std::size_t kBarWidth = 30;
constexpr std::chrono::milliseconds kRedrawInterval{100};

std::string duration(double seconds) {
  const auto whole = static_cast<long>(seconds + 0.5);
  return whole < 60 ? fmt::format("{} s", whole) : fmt::format("{} min {:02} s", whole / 60, whole % 60);
}

}  // namespace

Progress::Progress(std::size_t total) : total_(total), enabled_(total > 1 && isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() { hide(); }

void Progress::advance() {
  ++done_;
  if (enabled_ && (done_ == total_ || Clock::now() - drawn_ >= kRedrawInterval)) draw();
}

void Progress::hide() {
  if (!visible_) return;
  std::fputs("\r\033[K", stderr);
  visible_ = false;
}

void Progress::draw() {
  drawn_ = Clock::now();
  const double seconds = std::chrono::duration<double>(drawn_ - start_).count();
  const double rate = static_cast<double>(done_) / seconds;
  const std::size_t filled = kBarWidth * done_ / total_;
  const std::string line = fmt::format("\r\033[K[{}{}] {}/{}  {:.1f}/s  {} left", std::string(filled, '#'),
                                       std::string(kBarWidth - filled, '.'), done_, total_, rate,
                                       duration(static_cast<double>(total_ - done_) / rate));
  std::fputs(line.c_str(), stderr);
  visible_ = true;
}

}  // namespace limn::cli
