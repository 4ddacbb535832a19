// Masks through resize and crop.

#include "limn/mask.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/expect_error.h"
#include "support/masks.h"

namespace limn {
namespace {

using testing::HasSubstr;

/// Half of the size, then a crop of 2 x 2 in the middle of 4 x 2.
TEST(MaskInInput, FollowsResizeAndCrop) {
  Geometry g;
  g.original_width = 8;
  g.original_height = 4;
  g.input_width = g.input_height = 2;
  g.scale_x = g.scale_y = 2;
  g.offset_x = 2;
  Mask mask(8, 4);
  mask.at(4, 2) = kObject;
  mask.at(2, 0) = kIgnored;
  mask.at(0, 0) = mask.at(3, 0) = kObject;  // beside the crop; between the pixels that are taken
  EXPECT_EQ(to_input(mask, g), mask_of(2, 2, {kIgnored, kGround, kGround, kObject}));
  EXPECT_EQ(to_input(mask, identity_geometry(8, 4)), mask);
  // The picture may be a larger copy of what was annotated.
  const Mask larger = to_input(mask, identity_geometry(16, 8));
  EXPECT_EQ(larger.at(9, 5), kObject);
  EXPECT_EQ(larger.at(10, 5), kGround);
  EXPECT_ERROR(to_input(mask, identity_geometry(8, 8)), ErrorCode::bad_input, HasSubstr("8x4"));
}

TEST(Mask, ObjectsCoverIgnoredPixels) {
  Mask mask = mask_of(3, 1, {kGround, kIgnored, kObject});
  mask.cover(mask_of(3, 1, {kIgnored, kObject, kIgnored}));
  EXPECT_EQ(mask, mask_of(3, 1, {kIgnored, kObject, kObject}));
  EXPECT_ERROR(Mask(0, 3), ErrorCode::bad_input, HasSubstr("0x3"));
  EXPECT_ERROR(Mask(1 << 30, 1 << 30), ErrorCode::limit, HasSubstr("too large"));
}

}  // namespace
}  // namespace limn
