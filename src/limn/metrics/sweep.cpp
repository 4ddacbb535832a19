// Boxes at every threshold: pixels are added from the hottest down, a union-find keeps the regions, and a threshold
// looks at the regions that grew alone. What is kept are their boxes, each with the thresholds at which it is one.

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "limn/metrics.h"

namespace limn {
namespace {

constexpr std::size_t kSteps = 100;

/// Places are those of pixels in the map with a frame around it, so that every pixel has eight neighbours.
struct Frame {
  explicit Frame(const Heatmap& map)
      : row(map.width + 2), size(static_cast<std::size_t>(row) * static_cast<std::size_t>(map.height + 2)) {}
  int place(int x, int y) const { return (y + 1) * row + x + 1; }
  int x(int place) const { return place % row - 1; }
  int y(int place) const { return place / row - 1; }

  int row;
  std::size_t size;
};

/// How many of the thresholds are below a value.
class Below {
 public:
  /// The thresholds rise from 0 to 99 % of the maximum.
  explicit Below(std::span<const double, kSteps> thresholds) : per_value_((kSteps - 1) / thresholds.back()) {
    constexpr double kEndless = std::numeric_limits<double>::infinity();
    bounds_.front() = -kEndless;
    std::ranges::copy(thresholds, bounds_.begin() + 1);
    bounds_.back() = kEndless;
  }
  /// As computed, but for one where rounding has moved it.
  std::size_t operator()(double value) const {
    auto n = static_cast<std::size_t>(std::clamp(value * per_value_ + 1, 0.0, static_cast<double>(kSteps)));
    n += bounds_[n + 1] < value ? 1U : 0U;
    n -= bounds_[n] < value ? 0U : 1U;
    return n;
  }

 private:
  double per_value_;
  std::array<double, kSteps + 2> bounds_{};  ///< [n]: the last below what has n below it
};

/// Places by the highest threshold that their pixels are above, row by row within each.
class Steps {
 public:
  Steps(const Heatmap& map, const Frame& frame, std::span<const double, kSteps> thresholds)
      : places_(std::make_unique_for_overwrite<int[]>(map.values.size())) {
    const Below below(thresholds);
    const auto above = std::make_unique_for_overwrite<std::uint8_t[]>(map.values.size());  // how many thresholds
    std::array<std::size_t, kSteps + 1> counts{};
    for (std::size_t i = 0; i < map.values.size(); ++i) {
      const std::size_t n = below(map.values[i]);
      above[i] = static_cast<std::uint8_t>(n);
      ++counts[n];
    }
    for (std::size_t n = kSteps; n > 0; --n) firsts_[n - 1] = firsts_[n] + counts[n];
    auto next = firsts_;
    std::size_t i = 0;
    for (int y = 0; y < map.height; ++y)
      for (int x = 0; x < map.width; ++x) places_[next[above[i++]]++] = frame.place(x, y);
  }

  /// Above this threshold, and not above the next.
  std::span<const int> of(std::size_t threshold) const {
    const std::size_t first = firsts_[threshold + 1];
    return {places_.get() + first, firsts_[threshold] - first};
  }

 private:
  std::unique_ptr<int[]> places_;
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

/// The regions above a threshold that falls.
class Regions {
 public:
  Regions(const Heatmap& map, const Frame& frame, std::vector<BoxSweep::Entry>& boxes)
      : map_(map),
        frame_(frame),
        boxes_(boxes),
        there_(frame.size),
        parent_(std::make_unique_for_overwrite<int[]>(frame.size)),
        at_root_(std::make_unique_for_overwrite<Growing[]>(frame.size)),
        offsets_{-frame.row - 1, -frame.row, -frame.row + 1, -1, 1, frame.row - 1, frame.row, frame.row + 1} {}

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

  struct Added {
    int root;           ///< of their region
    std::size_t count;  ///< at least one
  };
  /// Adds the first of the pixels, and those next in its row that touch nothing else than its region.
  Added add(std::span<const int> places, int threshold) {
    const int at = places.front(), x = frame_.x(at), y = frame_.y(at);
    const int root = add(at, x, y, threshold);
    return {root, 1 + extend(root, x, y, places)};
  }

