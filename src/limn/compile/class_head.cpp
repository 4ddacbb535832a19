#include "limn/compile/class_head.h"

#include <algorithm>
#include <array>

#include "limn/ops/build.h"

namespace limn {
namespace {

constexpr std::array<std::string_view, 5> kShaping{"Flatten", "Reshape", "Squeeze", "Identity", "Dropout"};
constexpr std::array<std::string_view, 4> kAlone{"Relu", "GlobalAveragePool", "AveragePool", "MaxPool"};

bool is_any_of(std::string_view op, std::span<const std::string_view> names) {
  return std::ranges::find(names, op) != names.end();
}

bool all(const std::vector<std::int64_t>& list, std::int64_t value) {
  return std::ranges::all_of(list, [&](std::int64_t v) { return v == value; });
}

class Head {
 public:
  Head(Value logits, Value classes) : g_(*logits.in), classes_(classes), classes_count_(logits.shape()[1]) {}

  std::optional<ClassHead> score(Value logits) {
    Value at = logits;
    for (;;) {
      const auto producer = g_.info(at.id).producer;
      if (!producer) return std::nullopt;
      behind_.push_back(at.id);
      const Node& node = g_.node(*producer);
      if (node.op == "Gemm" || node.op == "MatMul" || node.op == "Conv") return with_weights(node);
      if (!treats_classes_alone(node)) return std::nullopt;
      if (!is_any_of(node.op, kShaping)) later_.push_back(*producer);
      at = g_.handle(node.in[0]);
    }
  }

 private:
  /// Reshaping counts while it only adds or drops sizes of 1 behind the classes.
  bool treats_classes_alone(const Node& node) const {
    if (is_any_of(node.op, kAlone)) return node.out.size() == 1;
    if (!is_any_of(node.op, kShaping)) return false;
    return only_classes(node.in[0]) && only_classes(node.out[0]);
  }

  bool only_classes(ValueId id) const {
    const auto& shape = g_.info(id).type.shape;
    if (!shape || shape->size() < 2) return false;
    return std::all_of(shape->begin() + 2, shape->end(), [](const Dim& d) { return d == Dim(1); });
  }

  std::optional<ClassHead> with_weights(const Node& node) {
    const Value x = g_.handle(node.in[0]), w = g_.handle(node.in[1]);
    const bool conv = node.op == "Conv";
    if (!g_.info(w.id).constant || x.shape().size() != (conv ? 4U : 2U)) return std::nullopt;
    if (conv ? !is_pointwise(node, w) : w.shape().size() != 2 || node.attrs.integer("transA", 0) != 0)
      return std::nullopt;
    const bool biased = node.in.size() > 2 && node.in[2] != kAbsent;
    if (biased && g_.info(node.in[2]).type.shape != Shape{classes_count_}) return std::nullopt;
    Value score = reduce_sum(x * chosen(node, w), {1});
    if (biased) score = score + bias(node, score.shape().size());
    for (auto it = later_.rbegin(); it != later_.rend(); ++it) {
      const Node& later = g_.node(*it);
      if (score.shape().size() == 2 && later.op != "Relu") return std::nullopt;
      score = g_.add(later.op, {score}, later.attrs);
    }
    return ClassHead{score, behind_};
  }

  static bool is_pointwise(const Node& conv, Value w) {
    const Shape shape = w.shape();
    return shape[2] == Dim(1) && shape[3] == Dim(1) && conv.attrs.integer("group", 1) == 1 &&
           all(conv.attrs.integers("strides"), 1) && all(conv.attrs.integers("pads"), 0);
  }

  /// The weights of the classes, [N, K] or [N, K, 1, 1].
  Value chosen(const Node& node, Value w) {
    const bool by_row = node.op == "Conv" || node.attrs.integer("transB", 0) != 0;
    if (by_row) return scaled(node, emit("Gather", {w, classes_}, {{"axis", std::int64_t{0}}}), "alpha");
    return scaled(node, transpose(emit("Gather", {w, classes_}, {{"axis", std::int64_t{1}}}), {1, 0}), "alpha");
  }

  /// The bias of the classes, [N, 1] or [N, 1, 1, 1].
  Value bias(const Node& node, std::size_t rank) {
    const Value b = scaled(node, g_.handle(node.in[2]), "beta");
    std::vector<std::int64_t> axes;
    for (std::size_t i = 1; i < rank; ++i) axes.push_back(static_cast<std::int64_t>(i));
    return unsqueeze(emit("Gather", {b, classes_}, {{"axis", std::int64_t{0}}}), axes);
  }

  static Value scaled(const Node& node, Value v, std::string_view by) {
    const double factor = node.attrs.real(by, 1.0);
    return factor == 1.0 ? v : v * static_cast<float>(factor);
  }

  GraphBuilder& g_;
  Value classes_;
  Dim classes_count_;
  std::vector<ValueId> behind_;
  std::vector<std::size_t> later_;  ///< nodes behind the weights, last first
};

}  // namespace

std::optional<ClassHead> class_head(Value logits, Value classes) { return Head(logits, classes).score(logits); }

}  // namespace limn
