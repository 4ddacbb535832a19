#include "limn/runtime/window_places.h"

#include <numeric>

namespace limn {

Places elements_of_windows(const WindowAxis& a, std::int64_t apart) {
  Places places{{}, a.dilation, apart, a.in, 1};
  for (std::int64_t o = 0; o < a.out; ++o) {
    const auto [first, last] = a.inside(o);
    places.of.push_back({a.at(o, first), first * apart, last - first});
  }
  return places;
}

Places windows_of_elements(const WindowAxis& a, std::int64_t apart) {
  const std::int64_t common = std::gcd(a.stride, a.dilation);
  Places places{std::vector<Place>(static_cast<std::size_t>(a.in)), a.dilation / common, -a.stride / common * apart,
                a.out, a.stride};
  for (std::int64_t o = 0; o < a.out; ++o) {
    const auto [first, last] = a.inside(o);
    for (std::int64_t k = first; k < last; ++k) {
      Place& p = places.of[static_cast<std::size_t>(a.at(o, k))];
      if (p.count++ > 0) continue;
      p.first = o;
      p.tap = k * apart;
    }
  }
  return places;
}

std::vector<PlaceRun> runs_of(const Places& places) {
  std::vector<PlaceRun> runs;
  const auto goes_on = [](const PlaceRun& run, const Place& p) {
    if (run.place.tap != p.tap || run.place.count != p.count) return false;
    return run.results == 1 || run.place.first + run.results * run.first_step == p.first;
  };
  const auto size = static_cast<std::int64_t>(places.of.size());
  for (std::int64_t phase = 0; phase < places.phases; ++phase)
    for (std::int64_t i = phase; i < size; i += places.phases) {
      const Place& p = places.of[static_cast<std::size_t>(i)];
      if (i > phase && goes_on(runs.back(), p)) {
        PlaceRun& run = runs.back();
        if (run.results++ == 1) run.first_step = p.first - run.place.first;
      } else {
        runs.push_back({i, places.phases, 1, p, 0});
      }
    }
  return runs;
}

}  // namespace limn
