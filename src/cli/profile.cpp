#include "profile.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

#include "limn/base/file.h"

namespace limn::cli {
namespace {

using Json = nlohmann::ordered_json;

/// All runs of one step together.
struct Row {
  const StepInfo* step = nullptr;
  std::size_t runs = 0;
  double seconds = 0;
};

double gflops(double operations, double seconds) { return seconds > 0 ? 1e-9 * operations / seconds : 0; }

std::string text_of(const Row& row, double whole) {
  const double operations = row.step->operations * static_cast<double>(row.runs);
  return fmt::format("  {:>9.3f} {:>6.1f} {:>6} {:>8} {:<20} {:<40} {}\n", 1e3 * row.seconds,
                     100 * row.seconds / whole, row.runs,
                     operations > 0 ? fmt::format("{:.1f}", gflops(operations, row.seconds)) : "",
                     fmt::format("{}", fmt::join(row.step->dims, "x")), row.step->label, row.step->kernel);
}

}  // namespace

ProgramObserver Profile::observer() {
  return [this](const Program& program, std::size_t step, StepClock::time_point begin, StepClock::time_point end) {
    const auto known = std::ranges::find(programs_, &program);
    const auto place = static_cast<std::size_t>(known - programs_.begin());
    if (known == programs_.end()) {
      programs_.push_back(&program);
      steps_.push_back(program.steps());
    }
    events_.push_back({place, step, begin, end});
  };
}

void Profile::print() const {
  std::map<std::pair<std::size_t, std::size_t>, Row> by_step;
  double whole = 0;
  for (const Event& e : events_) {
    Row& row = by_step[{e.program, e.step}];
    row.step = &steps_[e.program][e.step];
    ++row.runs;
    row.seconds += seconds_between(e.begin, e.end);
    whole += seconds_between(e.begin, e.end);
  }
  std::vector<Row> rows;
  for (const auto& [place, row] : by_step) rows.push_back(row);
  std::ranges::stable_sort(rows, std::greater<>(), &Row::seconds);
  std::string text = fmt::format("  {:>9} {:>6} {:>6} {:>8} {:<20} {:<40} {}\n", "ms", "%", "runs", "GFLOP/s",
                                 "result", "step", "kernel");
  for (const Row& row : rows) text += text_of(row, whole);
  text += fmt::format("  {:>9.3f} ms in {} steps\n", 1e3 * whole, rows.size());
  std::fputs(text.c_str(), stderr);
}

void Profile::write_trace(const std::filesystem::path& path, const Stats& stats) const {
  const auto microseconds = [&](StepClock::time_point t) { return 1e6 * seconds_between(stats.start(), t); };
  Json list = Json::array();
  const auto add = [&](const std::string& name, int row, StepClock::time_point begin, StepClock::time_point end) {
    list.push_back({{"name", name},
                    {"ph", "X"},
                    {"pid", 1},
                    {"tid", row},
                    {"ts", microseconds(begin)},
                    {"dur", 1e6 * seconds_between(begin, end)}});
  };
  std::map<std::thread::id, int> rows;
  for (const Stats::Span& span : stats.spans())
    add(span.stage, rows.try_emplace(span.thread, static_cast<int>(rows.size()) + 1).first->second, span.begin,
        span.end);
  const int steps_row = static_cast<int>(rows.size()) + 1;
  for (const Event& e : events_) {
    const StepInfo& step = steps_[e.program][e.step];
    add(step.label, steps_row, e.begin, e.end);
    list.back()["args"] = {{"kernel", step.kernel}, {"result", step.dims}};
    if (step.operations > 0)
      list.back()["args"]["GFLOP/s"] = gflops(step.operations, seconds_between(e.begin, e.end));
  }
  list.push_back(
      {{"name", "thread_name"}, {"ph", "M"}, {"pid", 1}, {"tid", steps_row}, {"args", {{"name", "steps"}}}});
  const std::string text = Json{{"displayTimeUnit", "ms"}, {"traceEvents", std::move(list)}}.dump();
  write_file_atomically(path, text);
}

}  // namespace limn::cli
