#include "limn/methods/points_graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "limn/methods/many_runs.h"
#include "limn/ops/build.h"

namespace limn {
namespace {

Value joined_sizes(std::vector<std::int64_t> first, Value like) {
  GraphBuilder& g = *like.in;
  const auto rank = static_cast<std::int64_t>(like.shape().size());
  if (rank == 1) return int64_constant(g, std::move(first));
  const Value rest = emit("Slice", {shape_of(like), int64_constant(g, {1}), int64_constant(g, {rank})});
  return emit("Concat", {int64_constant(g, std::move(first)), rest}, {{"axis", std::int64_t{0}}});
}

/// [N, S, ...] as [N * S, ...], and back.
Value in_one_batch(Value x, Value image) { return reshape(x, joined_sizes({-1}, image)); }
Value by_image(Value x, std::int64_t points, Value image) { return reshape(x, joined_sizes({-1, points}, image)); }

/// x0 as [N or 1, C or 1, 1, 1]; an empty handle for zero.
Value baseline_of(Value image, const IntegrationPath& path) {
  switch (path.baseline) {
    case IntegrationPath::Baseline::zero: return {};
    case IntegrationPath::Baseline::mean: return reduce_mean(image, {2, 3});
    case IntegrationPath::Baseline::colour: break;
  }
  const auto channels = static_cast<std::int64_t>(path.colour.size());
  check_colour(path, image.shape()[1].value);
  return image.in->constant(Tensor::of<float>({1, channels, 1, 1}, path.colour));
}

Value column(GraphBuilder& g, const std::vector<float>& numbers) {
  return g.constant(Tensor::of<float>({1, static_cast<std::int64_t>(numbers.size()), 1, 1, 1}, numbers));
}

/// One number of every point.
Value of_points(GraphBuilder& g, const IntegrationPath& path, double QuadraturePoint::*number) {
  std::vector<float> numbers;
  for (const QuadraturePoint& point : quadrature_points(path.quadrature, path.steps))
    numbers.push_back(static_cast<float>(point.*number));
  return column(g, numbers);
}

/// The nodes before the one that makes `output`, and that one, on the way from `image`; in order.
std::vector<std::size_t> nodes_between(const GraphBuilder& g, ValueId image, ValueId output) {
  std::vector<char> behind(g.value_count()), before(g.value_count());
  behind[index(image)] = 1;
  const std::size_t end = g.info(output).producer ? *g.info(output).producer + 1 : 0;
  const auto any = [](const std::vector<ValueId>& ids, const std::vector<char>& marks) {
    return std::ranges::any_of(ids, [&](ValueId id) { return id != kAbsent && marks[index(id)] != 0; });
  };
  const auto mark = [](const std::vector<ValueId>& ids, std::vector<char>& marks) {
    for (const ValueId id : ids)
      if (id != kAbsent) marks[index(id)] = 1;
  };
  for (std::size_t k = 0; k < end; ++k)
    if (any(g.node(k).in, behind)) mark(g.node(k).out, behind);
  before[index(output)] = 1;
  std::vector<std::size_t> nodes;
  for (std::size_t k = end; k-- > 0;) {
    if (!any(g.node(k).out, before) || !any(g.node(k).in, behind)) continue;
    mark(g.node(k).in, before);
    nodes.push_back(k);
  }
  std::ranges::reverse(nodes);
  return nodes;
}

}  // namespace

Value computed_again(Value output, Value image, Value points) {
  GraphBuilder& g = *output.in;
  if (image.shape()[0].known())
    throw Error(ErrorCode::unsupported,
                fmt::format("the model takes exactly {} image{} at a time, but all points of one are a batch",
                            image.shape()[0].value, image.shape()[0].value == 1 ? "" : "s"),
                {}, "export the model with a dynamic batch");
  std::unordered_map<ValueId, Value> fresh{{image.id, points}};
  for (const std::size_t k : nodes_between(g, image.id, output.id)) {
    const Node& node = g.node(k);
    Node copy{node.op, node.name + "/points", {}, {}, node.attrs};
    for (const ValueId id : node.in) {
      const auto it = fresh.find(id);
      copy.in.push_back(it == fresh.end() ? id : it->second.id);
    }
    const std::vector<ValueId> out = node.out;
    std::vector<std::string> names;
    for (const ValueId id : out) names.push_back(id == kAbsent ? std::string() : g.info(id).name + "/points");
    const std::vector<Value> values = g.add_node(std::move(copy), names);
    for (std::size_t i = 0; i < out.size(); ++i)
      if (out[i] != kAbsent) fresh.insert_or_assign(out[i], values[i]);
  }
  return fresh.at(output.id);
}

Value path_points(Value image, const IntegrationPath& path) {
  const Value at = of_points(*image.in, path, &QuadraturePoint::at), x = unsqueeze(image, {1});
  const Value x0 = baseline_of(image, path);
  if (!x0) return in_one_batch(x * at, image);
  const Value start = unsqueeze(x0, {1});
  return in_one_batch((x - start) * at + start, image);
}

Value path_average(Value gradients, Value image, const IntegrationPath& path) {
  const Value weights = of_points(*image.in, path, &QuadraturePoint::weight);
  const Value mean = reduce_sum(by_image(gradients, path.steps, image) * weights, {1}, false);
  const Value x0 = baseline_of(image, path);
  return mean * (x0 ? image - x0 : image);
}

Value noisy_points(Value image, Value noise, const GradientNoise& options, const std::string& variant) {
  check_noise(options, variant);
  const std::vector<std::int64_t> all{1, 2, 3};
  const Value range = reduce_max(image, all) + reduce_max(-image, all);
  const Value scale = unsqueeze(range * static_cast<float>(options.sigma), {1});
  return in_one_batch(unsqueeze(image, {1}) + scale * unsqueeze(noise, {0}), image);
}

Value noisy_average(Value gradients, Value image, const GradientNoise& options, const std::string& variant) {
  const Value g = by_image(gradients, options.samples, image);
  if (variant == "squared") return reduce_mean(g * g, {1}, false);
  if (variant != "vargrad") return reduce_mean(g, {1}, false);
  const Value distance = g - reduce_mean(g, {1});
  return reduce_sum(distance * distance, {1}, false) * (1.0F / static_cast<float>(options.samples - 1));
}

Value each_repeated(Value x, std::int64_t times) {
  GraphBuilder& g = *x.in;
  const std::size_t rank = x.shape().size();
  std::vector<std::int64_t> sizes(rank + 1, 1);
  sizes[1] = times;
  return reshape(expand(unsqueeze(x, {1}), int64_constant(g, std::move(sizes))), joined_sizes({-1}, x));
}

}  // namespace limn
