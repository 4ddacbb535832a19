#include "peaks.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <numeric>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace limn::bench {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Operations of one call, which returns a sum of its registers so that they have to be computed.
using Burst = float (*)(long rounds);
constexpr int kChains = 24;  ///< independent sums: more than latency times throughput of any processor's units

float keep(const float* values, int count) {
  float sum = 0;
  for (int i = 0; i < count; ++i) sum += values[i];
  return sum;
}

#if defined(__x86_64__)
__attribute__((target("avx512f"))) float burst_avx512(long rounds) {
  __m512 sums[kChains];
  for (auto& s : sums) s = _mm512_setzero_ps();
  const __m512 a = _mm512_set1_ps(0.999F), b = _mm512_set1_ps(0.001F);
  for (long r = 0; r < rounds; ++r)
#pragma GCC unroll 24
    for (auto& s : sums) s = _mm512_fmadd_ps(s, a, b);
  alignas(64) float out[16 * kChains];
  for (int i = 0; i < kChains; ++i) _mm512_store_ps(out + 16 * i, sums[i]);
  return keep(out, 16 * kChains);
}

constexpr int kChainsAvx2 = 12;  ///< of 16 registers
__attribute__((target("avx2,fma"))) float burst_avx2(long rounds) {
  __m256 sums[kChainsAvx2];
  for (auto& s : sums) s = _mm256_setzero_ps();
  const __m256 a = _mm256_set1_ps(0.999F), b = _mm256_set1_ps(0.001F);
  for (long r = 0; r < rounds; ++r)
#pragma GCC unroll 12
    for (auto& s : sums) s = _mm256_fmadd_ps(s, a, b);
  alignas(32) float out[8 * kChainsAvx2];
  for (int i = 0; i < kChainsAvx2; ++i) _mm256_store_ps(out + 8 * i, sums[i]);
  return keep(out, 8 * kChainsAvx2);
}
#endif

/// For the compiler to vectorise.
float burst_plain(long rounds) {
  float sums[8 * kChains] = {};
  for (long r = 0; r < rounds; ++r)
    for (float& s : sums) s = s * 0.999F + 0.001F;
  return keep(sums, 8 * kChains);
}

struct Unit {
  Burst burst;
  int operations;  ///< of one round
};

Unit widest() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return {burst_avx512, 2 * 16 * kChains};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return {burst_avx2, 2 * 8 * kChainsAvx2};
#endif
  return {burst_plain, 2 * 8 * kChains};
}

void on_threads(int threads, const std::function<void(int)>& work) {
  std::vector<std::thread> others;
  for (int t = 1; t < threads; ++t) others.emplace_back(work, t);
  work(0);
  for (std::thread& t : others) t.join();
}

float pass(Stream stream, float* a, const float* b, const float* c, std::size_t count) {
  float sum[16] = {};
  switch (stream) {
    case Stream::read:
      for (std::size_t i = 0; i + 16 <= count; i += 16)
        for (int k = 0; k < 16; ++k) sum[k] += b[i + k];
      break;
    case Stream::copy: std::copy_n(b, count, a); break;
    case Stream::triad:
      for (std::size_t i = 0; i < count; ++i) a[i] = b[i] + 3.0F * c[i];
      break;
  }
  return keep(sum, 16);
}

volatile float sink;

}  // namespace

double peak_gflops(int threads, double seconds) {
  const Unit unit = widest();
  constexpr long kRounds = 500'000;  // a few milliseconds, short enough to be undisturbed now and then
  std::vector<double> best(static_cast<std::size_t>(threads));
  on_threads(threads, [&](int t) {
    const auto start = Clock::now();
    double fastest = 1e9;
    float sum = 0;
    while (seconds_since(start) < seconds) {
      const auto begun = Clock::now();
      sum += unit.burst(kRounds);
      fastest = std::min(fastest, seconds_since(begun));
    }
    if (t == 0) sink = sum;
    best[static_cast<std::size_t>(t)] = static_cast<double>(kRounds) * unit.operations / fastest / 1e9;
  });
  return std::accumulate(best.begin(), best.end(), 0.0);
}

int bytes_per_element(Stream stream) { return stream == Stream::read ? 4 : stream == Stream::copy ? 8 : 12; }

double stream_gbytes(Stream stream, int threads, std::size_t bytes, double seconds) {
  const std::size_t count = bytes / sizeof(float) / static_cast<std::size_t>(threads);  // of each thread
  std::vector<double> best(static_cast<std::size_t>(threads));
  on_threads(threads, [&](int t) {
    std::vector<float> a(count, 1.0F), b(count, 2.0F), c(count, 3.0F);
    const auto start = Clock::now();
    double fastest = 1e9;
    float sum = 0;
    while (seconds_since(start) < seconds) {
      const auto begun = Clock::now();
      sum += pass(stream, a.data(), b.data(), c.data(), count) + a[count / 2];
      fastest = std::min(fastest, seconds_since(begun));
    }
    if (t == 0) sink = sum;
    best[static_cast<std::size_t>(t)] = static_cast<double>(count) * bytes_per_element(stream) / fastest / 1e9;
  });
  return std::accumulate(best.begin(), best.end(), 0.0);
}

}  // namespace limn::bench
