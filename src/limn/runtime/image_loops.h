#pragma once
// Which layers run image by image. All images layer by layer is how a batch is usually computed; but where one
// layer of all images is larger than the cache, every layer fetches from memory what the one before it wrote there.
// Image by image it finds that in the cache, and threads that have an image each need not wait for each other at
// every layer. Where weights are the larger part, they had better be read once for all images.

#include <cstdint>
#include <optional>
#include <vector>

#include "limn/runtime/fusion.h"

namespace limn {

class Lowering;

struct ImageLoops {
  struct Loop {
    std::int64_t images;
    std::int64_t streams;  ///< as in ImageLoop
  };
  std::vector<Loop> loops;
  std::vector<std::optional<std::size_t>> of_group;  ///< the loop, by group; those of a loop are neighbours
  std::vector<char> stays;  ///< by value: whether it, and whatever shares its memory, is read in its loop alone

  bool is_empty() const { return loops.empty(); }
};

/// `wanted` as in CompileOptions::by_image; `threads` are those of a run.
ImageLoops find_image_loops(const Lowering& lowering, const std::vector<Group>& groups, std::int64_t threads,
                            std::optional<bool> wanted);

}  // namespace limn
