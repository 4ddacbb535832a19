// Boxes at every threshold: pixels are added from the hottest down, a union-find keeps the regions, and a threshold
// looks at the regions that grew alone. What is kept are their boxes, each with the thresholds at which it is one.

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "limn/metrics.h"

namespace limn {
namespace {

constexpr std::size_t kSteps = 100;

struct Pixel {
  int x, y;
};

/// Pixels by the highest threshold that they are above, row by row within each.
class Steps {
 public:
  /// The thresholds rise from 0 to 99 % of the maximum.
  Steps(const Heatmap& map, std::span<const double, kSteps> thresholds) : pixels_(map.values.size()) {
    const double per_value = (kSteps - 1) / thresholds.back();
    std::vector<std::uint8_t> above(map.values.size());  // how many thresholds
    std::array<std::size_t, kSteps + 1> counts{};
    for (std::size_t i = 0; i < above.size(); ++i) {
      const double value = map.values[i];
      auto n = static_cast<std::size_t>(std::clamp(value * per_value + 1, 0.0, static_cast<double>(kSteps)));
      while (n < kSteps && thresholds[n] < value) ++n;
      while (n > 0 && thresholds[n - 1] >= value) --n;
      above[i] = static_cast<std::uint8_t>(n);
      ++counts[n];
    }
    for (std::size_t n = kSteps; n > 0; --n) firsts_[n - 1] = firsts_[n] + counts[n];
    auto next = firsts_;
    std::size_t i = 0;
    for (int y = 0; y < map.height; ++y)
      for (int x = 0; x < map.width; ++x) pixels_[next[above[i++]]++] = {x, y};
  }

  /// Above this threshold, and not above the next.
  std::span<const Pixel> of(std::size_t threshold) const {
    const std::size_t first = firsts_[threshold + 1];
    return std::span(pixels_).subspan(first, firsts_[threshold] - first);
  }

 private:
  std::vector<Pixel> pixels_;
  std::array<std::size_t, kSteps + 1>
      firsts_{};  ///< [n]: of the pixels above n thresholds; those above more precede
};

/// A region, at the place of its root.
struct Growing {
  int x0, y0, x1, y1;  ///< half-open
  int pixels;
  int added;  ///< at which threshold the root was
  int entry;  ///< of its box among those found; kNone while it is new
  double heat;
};

constexpr int kNone = -1;

Region region_of(const Growing& g) {
  const auto edge = [](int v) { return static_cast<double>(v); };
  return {{edge(g.x0), edge(g.y0), edge(g.x1), edge(g.y1)}, g.pixels, g.heat};
}

/// The neighbours of a pixel, row by row.
enum Neighbour : std::uint8_t { north_west, north, north_east, west, east, south_west, south, south_east };
constexpr std::size_t kNeighbours = 8;

/// Of the neighbours that are there, one of each row of touching ones: the others are of its region already.
struct Touching {
  std::uint8_t count = 0;
  std::array<std::uint8_t, 4> which{};
};

constexpr Touching touching(unsigned there) {
  Touching found;
  const auto has = [&](Neighbour n) { return (there >> n & 1U) != 0; };
  const auto take = [&](Neighbour n) { found.which[found.count++] = n; };
  if (has(north)) {
    take(north);
  } else {
    if (has(north_west)) take(north_west);
    if (has(north_east)) take(north_east);
    if (has(west) && !has(north_west)) take(west);
    if (has(east) && !has(north_east)) take(east);
  }
  if (has(south)) {
    if (!has(west) && !has(east)) take(south);
  } else {
    if (!has(west) && has(south_west)) take(south_west);
    if (!has(east) && has(south_east)) take(south_east);
  }
  return found;
}

/// By the neighbours that are there, a bit each: looked up, as no branch on them can be foreseen.
constexpr auto kTouching = [] {
  std::array<Touching, std::size_t{1} << kNeighbours> all;
  for (unsigned there = 0; there < all.size(); ++there) all[there] = touching(there);
  return all;
}();

/// The regions above a threshold that falls. Places are those of pixels in a map with a frame, so that every pixel
/// has eight neighbours.
class Regions {
 public:
  Regions(const Heatmap& map, std::vector<BoxSweep::Entry>& boxes)
      : map_(map),
        boxes_(boxes),
        row_(map.width + 2),
        there_(static_cast<std::size_t>(row_) * static_cast<std::size_t>(map.height + 2)),
        parent_(std::make_unique_for_overwrite<int[]>(there_.size())),
        at_root_(std::make_unique_for_overwrite<Growing[]>(there_.size())),
        offsets_{-row_ - 1, -row_, -row_ + 1, -1, 1, row_ - 1, row_, row_ + 1} {}

