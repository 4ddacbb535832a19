#include "limn/names.h"

#include <algorithm>
#include <cctype>
#include <utility>

namespace limn {
namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::string lower(std::string_view s) {
  std::string r(s);
  std::ranges::transform(r, r.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return r;
}

}  // namespace

std::vector<std::string> close_names(std::string_view name, std::span<const std::string> candidates,
                                     std::size_t limit) {
  const std::string wanted = lower(name);
  std::vector<std::pair<std::size_t, std::string>> ranked;
  for (const std::string& candidate : candidates) {
    const std::string c = lower(candidate);
    // A name that contains the other is near whatever its length.
    const bool contains = !wanted.empty() && !c.empty() && (c.find(wanted) != std::string::npos);
    const std::size_t distance = contains ? 1 : edit_distance(wanted, c);
    if (distance <= std::max<std::size_t>(2, wanted.size() / 3)) ranked.emplace_back(distance, candidate);
  }
  std::ranges::stable_sort(ranked, {}, [](const auto& r) { return r.first; });
  std::vector<std::string> out;
  for (const auto& r : ranked)
    if (out.size() < limit && std::ranges::find(out, r.second) == out.end()) out.push_back(r.second);
  return out;
}

}  // namespace limn
