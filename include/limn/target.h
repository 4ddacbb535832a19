#pragma once
// What is explained: a class score, a probability, or the difference of two classes.

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "limn/export.h"

namespace limn {

/// How logits become probabilities: softmax where classes exclude each other, sigmoid where each is there or not
/// (multi-label networks).
enum class Probability { softmax, sigmoid };

/// A scalar of the logits y of one image. Methods need only its cotangent, d target / d y.
struct Target {
  enum class Kind {
    logit,        ///< y_c
    probability,  ///< softmax(y)_c or sigmoid(y_c); its gradient vanishes near 1 (methods then see nothing)
    difference,   ///< y_c - y_d
  };
  Kind kind = Kind::logit;
  std::size_t class_index = 0;  ///< c
  std::size_t against = 0;      ///< d, for difference
  friend bool operator==(const Target&, const Target&) = default;
};

/// As the user wrote it: `N`, a class name, `top:K`, `argmax`, `prob:T` (T an index or a name), `diff:A,B`
/// (indices).
struct TargetSpec {
  enum class Kind { index, name, top, argmax, probability, difference };
  Kind kind = Kind::argmax;
  std::string text;        ///< the name, for name and probability
  std::size_t number = 0;  ///< index, K, or A
  std::size_t second = 0;  ///< B
};

/// Throws Error{bad_input} that shows the grammar.
LIMN_API TargetSpec parse_target(std::string_view text);

/// The targets that a specification means for an image with these logits [classes]. Throws Error{bad_input} for an
/// index out of range, Error{not_found} for an unknown name (with close ones) or an ambiguous one (with its
/// indices). A name matches a whole label, one of its comma-separated synonyms, or its first word when that is a
/// WordNet id such as n01440764, whatever the case.
LIMN_API std::vector<Target> resolve_target(const TargetSpec& spec, std::span<const float> logits,
                                            std::span<const std::string> labels);

/// d target / d logits, [classes].
LIMN_API void write_cotangent(const Target& target, std::span<const float> logits, std::span<float> cotangent,
                              Probability how = Probability::softmax);
/// The value of the target.
LIMN_API double score_of(const Target& target, std::span<const float> logits,
                         Probability how = Probability::softmax);
/// "7", "prob:7", "diff:7,3"
LIMN_API std::string to_string(const Target& target);

/// Softmax or sigmoid of one row of logits, in double.
LIMN_API std::vector<double> probabilities(std::span<const float> logits, Probability how = Probability::softmax);
/// Indices of the k largest logits, largest first; ties by lower index.
LIMN_API std::vector<std::size_t> top_classes(std::span<const float> logits, std::size_t k);

}  // namespace limn
