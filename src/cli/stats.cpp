#include "stats.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <ctime>

namespace limn::cli {
namespace {

constexpr double kMiB = 1024 * 1024;

double peak_memory_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

/// Seconds by stage, in the order in which stages first ended.
using Times = std::vector<std::pair<std::string, double>>;

double add(Times& times, const Stats::Span& span) {
  auto it = std::ranges::find(times, span.stage, &std::pair<std::string, double>::first);
  if (it == times.end()) it = times.insert(times.end(), {span.stage, 0});
  const double seconds = seconds_between(span.begin, span.end);
  it->second += seconds;
  return seconds;
}

std::string line(std::string_view name, double seconds) {
  return fmt::format("  {:<16} {:>9.1f} ms\n", name, 1e3 * seconds);
}

}  // namespace

double Stats::cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

void Stats::add(Span span) {
  const std::lock_guard lock(mutex_);
  spans_.push_back(std::move(span));
}

std::vector<Stats::Span> Stats::spans() const {
  const std::lock_guard lock(mutex_);
  return spans_;
}

std::string Stats::times() const {
  Times own, beside;
  double known = 0;
  for (const Span& span : spans())
    if (span.thread == main_)
      known += cli::add(own, span);
    else
      cli::add(beside, span);
  const double whole = seconds_between(start_, StepClock::now());
  // Loading the program has no clock of its own; until here one thread has been busy with nothing else.
  std::string text = line("loading limn", cpu_before_);
  for (const auto& [name, seconds] : own) text += line(name, seconds);
  text += line("the rest", whole - known) + line("total", cpu_before_ + whole);
  for (const auto& [name, seconds] : beside) text += line(name + ", beside", seconds);
  return text;
}

void Stats::print(const Model& model, const Program& program) const {
  const auto mib = [](std::size_t bytes) { return static_cast<double>(bytes) / kMiB; };
  const std::string text =
      times() + fmt::format(
                    "  peak memory {:.1f} MiB; model file {:.1f} MiB, reordered weights {:.1f} MiB, "
                    "activations {:.1f} MiB ({:.1f} MiB of it scratch), {} threads\n",
                    peak_memory_mib(), mib(model.file_bytes), mib(program.weight_bytes()),
                    mib(program.arena_bytes()), mib(program.scratch_bytes()), program.threads());
  std::fputs(text.c_str(), stderr);
}

}  // namespace limn::cli
