#include "limn/compile/target.h"

#include <fmt/format.h>

#include <numeric>

#include "limn/error.h"
#include "limn/ops/build.h"

namespace limn {
namespace {

using Kind = CompiledTarget::Kind;

Value scalar(GraphBuilder& g, std::int64_t v) { return g.constant(Tensor::scalar(v)); }

std::int64_t class_count(Value logits) { return logits.shape()[1].value; }

Value argmax(Value logits) {
  return emit("ArgMax", {flat_scores(logits)}, {{"axis", std::int64_t{1}}, {"keepdims", std::int64_t{0}}});
}

void check_class(std::size_t number, Value logits) {
  const std::int64_t classes = class_count(logits);
  if (static_cast<std::int64_t>(number) < classes) return;
  throw Error(ErrorCode::bad_input,
              fmt::format("the class index {} is out of range: the network has {} classes", number, classes), {},
              fmt::format("give an index from 0 to {}", classes - 1));
}

/// The same class for all images: [1], or as many as there are where that is a number.
Value fixed(GraphBuilder& g, std::size_t number, Value logits) {
  check_class(number, logits);
  const Dim batch = logits.shape()[0];
  const std::int64_t images = batch.known() ? batch.value : 1;
  return int64_constant(
      g, std::vector<std::int64_t>(static_cast<std::size_t>(images), static_cast<std::int64_t>(number)));
}

Value asked_for(GraphBuilder& g, Value logits) {
  const Value asked = g.input("target", {DType::i64, Shape{logits.shape()[0]}});
  const Value low = emit("Less", {asked, scalar(g, 0)});
  const Value high = greater(asked, scalar(g, class_count(logits) - 1));
  return where(emit("Or", {low, high}), argmax(logits), asked);
}

ClassChoice best(GraphBuilder& g, std::size_t count, Value logits) {
  const std::int64_t classes = class_count(logits), k = static_cast<std::int64_t>(count);
  if (k < 1 || k > classes)
    throw Error(ErrorCode::bad_input, fmt::format("the network has {} classes, not {}", classes, count), {},
                fmt::format("ask for top:1 to top:{}", classes));
  const Value order =
      g.add_many("TopK", {flat_scores(logits), int64_constant(g, {k})}, {{"axis", std::int64_t{1}}}, 2)[1];
  ClassChoice choice{{}, order};
  for (std::int64_t i = 0; i < k; ++i)
    choice.classes.push_back(emit("Gather", {order, scalar(g, i)}, {{"axis", std::int64_t{1}}}));
  return choice;
}

}  // namespace

Value flat_scores(Value logits) {
  if (logits.shape().size() == 2) return logits;
  return reshape(logits, std::vector<std::int64_t>{0, class_count(logits)});
}

ClassChoice choose_classes(Value logits, const CompiledTarget& target) {
  GraphBuilder& g = *logits.in;
  switch (target.kind) {
    case Kind::argmax: {
      const Value chosen = argmax(logits);
      return {{chosen}, chosen};
    }
    case Kind::input:
    case Kind::optional_input: return {{asked_for(g, logits)}, {}};
    case Kind::class_index: return {{fixed(g, target.number, logits)}, {}};
    case Kind::top: return best(g, target.number, logits);
  }
  throw Error(ErrorCode::internal, "a kind of target is not known");
}

Value one_hot(Value classes, Value logits) {
  GraphBuilder& g = *logits.in;
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(class_count(logits)));
  std::iota(numbers.begin(), numbers.end(), 0);
  Value hot = to_float(equal(unsqueeze(classes, {1}), int64_constant(g, numbers)));  // [N, C]
  for (std::size_t axis = 2; axis < logits.shape().size(); ++axis)
    hot = unsqueeze(hot, {static_cast<std::int64_t>(axis)});
  return expand_like(hot, logits);
}

}  // namespace limn
