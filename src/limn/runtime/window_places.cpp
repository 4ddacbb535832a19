#include "limn/runtime/window_places.h"

#include <numeric>

namespace limn {

std::vector<Place> elements_of_windows(const WindowAxis& a, std::int64_t apart) {
  std::vector<Place> places;
  for (std::int64_t o = 0; o < a.out; ++o) {
    const auto [first, last] = a.inside(o);
    places.push_back({a.at(o, first), first * apart, last - first});
  }
  return places;
}

std::vector<Place> windows_of_elements(const WindowAxis& a, std::int64_t apart) {
  std::vector<Place> places(static_cast<std::size_t>(a.in));
  for (std::int64_t o = 0; o < a.out; ++o) {
    const auto [first, last] = a.inside(o);
    for (std::int64_t k = first; k < last; ++k) {
      Place& p = places[static_cast<std::size_t>(a.at(o, k))];
      if (p.count++ > 0) continue;
      p.first = o;
      p.tap = k * apart;
    }
  }
  return places;
}

PlaceStep step_of_elements(const WindowAxis& a) { return {a.dilation, 1}; }

PlaceStep step_of_windows(const WindowAxis& a) {
  const std::int64_t common = std::gcd(a.stride, a.dilation);
  return {a.dilation / common, -a.stride / common};
}

std::vector<PlaceRun> runs_of(const std::vector<Place>& places, std::int64_t phases) {
  std::vector<PlaceRun> runs;
  const auto goes_on = [](const PlaceRun& run, const Place& p) {
    if (run.place.tap != p.tap || run.place.count != p.count) return false;
    return run.results == 1 || run.place.first + run.results * run.first_step == p.first;
  };
  const auto size = static_cast<std::int64_t>(places.size());
  for (std::int64_t phase = 0; phase < phases; ++phase)
    for (std::int64_t i = phase; i < size; i += phases) {
      const Place& p = places[static_cast<std::size_t>(i)];
      if (i > phase && goes_on(runs.back(), p)) {
        PlaceRun& run = runs.back();
        if (run.results++ == 1) run.first_step = p.first - run.place.first;
      } else {
        runs.push_back({i, phases, 1, p, 0});
      }
    }
  return runs;
}

}  // namespace limn
