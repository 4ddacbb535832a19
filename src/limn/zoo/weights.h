#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "limn/checkpoint.h"
#include "limn/error.h"

namespace limn {

/// The tensors of a checkpoint on their way into a network. What does not fit is collected, so that one error names
/// it all.
class Weights {
 public:
  explicit Weights(std::map<std::string, Tensor, std::less<>> tensors) : tensors_(std::move(tensors)) {}

  /// The tensor, to be used once. When it is missing or of other sizes this is noted, and a tensor of the right
  /// sizes, but with any content, stands in for it.
  Tensor take(const std::string& name, Dims dims);
  /// Its first size, a number of classes; nothing is taken. `otherwise` when there is no such tensor, or
  /// no network has that many.
  std::int64_t rows(const std::string& name, std::int64_t otherwise) const;

  /// Throws Error{bad_input} that lists what take() noted and what nobody took, unless it may be left.
  /// Answers the names that were left.
  std::vector<std::string> finish(std::string_view architecture,
                                  const std::vector<std::string_view>& may_be_left) const;

 private:
  std::map<std::string, Tensor, std::less<>> tensors_;
  std::set<std::string, std::less<>> taken_;
  std::vector<std::string> missing_, misfits_;
};

}  // namespace limn
