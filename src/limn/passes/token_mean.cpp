#include "limn/passes/token_mean.h"

#include <algorithm>

#include "limn/ops/build.h"
#include "limn/ops/infer.h"
#include "limn/passes/node_facts.h"

namespace limn {

Value TokenMean::of_grid(ValueId grid) {
  const Node* spread = producer_of(graph_, grid);
  if (spread == nullptr || spread->op != "Reshape") return {};
  const ValueId tokens = spread->in[0];
  const Shape *from = shape(tokens), *to = shape(grid);
  if (from == nullptr || to == nullptr || from->size() != 3 || to->size() != 4) return {};
  if (!is_same_size((*from)[0], (*to)[0]) || !is_same_size((*from)[1], (*to)[1])) return {};
  if (!(*from)[1].known() || !(*from)[2].known()) return {};
  met_weights_ = false;
  const Mean mean = mean_of({tokens, 2, 0, (*from)[2].value});
  return mean && met_weights_ ? reshape(*mean, {0, (*from)[1].value, 1, 1}) : Value();
}

const Shape* TokenMean::shape(ValueId id) const {
  const auto& s = graph_.value(id).type.shape;
  return s ? &*s : nullptr;
}

std::optional<std::vector<std::int64_t>> TokenMean::integers(const Node& node, std::size_t input) {
  const bool there = input < node.in.size() && node.in[input] != kAbsent;
  const Tensor* t = there ? rebuild_.constant(node.in[input]) : nullptr;
  if (t == nullptr) return {};
  return t->to_int64();
}

TokenMean::Mean TokenMean::mean_of(const Part& part) {
  const auto it = known_.find(part);
  return it != known_.end() ? it->second : known_[part] = computed(part);
}

TokenMean::Mean TokenMean::computed(const Part& part) {
  const Node* producer = producer_of(graph_, part.of);
  if (producer == nullptr) return reduced(part);
  const Node& node = *producer;
  if (!has_one_output(node) || shape(node.in[0]) == nullptr || shape(part.of) == nullptr) return reduced(part);
  if (node.op == "MatMul") return of_product(node, part);
  if (node.op == "Transpose") return of_transpose(node, part);
  if (node.op == "Add") return of_sum(node, part);
  if (node.op == "Mul" || node.op == "Div") return of_scaled(node, part);
  if (node.op == "Reshape") return of_reshape(node, part);
  if (node.op == "Slice") return of_slice(node, part);
  if (node.op == "Pad") return of_pad(node, part);
  return reduced(part);
}

Value TokenMean::reduced(const Part& part) {
  Value x = rebuild_(part.of);
  GraphBuilder& g = rebuild_.to();
  const auto axis = static_cast<std::int64_t>(part.axis);
  if (const Dim size = (*shape(part.of))[part.axis]; part.begin != 0 || size != Dim(part.end))
    x = emit("Slice",
             {x, int64_constant(g, {part.begin}), int64_constant(g, {part.end}), int64_constant(g, {axis})});
  return reduce_mean(x, {axis});
}

/// The rows of A B are those of A times B, and its columns A times those of B.
TokenMean::Mean TokenMean::of_product(const Node& node, const Part& part) {
  const Shape *a = shape(node.in[0]), *b = shape(node.in[1]);
  if (b == nullptr || a->size() < 2) return reduced(part);
  const std::size_t rank = a->size();
  const bool stacks =
      b->size() == rank && std::equal(a->begin(), a->end() - 2, b->begin(), b->end() - 2, is_same_size);
  const bool rows = part.axis + 2 == rank ? stacks || b->size() == 2 : part.axis + 2 < rank && b->size() == 2;
  const bool columns = part.axis + 1 == rank && stacks;
  if (!rows && !columns) return reduced(part);
  met_weights_ |= rebuild_.constant(node.in[1]) != nullptr;
  const Mean mean = mean_of({node.in[rows ? 0 : 1], part.axis, part.begin, part.end});
  if (!mean) return {};
  return rows ? matmul(*mean, rebuild_(node.in[1])) : matmul(rebuild_(node.in[0]), *mean);
}

TokenMean::Mean TokenMean::of_transpose(const Node& node, const Part& part) {
  const auto perm = node.attrs.integers("perm");
  if (perm.size() != shape(node.in[0])->size()) return reduced(part);
  const Mean mean = mean_of({node.in[0], static_cast<std::size_t>(perm[part.axis]), part.begin, part.end});
  return mean ? Mean(transpose(*mean, perm)) : Mean();
}

TokenMean::Mean TokenMean::of_sum(const Node& node, const Part& part) {
  const Type& type = graph_.value(part.of).type;
  for (const ValueId id : node.in)
    if (!is_same_type(graph_.value(id).type, type)) return reduced(part);
  const Mean a = mean_of({node.in[0], part.axis, part.begin, part.end});
  const Mean b = mean_of({node.in[1], part.axis, part.begin, part.end});
  return a && b ? Mean(*a + *b) : a ? a : b;
}

/// By a number, the same for all.
TokenMean::Mean TokenMean::of_scaled(const Node& node, const Part& part) {
  const Tensor* factor = rebuild_.constant(node.in[1]);
  if (factor == nullptr || factor->count() != 1 ||
      !is_same_type(graph_.value(node.in[0]).type, graph_.value(part.of).type))
    return reduced(part);
  const Mean mean = mean_of({node.in[0], part.axis, part.begin, part.end});
  return mean ? Mean(emit(node.op, {*mean, rebuild_(node.in[1])})) : Mean();
}

/// Where the axis is there before, with the same number of elements in front of it.
TokenMean::Mean TokenMean::of_reshape(const Node& node, const Part& part) {
  const std::span<const Dim> from(*shape(node.in[0])), to(*shape(part.of));
  std::optional<std::size_t> before;
  for (std::size_t i = 0; i < from.size(); ++i)
    if (is_same_size(from[i], to[part.axis]) && is_same_size(product(from.first(i)), product(to.first(part.axis))))
      before = i;
  Dims sizes;
  for (const Dim& d : to) sizes.push_back(d.value);  // -1 where it is not known
  sizes[part.axis] = 1;
  if (!before || std::ranges::count(sizes, -1) > 1) return reduced(part);
  const Mean mean = mean_of({node.in[0], *before, part.begin, part.end});
  return mean ? Mean(reshape(*mean, sizes)) : Mean();
}

TokenMean::Mean TokenMean::of_slice(const Node& node, const Part& part) {
  const Shape& from = *shape(node.in[0]);
  const auto starts = integers(node, 1), axes = integers(node, 3), steps = integers(node, 4);
  const bool forward =
      node.in.size() < 5 || node.in[4] == kAbsent || (steps && steps == std::vector<std::int64_t>{1});
  if (!starts || !axes || starts->size() != 1 || axes->size() != 1 || !forward) return reduced(part);
  if (from_front(axes->front(), from.size()) == part.axis) {
    if (!from[part.axis].known()) return reduced(part);
    const std::int64_t size = from[part.axis].value, start = starts->front();
    const std::int64_t first = std::clamp<std::int64_t>(start < 0 ? start + size : start, 0, size);
    return mean_of({node.in[0], part.axis, part.begin + first, part.end + first});
  }
  const Mean mean = mean_of({node.in[0], part.axis, part.begin, part.end});
  if (!mean) return {};
  std::vector<Value> in{*mean};
  for (std::size_t i = 1; i < node.in.size(); ++i) in.push_back(rebuild_(node.in[i]));
  return emit("Slice", std::move(in));
}

/// Zeros along the axis make the mean smaller, or zero.
TokenMean::Mean TokenMean::of_pad(const Node& node, const Part& part) {
  const std::size_t rank = shape(node.in[0])->size();
  const Dim size = (*shape(node.in[0]))[part.axis];
  auto pads = zero_pads(graph_, node);
  if (!pads || pads->size() != 2 * rank || !size.known()) return reduced(part);
  const std::int64_t front = (*pads)[part.axis];
  const std::int64_t begin = std::clamp<std::int64_t>(part.begin - front, 0, size.value),
                     end = std::clamp<std::int64_t>(part.end - front, 0, size.value);
  if (begin >= end) return {};
  Mean mean = mean_of({node.in[0], part.axis, begin, end});
  if (!mean) return {};
  if (end - begin != part.end - part.begin)
    mean = *mean * (static_cast<float>(end - begin) / static_cast<float>(part.end - part.begin));
  (*pads)[part.axis] = (*pads)[rank + part.axis] = 0;
  if (all_equal(*pads, 0)) return mean;
  return emit("Pad", {*mean, int64_constant(rebuild_.to(), *pads)});
}

}  // namespace limn