  int place(const Pixel& p) const { return (p.y + 1) * row_ + p.x + 1; }
  Growing& operator[](int root) { return at_root_[static_cast<std::size_t>(root)]; }
  bool is_root(int at) const { return parent(at) == at; }
  int root_of(int at) {
    while (parent(at) != at) at = parent(at) = parent(parent(at));
    return at;
  }

  /// The box that the region has from this threshold down, unless it is the one from before.
  void record(int root, int threshold) {
    Growing& g = (*this)[root];
    const Box box = region_of(g).box;
    if (g.entry != kNone && boxes_[static_cast<std::size_t>(g.entry)].box == box) return;
    end(g, threshold);
    g.entry = static_cast<int>(boxes_.size());
    boxes_.push_back({box, 0, threshold + 1});
  }

  /// Returns the root of its region.
  int add(const Pixel& p, int threshold) {
    const int at = place(p);
    const Touching& found = kTouching[neighbours(at)];
    there_[static_cast<std::size_t>(at)] = 1;
    if (found.count == 0) return begun(p, threshold);
    int root = joined(p, threshold, root_of(at + offsets_[found.which[0]]));
    for (std::size_t i = 1; i < found.count; ++i)
      root = united(root, root_of(at + offsets_[found.which[i]]), threshold);
    return root;
  }

 private:
  /// A bit for each that is there.
  unsigned neighbours(int at) const {
    const std::uint8_t* here = there_.data() + at;
    const std::uint8_t *above = here - row_, *below = here + row_;
    return above[-1] | above[0] << 1U | above[1] << 2U | here[-1] << 3U | here[1] << 4U | below[-1] << 5U |
           below[0] << 6U | below[1] << 7U;
  }

  int& parent(int at) { return parent_[static_cast<std::size_t>(at)]; }
  int parent(int at) const { return parent_[static_cast<std::size_t>(at)]; }

  int begun(const Pixel& p, int threshold) {
    const int at = place(p);
    parent(at) = at;
    (*this)[at] = {p.x, p.y, p.x + 1, p.y + 1, 1, threshold, kNone, map_.at(p.x, p.y)};
    return at;
  }

  /// The larger of two regions keeps its root; of equal ones the first, here the pixel.
  int joined(const Pixel& p, int threshold, int root) {
    Growing& into = (*this)[root];
    if (into.pixels == 1) return united(begun(p, threshold), root, threshold);
    parent(place(p)) = root;
    into.x0 = std::min(into.x0, p.x);
    into.y0 = std::min(into.y0, p.y);
    into.x1 = std::max(into.x1, p.x + 1);
    into.y1 = std::max(into.y1, p.y + 1);
    ++into.pixels;
    into.heat += map_.at(p.x, p.y);
    return root;
  }

  int united(int root, int other, int threshold) {
    if (root == other) return root;
    if ((*this)[root].pixels < (*this)[other].pixels) std::swap(root, other);
    parent(other) = root;
    Growing& into = (*this)[root];
    const Growing& from = (*this)[other];
    into.x0 = std::min(into.x0, from.x0);
    into.y0 = std::min(into.y0, from.y0);
    into.x1 = std::max(into.x1, from.x1);
    into.y1 = std::max(into.y1, from.y1);
    into.pixels += from.pixels;
    into.heat += from.heat;
    end(from, threshold);
    return root;
  }

