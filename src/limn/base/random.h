#pragma once
// Random numbers that depend on a key and a counter alone, never on the order in which they are drawn.

#include <cstdint>
#include <string_view>

namespace limn {

/// The finaliser of SplitMix64 (Steele, Lea and Flood 2014): a bijection that scatters every bit.
constexpr std::uint64_t scatter(std::uint64_t x) {
  x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27U)) * 0x94D049BB133111EBU;
  return x ^ (x >> 31U);
}

/// A key of a seed and a name.
constexpr std::uint64_t random_key(std::uint64_t seed, std::string_view name) {
  std::uint64_t key = scatter(seed + 0x9E3779B97F4A7C15U);
  for (const char c : name) key = scatter(key ^ static_cast<std::uint8_t>(c));
  return key;
}

constexpr std::uint64_t random_bits(std::uint64_t key, std::uint64_t counter) {
  return scatter(key + 0x9E3779B97F4A7C15U * (counter + 1));
}

/// Uniform in [0, 1).
constexpr double random_unit(std::uint64_t key, std::uint64_t counter) {
  return static_cast<double>(random_bits(key, counter) >> 11U) * 0x1p-53;
}

}  // namespace limn
