// Boxes at 100 thresholds beside the plain way that looks at all regions at each, on maps of 224 x 224 pixels:
// rounds of both in turn, the shortest of each.
//
//   limn_bench_sweep [ROUNDS]

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "limn/base/random.h"
#include "metrics/plain_sweep.h"

namespace {

constexpr int kSize = 224;

/// Noise on `cells` x `cells` places, grown: 7 and 13 are what networks draw, 224 is an attribution.
limn::Heatmap noise(int cells) {
  limn::Heatmap map(cells, cells);
  for (std::size_t i = 0; i < map.values.size(); ++i) map.values[i] = static_cast<float>(limn::random_unit(1, i));
  return limn::normalise(limn::upsample(map, kSize, kSize)).heatmap;
}

template <class F>
double seconds(F&& run) {
  const auto start = std::chrono::steady_clock::now();
  run();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 20;
  const std::vector<limn::Box> truths{{30, 40, 150, 180}, {100, 20, 220, 90}};
  fmt::print("cells   plain ms   box_curve ms   times\n");
  for (const int cells : {7, 13, 56, kSize}) {
    const limn::Heatmap map = noise(cells);
    double plain = 1e9, fast = 1e9;
    bool same = true;
    for (int round = 0; round < rounds; ++round) {
      limn::BoxCurve a, b;
      plain = std::min(plain, seconds([&] { a = limn::test::plain_box_curve(map, truths); }));
      fast = std::min(fast, seconds([&] { b = limn::box_curve(map, truths); }));
      same = same && a.largest == b.largest && a.any == b.any;
    }
    if (!same) return EXIT_FAILURE;
    fmt::print("{:5}{:11.3f}{:15.3f}{:8.2f}\n", cells, 1000 * plain, 1000 * fast, plain / fast);
  }
  return EXIT_SUCCESS;
}
