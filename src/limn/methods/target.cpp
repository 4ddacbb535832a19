#include "limn/target.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <numeric>

#include "limn/error.h"
#include "limn/names.h"

namespace limn {
namespace {

std::optional<std::size_t> number(std::string_view s) {
  std::size_t n = 0;
  const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), n);
  if (s.empty() || error != std::errc() || end != s.data() + s.size()) return std::nullopt;
  return n;
}

Error bad_target(std::string_view text) {
  return Error(ErrorCode::bad_input, "cannot read the target '" + std::string(text) + "'", {},
               "write a class index, a class name, argmax, top:K, prob:CLASS, or diff:A,B with two class indices");
}

std::string lower(std::string_view s) {
  std::string r(s);
  std::ranges::transform(r, r.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return r;
}

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && s.front() == ' ') s.remove_prefix(1);
  while (!s.empty() && s.back() == ' ') s.remove_suffix(1);
  return s;
}

bool is_wordnet_id(std::string_view s) {
  return s.size() == 9 && s[0] == 'n' &&
         std::ranges::all_of(s.substr(1), [](unsigned char c) { return std::isdigit(c); });
}

/// The label itself, its WordNet id, and each of its comma-separated synonyms, in lower case.
std::vector<std::string> names_of(const std::string& label) {
  const std::string all = lower(label);
  std::vector<std::string> names{all};
  std::string_view rest = all;
  if (const auto space = rest.find(' '); space != rest.npos && is_wordnet_id(rest.substr(0, space))) {
    names.emplace_back(rest.substr(0, space));
    rest.remove_prefix(space + 1);
    names.emplace_back(rest);
  }
  while (!rest.empty()) {
    const auto comma = rest.find(',');
    names.emplace_back(trimmed(rest.substr(0, comma)));
    rest = comma == rest.npos ? std::string_view() : rest.substr(comma + 1);
  }
  return names;
}

Error unknown_class(std::string_view name, std::span<const std::string> labels) {
  if (labels.empty())
    return Error(ErrorCode::not_found, "the class '" + std::string(name) + "' cannot be looked up without labels",
                 {}, "give the class index, or a file of names with --labels");
  std::vector<std::string> synonyms;
  for (const std::string& label : labels)
    for (std::string& n : names_of(label)) synonyms.push_back(std::move(n));
  const auto close = close_names(name, synonyms);
  return Error(ErrorCode::not_found, "there is no class named '" + std::string(name) + "'", {},
               close.empty() ? "limn predict shows the class names of a picture"
                             : fmt::format("did you mean '{}'?", fmt::join(close, "', '")));
}

std::size_t class_by_name(std::string_view name, std::span<const std::string> labels) {
  const std::string wanted = lower(trimmed(name));
  std::vector<std::size_t> hits;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto names = names_of(labels[i]);
    if (std::ranges::find(names, wanted) != names.end()) hits.push_back(i);
  }
  if (hits.empty()) throw unknown_class(name, labels);
  if (hits.size() > 1)
    throw Error(ErrorCode::bad_input, fmt::format("the class name '{}' is ambiguous", name),
                fmt::format("it names the classes {}", fmt::join(hits, ", ")), "give the class index");
  return hits.front();
}

std::size_t checked(std::size_t index, std::size_t classes) {
  if (index < classes) return index;
  throw Error(ErrorCode::bad_input,
              fmt::format("the class index {} is out of range: the network has {} classes", index, classes), {},
              fmt::format("give an index from 0 to {}", classes - 1));
}

}  // namespace

TargetSpec parse_target(std::string_view text) {
  using Kind = TargetSpec::Kind;
  const std::string_view t = trimmed(text);
  const auto rest_after = [&](std::string_view prefix) {
    return t.starts_with(prefix) ? std::optional(t.substr(prefix.size())) : std::nullopt;
  };
  if (t.empty()) throw bad_target(text);
  if (t == "argmax") return {Kind::argmax, {}, 0, 0};
  if (const auto n = number(t)) return {Kind::index, {}, *n, 0};
  if (const auto k = rest_after("top:")) {
    const auto n = number(*k);
    if (!n || *n == 0) throw bad_target(text);
    return {Kind::top, {}, *n, 0};
  }
  if (const auto inner = rest_after("prob:")) {
    if (inner->empty()) throw bad_target(text);
    return {Kind::probability, std::string(*inner), 0, 0};
  }
  if (const auto pair = rest_after("diff:")) {
    const auto comma = pair->find(',');
    const auto a = number(trimmed(pair->substr(0, comma)));
    const auto b = comma == pair->npos ? std::nullopt : number(trimmed(pair->substr(comma + 1)));
    if (!a || !b || *a == *b) throw bad_target(text);
    return {Kind::difference, {}, *a, *b};
  }
  return {Kind::name, std::string(t), 0, 0};
}

