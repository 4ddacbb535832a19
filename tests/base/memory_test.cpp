#include "limn/base/memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>

namespace limn {
namespace {

constexpr std::size_t kSizes[] = {0, 1, 100, 4096, (std::size_t{2} << 20) - 1, std::size_t{2} << 20, 5'000'001};

TEST(Memory, IsAlignedWritableAndZeroedWhenAskedFor) {
  for (const std::size_t size : kSizes)
    for (int round = 0; round < 2; ++round) {  // the second may be given what the first has written to
      const auto zeroed = allocate_zeroed(size);
      ASSERT_NE(zeroed, nullptr);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(zeroed.get()) % 64, 0U);
      EXPECT_TRUE(std::all_of(zeroed.get(), zeroed.get() + size, [](std::byte b) { return b == std::byte{0}; }));
      std::fill(zeroed.get(), zeroed.get() + size, std::byte{0xFF});
      const auto other = allocate(size);
      ASSERT_NE(other, nullptr);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(other.get()) % 64, 0U);
      std::fill(other.get(), other.get() + size, std::byte{0xAB});
      EXPECT_TRUE(size == 0 || zeroed.get()[size - 1] == std::byte{0xFF});
    }
}

TEST(Memory, WhatNobodyHasIsNull) {
  EXPECT_EQ(allocate(SIZE_MAX), nullptr);
  EXPECT_EQ(allocate_zeroed(SIZE_MAX - 100), nullptr);
}

}  // namespace
}  // namespace limn
