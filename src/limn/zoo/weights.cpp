#include "limn/zoo/weights.h"

#include <fmt/format.h>

#include <algorithm>

namespace limn {
namespace {

/// Counts batches while a network is trained.
constexpr std::string_view kCounter = ".num_batches_tracked";

/// "3 are missing: a, b, c", at most the first few.
void add_list(std::string& text, const std::vector<std::string>& names, std::string_view heading) {
  constexpr std::size_t kShown = 4;
  if (names.empty()) return;
  text += fmt::format("{}{} {}: ", text.empty() ? "" : "; ", names.size(), heading);
  for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i)
    text += fmt::format("{}{}", i ? ", " : "", names[i]);
  if (names.size() > kShown) text += ", ...";
}

/// A name from a file, fit for one line.
std::string shown(std::string_view name) {
  constexpr std::size_t kLongest = 120;
  std::string line(name.substr(0, kLongest));
  std::ranges::replace_if(
      line, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 127; }, '?');
  return line;
}

bool begins_with_any(std::string_view name, const std::vector<std::string_view>& prefixes) {
  return std::ranges::any_of(prefixes, [&](std::string_view prefix) { return name.starts_with(prefix); });
}

}  // namespace

Tensor Weights::take(const std::string& name, Dims dims) {
  taken_.insert(name);
  const auto it = tensors_.find(name);
  if (it == tensors_.end()) {
    missing_.push_back(fmt::format("{} {}", name, to_string(dims)));
  } else if (it->second.dims() != dims || it->second.dtype() != DType::f32) {
    misfits_.push_back(fmt::format("{} is {} {}, not {}", name, name_of(it->second.dtype()),
                                   to_string(it->second.dims()), to_string(dims)));
  } else {
    return it->second;
  }
  return Tensor(DType::f32, std::move(dims));
}

std::int64_t Weights::rows(const std::string& name, std::int64_t otherwise) const {
  constexpr std::int64_t kMost = 1 << 20;
  const auto it = tensors_.find(name);
  if (it == tensors_.end() || it->second.dims().empty()) return otherwise;
  const std::int64_t rows = it->second.dims()[0];
  return rows > 0 && rows <= kMost ? rows : otherwise;
}

std::vector<std::string> Weights::finish(std::string_view architecture,
                                         const std::vector<std::string_view>& may_be_left) const {
  std::vector<std::string> unknown, left;
  for (const auto& [name, tensor] : tensors_) {
    if (taken_.contains(name)) continue;
    const bool ignored = name.ends_with(kCounter) || begins_with_any(name, may_be_left);
    (ignored ? left : unknown).push_back(shown(name));
  }
  std::string what;
  add_list(what, missing_, missing_.size() == 1 ? "weight is missing" : "weights are missing");
  add_list(what, misfits_, misfits_.size() == 1 ? "weight has another size" : "weights have other sizes");
  add_list(what, unknown, unknown.size() == 1 ? "weight is not known" : "weights are not known");
  if (what.empty()) return left;
  throw Error(ErrorCode::bad_input, fmt::format("the weights are not those of {}", architecture), what,
              "name the architecture that was trained; limn convert --list shows all");
}

}  // namespace limn
