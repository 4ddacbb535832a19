#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace limn {

/// Transformed weights in a folder, for later processes: a file for each, named after what it was made of. Files
/// appear whole (see AtomicFile), so that any number of processes may share the folder; a damaged one is removed
/// and counts as none. Above kMostCached the files that were not used for longest go. Nothing throws: a folder that
/// cannot be read or written costs time alone.
class WeightCache {
 public:
  struct Entry {
    std::shared_ptr<std::byte> bytes;  ///< null where these weights did not suit
    std::size_t size = 0;
  };

  /// An empty path keeps nothing.
  explicit WeightCache(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// A file name for these weights in that form, with this oneDNN on this processor; empty where nothing is kept.
  std::string key(std::span<const float> weights, std::string_view form) const;
  std::optional<Entry> find(const std::string& key) const;
  /// No bytes tell that the weights do not suit.
  void keep(const std::string& key, std::span<const std::byte> bytes) const;

 private:
  std::filesystem::path folder_;
};

}  // namespace limn
