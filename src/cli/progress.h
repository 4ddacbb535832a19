#pragma once
// A progress bar on standard error, drawn on a terminal only.

#include <chrono>
#include <cstddef>

namespace limn::cli {

class Progress {
 public:
  /// Draws nothing unless standard error is a terminal, nor for fewer than two items.
  explicit Progress(std::size_t total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void advance();
  /// More items turned up than were counted.
  void grow(std::size_t more) { total_ += more; }
  std::size_t total() const { return total_; }
  /// Wipes the bar, so that text can be printed; the next advance() draws it again.
  void hide();

 private:
  using Clock = std::chrono::steady_clock;
  void draw();

  std::size_t total_, done_ = 0;
  bool enabled_, visible_ = false;
  Clock::time_point start_ = Clock::now(), drawn_{};
};

}  // namespace limn::cli
