// Random small networks, forward and backward, against the reference in double.

#include "runtime/small_network.h"

namespace limn {
namespace {

std::int64_t height(Value x) { return x.shape()[2].value; }
std::int64_t channels(Value x) { return x.shape()[1].value; }

Value random_convolution(SmallNetwork& n, Value x) {
  const std::int64_t kernel = n.pick({1, 3, 3, 5}), stride = height(x) > 6 ? n.pick({1, 1, 2}) : 1;
  const Ints pads{n.draw(0, kernel / 2), n.draw(0, kernel / 2), kernel / 2, kernel / 2};
  const std::int64_t c = channels(x), kind = n.draw(0, 5);
  Attrs attrs{{"strides", Ints{stride, stride}}, {"pads", pads}};
  if (kind == 0) {  // depthwise
    attrs.set("group", c);
    return n.conv(x, c, {kernel, kernel}, attrs);
  }
  if (kind == 1 && c % 4 == 0) {
    attrs.set("group", std::int64_t{4});
    return n.conv(x, n.pick({8, 32, 64}), {kernel, kernel}, attrs);
  }
  return n.conv(x, n.pick({3, 5, 16, 24, 48}), {kernel, kernel}, attrs, n.draw(0, 1) != 0);
}

Value random_rectifier(SmallNetwork& n, Value x) {
  switch (n.draw(0, 3)) {
    case 0: return n.clip(x, 0.0F, 6.0F);
    case 1: return n.clip(x, -0.5F, 1.5F);
    default: return relu(x);
  }
}

Value random_pool(SmallNetwork& n, Value x) {
  if (height(x) < 5) return x;
  const std::int64_t kernel = n.pick({2, 3});
  Attrs attrs{{"kernel_shape", Ints{kernel, kernel}},
              {"strides", Ints{2, 2}},
              {"pads", Ints{0, n.draw(0, 1), n.draw(0, 1), 0}},
              {"ceil_mode", n.draw(0, 1)}};
  if (n.draw(0, 2) > 0) return n.max_pool(x, attrs);
  attrs.set("count_include_pad", n.draw(0, 1));
  return n.graph().add("AveragePool", {x}, attrs);
}

Value random_block(SmallNetwork& n, Value x) {
  switch (n.draw(0, 7)) {
    case 0: return random_pool(n, x);
    case 1:
      return n.concat({random_rectifier(n, n.conv(x, n.pick({5, 16, 32}), {1, 1}, {})),
                       random_rectifier(n, n.conv(x, n.pick({16, 24}), {3, 3}, {{"pads", Ints{1, 1, 1, 1}}}))});
    case 2: return relu(x + n.conv(x, channels(x), {3, 3}, {{"pads", Ints{1, 1, 1, 1}}}));
    case 3: return relu(n.batch_norm(x));
    case 4: return n.concat({x, relu(n.conv(n.batch_norm(x), 16, {3, 3}, {{"pads", Ints{1, 1, 1, 1}}}))});
    case 5: return x * n.graph().add("Sigmoid", {n.conv(n.global_average(x), channels(x), {1, 1}, {})});
    default: return random_rectifier(n, random_convolution(n, x));
  }
}

struct Drawn {
  Graph graph;
  Feeds feeds;
  CompileOptions options;
};

/// Logits, the gradient of one score with respect to the input and to a layer, by the rules `rules`.
Drawn draw_network(unsigned seed, const RuleSet& rules) {
  SmallNetwork n(seed);
  const std::int64_t batch = n.draw(1, 3), c = n.pick({1, 3, 3, 16, 24}), size = n.draw(9, 20),
                     width = size + n.draw(0, 3);
  const Value x = n.input(c, size, width);
  Value y = relu(
      n.conv(x, n.pick({16, 24, 32}), {3, 3}, {{"strides", Ints{n.draw(1, 2), 1}}, {"pads", Ints{1, 0, 1, 1}}}));
  const Value layer = y;
  for (std::int64_t i = n.draw(2, 6); i > 0; --i) y = random_block(n, y);
  const Value logits = n.dense(n.flatten(n.global_average(y)), n.pick({7, 10, 40}));
  const Value target = n.graph().input("target", logits.type());
  const Value wrt[] = {x, layer};
  const std::vector<Value> d = pull_back(logits, target, wrt, rules);
  const std::int64_t classes = logits.shape()[1].value;
  Drawn out{n.finish({{"logits", logits}, {"dx", d[0]}, {"dlayer", d[1]}}), {}, {}};
  out.feeds.emplace("x", n.normal({batch, c, size, width}, 1.0F));
  out.feeds.emplace("target", n.normal({batch, classes}, 1.0F));
  out.options.symbols = {{"N", batch}};
  out.options.threads = static_cast<int>(1 + seed % 2);
  if (seed / 2 % 2 == 0) out.options.by_image = true;
  return out;
}

class RandomNetworks : public ::testing::TestWithParam<unsigned> {};

TEST_P(RandomNetworks, GradientLikeReference) {
  const Drawn d = draw_network(GetParam(), gradients());
  expect_like_reference(d.graph, d.feeds, d.options);
}

TEST_P(RandomNetworks, GuidedBackpropagationLikeReference) {
  const Drawn d = draw_network(GetParam() + 1000, guided_backprop());
  expect_like_reference(d.graph, d.feeds, d.options);
}

/// The reference follows the rectifiers that rounding opens and closes, but for those nearest to zero: read as an
/// output a value is not rounded, and what follows it differs a little.
TEST_P(RandomNetworks, Bf16LikeReference) {
  if (!processor_has_bf16()) GTEST_SKIP() << "this processor does not multiply bfloat16 (AVX512_BF16)";
  Drawn d = draw_network(GetParam(), gradients());
  d.options.precision = Precision::bf16;
  expect_like_reference(d.graph, d.feeds, d.options, 0.15);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomNetworks, ::testing::Range(0U, 40U));

}  // namespace
}  // namespace limn
