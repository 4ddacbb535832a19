#pragma once
// Sets of pixels as runs: rows of neighbours, as long as they go, in row-major order.

#include <algorithm>
#include <numeric>
#include <vector>

#include "limn/heatmap.h"

namespace limn {

struct Run {
  int y, begin, end;  ///< columns begin to end - 1
};

/// The runs of the values that are chosen.
template <class Chosen>
std::vector<Run> runs_of(const Heatmap& map, Chosen chosen) {
  std::vector<Run> runs;
  for (int y = 0; y < map.height; ++y) {
    const float* const row = map.values.data() + static_cast<std::ptrdiff_t>(y) * map.width;
    for (int x = 0; x < map.width; ++x) {
      const int begin = x;
      while (x < map.width && chosen(row[x])) ++x;
      if (x > begin) runs.push_back({y, begin, x});
    }
  }
  return runs;
}

/// Calls found(i, j) for every pair of runs of neighbouring rows, the upper one first, that touch: on a side, or
/// with `corners` at a corner too.
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

/// By run the number of the set of runs that hang together; sets are numbered by their first runs.
inline std::vector<std::size_t> sets_of(const std::vector<Run>& runs, bool corners) {
  std::vector<std::size_t> first(runs.size());
  std::iota(first.begin(), first.end(), std::size_t{0});
  const auto first_of = [&](std::size_t i) {
    while (first[i] != i) i = first[i] = first[first[i]];
    return i;
  };
  for_each_touching(runs, corners, [&](std::size_t i, std::size_t j) {
    const std::size_t a = first_of(i), b = first_of(j);
    first[std::max(a, b)] = std::min(a, b);
  });
  std::vector<std::size_t> sets(runs.size());
  std::size_t count = 0;
  for (std::size_t i = 0; i < runs.size(); ++i) sets[i] = first[i] == i ? count++ : sets[first_of(i)];
  return sets;
}

}  // namespace limn
