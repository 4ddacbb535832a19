#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "limn/error.h"
#include "limn/patches.h"

namespace limn {
namespace {

constexpr std::array<std::string_view, 3> kFills{"mean", "zero", "grey"};

void check(std::int64_t patch, std::int64_t stride, std::int64_t height, std::int64_t width) {
  if (stride < 1) throw Error(ErrorCode::bad_input, fmt::format("a stride of {} does not move the patch", stride));
  if (patch >= 1 && patch <= std::min(height, width)) return;
  throw Error(ErrorCode::bad_input,
              fmt::format("a patch of {0}x{0} does not fit into an image of {1}x{2}", patch, width, height), {},
              fmt::format("take one of 1 to {} pixels", std::min(height, width)));
}

std::vector<std::int64_t> starts_around_centres(std::int64_t patch, std::int64_t stride, std::int64_t size) {
  std::vector<std::int64_t> starts;
  for (std::int64_t centre = stride / 2; centre < size; centre += stride) starts.push_back(centre - patch / 2);
  if (starts.empty()) starts.push_back(size / 2 - patch / 2);
  return starts;
}

std::vector<std::int64_t> starts_until_covered(std::int64_t patch, std::int64_t stride, std::int64_t size) {
  std::vector<std::int64_t> starts{0};
  while (starts.back() + patch < size) starts.push_back(starts.back() + stride);
  return starts;
}

}  // namespace

OcclusionFill parse_occlusion_fill(std::string_view text) {
  const auto found = std::ranges::find(kFills, text);
  if (found != kFills.end()) return static_cast<OcclusionFill>(found - kFills.begin());
  throw Error(ErrorCode::bad_input, fmt::format("there is no fill '{}'", text), "--fill", "mean, zero or grey");
}

std::string_view name_of(OcclusionFill fill) { return kFills[static_cast<std::size_t>(fill)]; }

PatchGrid centred_patches(std::int64_t patch, std::int64_t stride, std::int64_t height, std::int64_t width) {
  check(patch, stride, height, width);
  return {patch, starts_around_centres(patch, stride, height), starts_around_centres(patch, stride, width)};
}

PatchGrid covering_patches(std::int64_t patch, std::int64_t stride, std::int64_t height, std::int64_t width) {
  check(patch, stride, height, width);
  if (stride > patch)
    throw Error(ErrorCode::bad_input,
                fmt::format("a stride of {} leaves pixels out that no patch of {} hides", stride, patch), {},
                "take a stride of at most the patch");
  return {patch, starts_until_covered(patch, stride, height), starts_until_covered(patch, stride, width)};
}

}  // namespace limn