std::vector<Target> resolve_target(const TargetSpec& spec, std::span<const float> logits,
                                   std::span<const std::string> labels) {
  using Kind = TargetSpec::Kind;
  const std::size_t classes = logits.size();
  const auto by_text = [&](const std::string& text) {
    const auto n = number(text);
    return checked(n ? *n : class_by_name(text, labels), classes);
  };
  switch (spec.kind) {
    case Kind::index: return {{Target::Kind::logit, checked(spec.number, classes), 0}};
    case Kind::name: return {{Target::Kind::logit, by_text(spec.text), 0}};
    case Kind::probability: {
      if (spec.text == "argmax") return {{Target::Kind::probability, top_classes(logits, 1).front(), 0}};
      return {{Target::Kind::probability, by_text(spec.text), 0}};
    }
    case Kind::difference:
      return {{Target::Kind::difference, checked(spec.number, classes), checked(spec.second, classes)}};
    case Kind::argmax: return {{Target::Kind::logit, top_classes(logits, 1).front(), 0}};
    case Kind::top: {
      if (spec.number > classes)
        throw Error(ErrorCode::bad_input,
                    fmt::format("top:{} asks for more classes than the {} of the network", spec.number, classes));
      std::vector<Target> targets;
      for (std::size_t c : top_classes(logits, spec.number)) targets.push_back({Target::Kind::logit, c, 0});
      return targets;
    }
  }
  return {};
}

std::vector<double> probabilities(std::span<const float> logits, Probability how) {
  std::vector<double> p(logits.begin(), logits.end());
  if (how == Probability::sigmoid) {
    for (double& v : p) v = 1 / (1 + std::exp(-v));
    return p;
  }
  const double top = *std::ranges::max_element(p);
  double sum = 0;
  for (double& v : p) sum += v = std::exp(v - top);
  for (double& v : p) v /= sum;
  return p;
}

std::vector<std::size_t> top_classes(std::span<const float> logits, std::size_t k) {
  std::vector<std::size_t> order(logits.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  k = std::min(k, order.size());
  std::ranges::partial_sort(
      order, order.begin() + static_cast<std::ptrdiff_t>(k),
      [&](std::size_t a, std::size_t b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; });
  order.resize(k);
  return order;
}

void write_cotangent(const Target& target, std::span<const float> logits, std::span<float> cotangent,
                     Probability how) {
  std::ranges::fill(cotangent, 0.0F);
  if (target.kind == Target::Kind::probability && how == Probability::sigmoid) {  // p (1 - p) = p(y) p(-y)
    const double y = logits[target.class_index];
    cotangent[target.class_index] = static_cast<float>(1 / ((1 + std::exp(-y)) * (1 + std::exp(y))));
    return;
  }
  if (target.kind == Target::Kind::probability) {  // d p_c / d y_j = p_c ([j = c] - p_j)
    const auto p = probabilities(logits);
    const double pc = p[target.class_index];
    // The entry of the class itself as p_c times the sum of the others: 1 - p_c cancels near certainty.
    double others = 0;
    for (std::size_t j = 0; j < p.size(); ++j) {
      if (j == target.class_index) continue;
      cotangent[j] = static_cast<float>(-pc * p[j]);
      others += p[j];
    }
    cotangent[target.class_index] = static_cast<float>(pc * others);
    return;
  }
  cotangent[target.class_index] = 1.0F;
  if (target.kind == Target::Kind::difference) cotangent[target.against] = -1.0F;
}

double score_of(const Target& target, std::span<const float> logits, Probability how) {
  switch (target.kind) {
    case Target::Kind::logit: return logits[target.class_index];
    case Target::Kind::probability: return probabilities(logits, how)[target.class_index];
    case Target::Kind::difference:
      return static_cast<double>(logits[target.class_index]) - static_cast<double>(logits[target.against]);
  }
  return 0;
}

std::string to_string(const Target& target) {
  switch (target.kind) {
    case Target::Kind::logit: return std::to_string(target.class_index);
    case Target::Kind::probability: return fmt::format("prob:{}", target.class_index);
    case Target::Kind::difference: return fmt::format("diff:{},{}", target.class_index, target.against);
  }
  return {};
}

}  // namespace limn
