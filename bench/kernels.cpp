// limn_bench_kernels THREADS [BATCH MODEL.onnx...] [--benchmark_...]: Google Benchmark of single operators, of the
// convolutions of the models for a batch, and of the machine's peaks in the same run.

#include "kernels.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <vector>

#include "peaks.h"
#include "step_timer.h"

namespace limn::bench {

void register_graph(const std::string& name, std::function<Graph()> make, double multiply_adds,
                    const std::map<std::string, double>& more, int threads) {
  benchmark::RegisterBenchmark(name.c_str(),
                               [=](benchmark::State& state) {
                                 StepTimer timer(make(), threads);
                                 timer.run();
                                 double fastest = 1e9;
                                 for ([[maybe_unused]] const auto _ : state) {
                                   const double seconds = timer.run();
                                   fastest = std::min(fastest, seconds);
                                   state.SetIterationTime(seconds);
                                 }
                                 // Of the fastest run: others may have been interrupted.
                                 if (multiply_adds > 0) {
                                   state.counters["multiply_adds"] = multiply_adds;
                                   state.counters["GFLOP/s"] = 2e-9 * multiply_adds / fastest;
                                 }
                                 state.counters["fastest"] = 1e3 * fastest;
                                 state.counters["GB/s"] = 1e-9 * timer.bytes() / fastest;
                                 for (const auto& [key, value] : more) state.counters[key] = value;
                                 state.SetLabel(timer.kernel());
                               })
      ->UseManualTime()
      ->Unit(benchmark::kMillisecond);
}

namespace {

constexpr double kSeconds = 0.5;

void register_peak(const std::string& name, const std::string& unit, std::function<double()> measure) {
  benchmark::RegisterBenchmark(name.c_str(),
                               [=](benchmark::State& state) {
                                 double best = 0;
                                 for ([[maybe_unused]] const auto _ : state) best = std::max(best, measure());
                                 state.counters[unit] = best;
                               })
      ->Iterations(1)
      ->Unit(benchmark::kMillisecond);
}

void register_multiplications(int threads, const std::string& when) {
  register_peak("peak/fma/" + when, "GFLOP/s", [=] { return peak_gflops(threads, kSeconds); });
}

void register_streams(int threads) {
  constexpr std::size_t kMemory = std::size_t{128} << 20, kCache = std::size_t{4} << 20;
  const std::vector<std::pair<const char*, Stream>> streams{
      {"read", Stream::read}, {"copy", Stream::copy}, {"triad", Stream::triad}};
  for (const auto& [name, stream] : streams)
    for (const std::size_t bytes : {kMemory, kCache})
      register_peak(fmt::format("peak/{} of {} MiB", name, bytes >> 20), "GB/s",
                    [=, s = stream] { return stream_gbytes(s, threads, bytes, kSeconds); });
}

}  // namespace
}  // namespace limn::bench

int main(int argc, char** argv) {
  try {
    benchmark::Initialize(&argc, argv);
    const int threads = argc > 1 ? std::stoi(argv[1]) : 1;
    benchmark::AddCustomContext("threads", std::to_string(threads));
    limn::bench::register_multiplications(threads, "before");
    limn::bench::register_streams(threads);
    limn::bench::register_operators(threads);
    for (int i = 3; i < argc; ++i) limn::bench::register_convolutions(argv[i], std::stol(argv[2]), threads);
    limn::bench::register_multiplications(threads, "after");
    benchmark::RunSpecifiedBenchmarks();
    return 0;
  } catch (const std::exception& e) {
    fmt::print(stderr, "limn_bench_kernels: {}\n", e.what());
    return 1;
  }
}
