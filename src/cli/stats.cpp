#include "stats.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>

namespace limn::cli {
namespace {

constexpr double kMiB = 1024 * 1024;

double peak_memory_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

}  // namespace

void Stats::add(std::string_view stage, double seconds) {
  const auto same = std::ranges::find(stages_, stage, [](const auto& entry) { return entry.first; });
  if (same != stages_.end())
    same->second += seconds;
  else
    stages_.emplace_back(stage, seconds);
}

void Stats::print(const Program& program) const {
  const double whole = std::chrono::duration<double>(Clock::now() - start_).count();
  std::string text;
  double known = 0;
  for (const auto& [name, seconds] : stages_) {
    text += fmt::format("  {:<10} {:>9.1f} ms\n", name, 1e3 * seconds);
    known += seconds;
  }
  text += fmt::format("  {:<10} {:>9.1f} ms\n  {:<10} {:>9.1f} ms\n", "the rest", 1e3 * (whole - known), "total",
                      1e3 * whole);
  text +=
      fmt::format("  peak memory {:.1f} MiB; activations {:.1f} MiB, reordered weights {:.1f} MiB, {} threads\n",
                  peak_memory_mib(), static_cast<double>(program.arena_bytes()) / kMiB,
                  static_cast<double>(program.weight_bytes()) / kMiB, program.threads());
  std::fputs(text.c_str(), stderr);
}

}  // namespace limn::cli
