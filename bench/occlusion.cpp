// limn_bench_occlusion MODEL PATCH STRIDE [BATCH [THREADS [ROUNDS]]]: the time of an occlusion map by windows
// beside that of whole forward passes, in rounds that take turns. Patches lie inside the image. With stride 1 a
// sample of about 2,000 positions, rows and columns drawn at random, stands for all. Beside the time by the clock
// stands that of the processor, which other work on the machine disturbs less.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <random>
#include <vector>

#include "limn/model.h"
#include "limn/occlusion.h"

namespace {

using namespace limn;

constexpr std::size_t kSampled = 45;  ///< rows and columns of a sample

std::vector<std::int64_t> starts(std::int64_t patch, std::int64_t stride, std::int64_t size, std::mt19937& random) {
  std::vector<std::int64_t> all, some;
  for (std::int64_t s = 0; s + patch <= size; s += stride) all.push_back(s);
  if (stride > 1) return all;
  std::ranges::sample(all, std::back_inserter(some), static_cast<std::ptrdiff_t>(kSampled), random);
  return some;
}

struct Result {
  double seconds = 0, processor = 0;
  std::vector<float> scores;
};

Result run(Occluder& occluder) {
  Result result;
  occluder.image();  // marks it as changed
  const std::clock_t used = std::clock();
  const auto begun = std::chrono::steady_clock::now();
  occluder.run([&](std::size_t, std::size_t, std::span<const float> logits) {
    result.scores.insert(result.scores.end(), logits.begin(), logits.end());
  });
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  result.processor = static_cast<double>(std::clock() - used) / CLOCKS_PER_SEC;
  return result;
}

void draw_image(Occluder& occluder) {
  std::mt19937 random(1);
  std::normal_distribution<float> pixel;
  for (float& v : occluder.image()) v = pixel(random);
}

/// The largest difference, in parts of the largest score.
double difference(const Result& a, const Result& b) {
  double most = 0, size = 0;
  for (std::size_t i = 0; i < a.scores.size(); ++i) {
    most = std::max(most, static_cast<double>(std::abs(a.scores[i] - b.scores[i])));
    size = std::max(size, static_cast<double>(std::abs(a.scores[i])));
  }
  return most / size;
}

/// How far the patches move the scores, in the same parts: equal scores would prove nothing if nothing moved.
double movement(const Result& r, std::size_t positions) {
  const std::size_t classes = r.scores.size() / positions;
  double most = 0, size = 0;
  for (std::size_t i = classes; i < r.scores.size(); ++i) {
    most = std::max(most, static_cast<double>(std::abs(r.scores[i] - r.scores[i % classes])));
    size = std::max(size, static_cast<double>(std::abs(r.scores[i])));
  }
  return most / size;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

void compare(int argc, char** argv) {
  const auto number = [&](int i, int otherwise) { return i < argc ? std::stoi(argv[i]) : otherwise; };
  const Classifier network = as_classifier(import_onnx(argv[1]).graph);
  const int stride = number(3, 8), rounds = number(6, 3);
  std::mt19937 random(1);
  PatchGrid grid{number(2, 45), {}, {}};
  grid.rows = starts(grid.patch, stride, network.height, random);
  grid.columns = starts(grid.patch, stride, network.width, random);
  OccluderOptions options{OcclusionFill::mean, number(4, 16), number(5, 1), true};
  const OcclusionCost cost = occlusion_cost(network, grid, options);
  Occluder windows(network, grid, options);
  options.incremental = false;
  Occluder whole(network, grid, options);
  draw_image(windows);
  draw_image(whole);
  fmt::print("{} positions in batches of {}, {} threads; windows until {}, {:.1f} times fewer multiplications\n",
             grid.size(), options.batch, options.threads, cost.whole_from, 1 / cost.multiplications);
  std::vector<double> ratios;
  for (int round = 0; round < rounds; ++round) {
    const Result slow = run(whole), fast = run(windows);
    const auto each = [&](double seconds) { return 1e3 * seconds / static_cast<double>(grid.size()); };
    ratios.push_back(slow.seconds / fast.seconds);
    fmt::print(
        "whole maps {:.3f} ms, windows {:.3f} ms a position: {:.2f} times; of the processor {:.3f} and {:.3f} ms: "
        "{:.2f} "
        "times; scores differ by {:.1e} and move by {:.1e}\n",
        each(slow.seconds), each(fast.seconds), ratios.back(), each(slow.processor), each(fast.processor),
        slow.processor / fast.processor, difference(slow, fast), movement(slow, grid.size()));
    std::fflush(stdout);
  }
  fmt::print("median ratio {:.2f}\n", median(ratios));
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc < 4)
      throw Error(ErrorCode::bad_input,
                  "usage: limn_bench_occlusion MODEL PATCH STRIDE [BATCH [THREADS [ROUNDS]]]");
    compare(argc, argv);
    return 0;
  } catch (const std::exception& e) {
    fmt::print(stderr, "{}\n", e.what());
    return 1;
  }
}