 private:
  int add(int at, int x, int y, int threshold) {
    const Touching& found = kTouching[neighbours(at)];
    there_[static_cast<std::size_t>(at)] = 1;
    if (found.count == 0) return begun(at, x, y, threshold);
    int root = joined(at, x, y, threshold, root_of(at + offsets_[found.which[0]]));
    for (std::size_t i = 1; i < found.count; ++i)
      root = united(root, root_of(at + offsets_[found.which[i]]), threshold);
    return root;
  }

  /// As add(), where the neighbour in the west is all that has to be asked for its region: most pixels of a smooth
  /// map. Returns how many.
  std::size_t extend(int root, int x, int y, std::span<const int> places) {
    Growing& into = (*this)[root];
    if (into.pixels == 1) return 0;  // joined() would take the pixel for the root
    const float* values =
        map_.values.data() + static_cast<std::size_t>(y) * static_cast<std::size_t>(map_.width) + x;
    std::uint8_t* here = there_.data() + places.front();
    const std::uint8_t *above = here - frame_.row, *below = here + frame_.row;
    int north = above[1], south = below[1];
    std::size_t i = 1;
    for (; i < places.size() && places[i] == places.front() + static_cast<int>(i); ++i) {
      const int north_east = above[i + 1], east = here[i + 1], south_east = below[i + 1];
      const bool others = ((north_east & ~north) | (east & ~north & ~south) | (south_east & ~south)) != 0;
      if (others) break;
      here[i] = 1;
      parent(places[i]) = root;
      into.heat += values[i];
      north = north_east;
      south = south_east;
    }
    const auto more = static_cast<int>(i) - 1;
    into.x1 = std::max(into.x1, x + 1 + more);
    into.pixels += more;
    return i - 1;
  }

  /// A bit for each that is there.
  unsigned neighbours(int at) const {
    const std::uint8_t* here = there_.data() + at;
    const std::uint8_t *above = here - frame_.row, *below = here + frame_.row;
    return above[-1] | above[0] << 1U | above[1] << 2U | here[-1] << 3U | here[1] << 4U | below[-1] << 5U |
           below[0] << 6U | below[1] << 7U;
  }

  int& parent(int at) { return parent_[static_cast<std::size_t>(at)]; }
  int parent(int at) const { return parent_[static_cast<std::size_t>(at)]; }

  int begun(int at, int x, int y, int threshold) {
    parent(at) = at;
    (*this)[at] = {x, y, x + 1, y + 1, 1, threshold, kNone, map_.at(x, y)};
    return at;
  }

  /// The larger of two regions keeps its root; of equal ones the first, here the pixel.
  int joined(int at, int x, int y, int threshold, int root) {
    Growing& into = (*this)[root];
    if (into.pixels == 1) return united(begun(at, x, y, threshold), root, threshold);
    parent(at) = root;
    into.x0 = std::min(into.x0, x);
    into.y0 = std::min(into.y0, y);
    into.x1 = std::max(into.x1, x + 1);
    into.y1 = std::max(into.y1, y + 1);
    ++into.pixels;
    into.heat += map_.at(x, y);
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
  const Frame& frame_;
  std::vector<BoxSweep::Entry>& boxes_;
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
  const Frame frame(map);
  const Steps steps(map, frame, thresholds);
  Regions regions(map, frame, sweep.boxes);
  std::vector<int> grown;  // roots, as they were when pixels were added
  int largest = kNone;
  for (int threshold = kSteps - 1; threshold >= 0; --threshold) {
    const auto i = static_cast<std::size_t>(threshold);
    grown.clear();
    for (auto places = steps.of(i); !places.empty();) {
      const auto added = regions.add(places, threshold);
      if (grown.empty() || grown.back() != added.root) grown.push_back(added.root);
      places = places.subspan(added.count);
    }
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
