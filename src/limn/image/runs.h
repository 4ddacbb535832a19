#pragma once
// Sets of pixels as runs: rows of neighbours, as long as they go, in row-major order.

#include <algorithm>
#include <numeric>
#include <vector>

namespace limn {

struct Run {
  int y, begin, end;  ///< columns begin to end - 1
};

/// Calls found(i, j) for every pair of runs of neighbouring rows, the upper one first, that touch: on a side, or with
/// `corners` at a corner too.
template <class Found>
void for_each_touching(const std::vector<Run>& runs, bool corners, Found found) {
  const int reach = corners ? 1 : 0;
  std::size_t upper = 0;
  for (std::size_t lower = 0; lower < runs.size();) {
    const Run &a = runs[upper], &b = runs[lower];
    if (a.y < b.y - 1) {
      ++upper;
    } else if (a.y >= b.y) {
      ++lower;  // nothing is left of the row above
    } else {
      if (a.begin < b.end + reach && b.begin < a.end + reach) found(upper, lower);
      if (a.end < b.end)
        ++upper;
      else
        ++lower;
    }
  }
}

/// Which runs hang together. The first of a set stands for it.
class RunSets {
 public:
  RunSets(const std::vector<Run>& runs, bool corners) : first_(runs.size()) {
    std::iota(first_.begin(), first_.end(), std::size_t{0});
    for_each_touching(runs, corners, [this](std::size_t i, std::size_t j) { unite(i, j); });
  }
  std::size_t first_of(std::size_t i) {
    while (first_[i] != i) i = first_[i] = first_[first_[i]];
    return i;
  }

 private:
  void unite(std::size_t i, std::size_t j) {
    const std::size_t a = first_of(i), b = first_of(j);
    first_[std::max(a, b)] = std::min(a, b);
  }
  std::vector<std::size_t> first_;
};

}  // namespace limn
