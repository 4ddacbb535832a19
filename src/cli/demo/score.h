#pragma once
// Does a heatmap point at the garment that was asked for, or at the other one?

#include <cstdint>
#include <optional>
#include <random>

#include "limn/geometry.h"
#include "rendering.h"

namespace limn::cli {

/// Area of the intersection over area of the union.
double iou(const Box&, const Box&);

struct Point {
  double x = 0, y = 0;
};

/// What a map says, in pixels of the picture.
struct Finding {
  std::optional<Point> peak;  ///< centre of the largest value; nothing for a constant map
  std::optional<Box> box;
};

Finding finding_of(const RenderedMap&, const Geometry&);

/// Whether a finding meets a garment: the peak lies in its box; the boxes overlap with IoU of at least 0.5.
struct Meeting {
  bool peak = false, box = false;
};
Meeting meets(const Finding&, const Box& garment);

/// How often findings met the asked garment and the other one.
struct Tally {
  std::size_t count = 0, peak_asked = 0, peak_other = 0, box_asked = 0, box_other = 0;
  void add(const Finding&, const Box& asked, const Box& other);
};

/// Control: the middle half of the picture, whatever it shows.
Finding centre_finding(int width, int height);
/// Control: a map of random numbers at the layer's size, treated as a CAM.
Finding random_finding(std::mt19937& random, int map_width, int map_height, const Geometry&);

}  // namespace limn::cli