  /// The region's box is no more at this threshold.
  void end(const Growing& g, int threshold) {
    if (g.entry != kNone) boxes_[static_cast<std::size_t>(g.entry)].from = threshold + 1;
  }

  const Heatmap& map_;
  std::vector<BoxSweep::Entry>& boxes_;
  int row_;
  std::vector<std::uint8_t> there_;
  std::unique_ptr<int[]> parent_;
  std::unique_ptr<Growing[]> at_root_;
  std::array<int, kNeighbours> offsets_;
};

/// is_larger(); of two alike the one whose root was there first.
bool leads(Regions& regions, int root, int other) {
  const Growing &a = regions[root], &b = regions[other];
  if (a.pixels != b.pixels) return a.pixels > b.pixels;
  const Region mine = region_of(a), its = region_of(b);
  if (is_larger(mine, its)) return true;
  return !is_larger(its, mine) && (a.added != b.added ? a.added > b.added : root < other);
}

}  // namespace

std::span<const double> sweep_fractions() {
  static const auto kFractions = [] {
    std::array<double, kSteps> fractions;
    for (std::size_t i = 0; i < kSteps; ++i) fractions[i] = static_cast<double>(i) / kSteps;
    return fractions;
  }();
  return kFractions;
}

BoxSweep box_sweep(const Heatmap& map) {
  BoxSweep sweep{{}, std::vector<int>(kSteps, kNone)};
  check_finite(map.values, "the heatmap");
  const float maximum = peak(map).value;
  if (maximum <= 0) return sweep;
  std::array<double, kSteps> thresholds;
  for (std::size_t i = 0; i < kSteps; ++i) thresholds[i] = sweep_fractions()[i] * maximum;
  const Steps steps(map, thresholds);
  Regions regions(map, sweep.boxes);
  std::vector<int> grown;  // roots, as they were when pixels were added
  int largest = kNone;
  for (int threshold = kSteps - 1; threshold >= 0; --threshold) {
    const auto i = static_cast<std::size_t>(threshold);
    grown.clear();
    for (const Pixel& p : steps.of(i))
      if (const int root = regions.add(p, threshold); grown.empty() || grown.back() != root) grown.push_back(root);
    bool still_largest = largest != kNone && regions.is_root(largest);
    for (const int once : grown) {
      const int root = regions.root_of(once);
      regions.record(root, threshold);
      if (!still_largest || leads(regions, root, largest)) largest = root;
      still_largest = true;
    }
    if (largest != kNone) sweep.largest[i] = regions[largest].entry;
  }
  return sweep;
}

BoxCurve box_curve(const BoxSweep& sweep, std::span<const Box> truths) {
  BoxCurve curve{std::vector<double>(kSteps), std::vector<double>(kSteps)};
  std::vector<double> overlaps;
  overlaps.reserve(sweep.boxes.size());
  for (const BoxSweep::Entry& entry : sweep.boxes) {
    const double overlap = overlaps.emplace_back(best_iou(entry.box, truths));
    if (overlap <= 0) continue;
    for (auto i = static_cast<std::size_t>(entry.from); i < static_cast<std::size_t>(entry.to); ++i)
      curve.any[i] = std::max(curve.any[i], overlap);
  }
  for (std::size_t i = 0; i < kSteps; ++i)
    if (sweep.largest[i] != kNone) curve.largest[i] = overlaps[static_cast<std::size_t>(sweep.largest[i])];
  return curve;
}

BoxCurve box_curve(const Heatmap& map, std::span<const Box> truths) { return box_curve(box_sweep(map), truths); }

}  // namespace limn
