#pragma once
// EXPECT_ERROR(statement, code, matcher): the statement throws limn::Error with this code, and what() matches.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limn/error.h"

#define EXPECT_ERROR(statement, expected_code, matcher)                           \
  do {                                                                            \
    bool limn_test_thrown = false;                                                \
    try {                                                                         \
      static_cast<void>(statement);                                               \
    } catch (const ::limn::Error& limn_test_error) {                              \
      limn_test_thrown = true;                                                    \
      EXPECT_EQ(limn_test_error.code(), expected_code) << limn_test_error.what(); \
      EXPECT_THAT(limn_test_error.what(), matcher);                               \
    }                                                                             \
    EXPECT_TRUE(limn_test_thrown) << "no limn::Error from: " #statement;          \
  } while (false)
