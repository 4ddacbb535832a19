#pragma once
// Inputs read and preprocessed ahead of the network: one thread decodes while another computes.

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "inputs.h"
#include "limn/explain.h"
#include "limn/geometry.h"
#include "limn/image.h"
#include "limn/preprocess.h"
#include "stats.h"

namespace limn::cli {

/// One image ready for the network, or the reason why it is not.
struct Item {
  std::string name;                 ///< its path
  std::optional<std::int64_t> row;  ///< which image of a .npy file that holds several
  std::string stem;                 ///< begins the names of its files
  bool tensor = false;              ///< came from a .npy file
  Image picture;                    ///< for a tensor: the picture it was made from, as far as can be told
  Geometry geometry;
  std::vector<float> values;   ///< [C, H, W]
  std::optional<Error> error;  ///< then nothing else but the names is set
};

class InputReader {
 public:
  /// Keeps at most `ahead` items. `size` is the network's input. `stats`, which may be null, learns how long
  /// reading took.
  InputReader(std::vector<Source> sources, Preprocess preprocess, InputSize size, std::size_t ahead, Stats* stats);
  ~InputReader();

  /// Items in the order of the sources; nothing after the last. Errors of one input are in its item; others are
  /// thrown.
  std::optional<Item> next();
  /// How many items more than sources are known of by now (a .npy file may hold many).
  std::size_t surplus();

 private:
  void read_all(std::stop_token);
  bool read_source(const Source&, std::stop_token);
  bool read_tensors(const Source&, std::stop_token);
  Item read_picture(const Source&) const;
  bool push(Item, std::stop_token);

  const std::vector<Source> sources_;
  const Preprocess preprocess_;
  const InputSize size_;
  const std::size_t ahead_;
  Stats* const stats_;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Item> ready_;
  std::size_t surplus_ = 0;
  bool finished_ = false;
  std::exception_ptr failure_;
  std::jthread thread_;  // last: it uses all of the above
};

/// The 8-bit picture whose preprocessing gives these values [channels, height, width], as nearly as it can be
/// undone.
Image undo_preprocess(std::span<const float> values, const InputSize&, const Preprocess&);

}  // namespace limn::cli
