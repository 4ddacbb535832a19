// Activations that leave their slope to the backward pass: against the reference in double, and where the slope
// lies.

#include <gmock/gmock.h>

#include <algorithm>

#include "runtime/small_network.h"

namespace limn {
namespace {

using ::testing::Contains;
using ::testing::Not;

struct Case {
  const char* op;
  Attrs attrs;
  friend void PrintTo(const Case& c, std::ostream* out) {
    *out << c.op << (c.attrs.all().empty() ? "" : " changed");
  }
};

class Slopes : public ::testing::TestWithParam<Case> {
 protected:
  Value activation(SmallNetwork& n, Value x) const { return n.graph().add(GetParam().op, {x}, GetParam().attrs); }

  /// Of images, behind a convolution, with channels that do not fill their blocks.
  struct Network {
    Graph graph;
    Feeds feeds;
  };
  Network of_images(std::int64_t images, std::int64_t channels, bool outputs_all) const {
    SmallNetwork n(51);
    const Value x = n.input(3, 12, 10);
    const Value u = n.conv(x, channels, {3, 3}, {}), a = activation(n, u);
    const Value v = n.conv(a, channels, {3, 3}, {{"group", channels}, {"pads", Ints{1, 1, 1, 1}}}, false);
    const Value y = activation(n, v) + a;
    const Value dy = n.graph().input("dy", {DType::f32, y.shape()}), wrt[] = {x};
    std::vector<std::pair<std::string, Value>> outputs{{"y", y}, {"dx", pull_back(y, dy, wrt).front()}};
    if (outputs_all) outputs.insert(outputs.end(), {{"u", u}, {"a", a}});
    const Dims dims{images, channels, 10, 8};
    return {n.finish(outputs), {{"x", n.normal({images, 3, 12, 10}, 2)}, {"dy", n.normal(dims, 1)}}};
  }
};

TEST_P(Slopes, OfImagesLikeReference) {
  for (const std::int64_t channels : {5, 20, 32})
    for (const std::int64_t images : {1, 3})
      for (const int threads : {1, 2})
        for (const std::optional<bool> by_image : {std::optional<bool>(), std::optional(true)}) {
          const Network network = of_images(images, channels, channels == 20);
          CompileOptions options{{{"N", images}}, threads};
          options.by_image = by_image;
          expect_like_reference(network.graph, network.feeds, options, 3e-6);
          EXPECT_EQ(std::ranges::count(kernels_of(network.graph, options), "limn:slope"), 2);
        }
}

TEST_P(Slopes, OfTokensLikeReference) {
  SmallNetwork n(52);
  const Value x = n.graph().input("x", {DType::f32, Shape{2, 17, 40}}), y = activation(n, x);
  const Value dy = n.graph().input("dy", y.type()), wrt[] = {x};
  const Graph graph = n.finish({{"y", y}, {"dx", pull_back(y, dy, wrt).front()}});
  expect_elements_like_reference(graph, {{"x", n.normal({2, 17, 40}, 3)}, {"dy", n.normal({2, 17, 40}, 1)}}, {},
                                 2e-6, 2e-6);
  EXPECT_THAT(kernels_of(graph), Contains("limn:slope"));
}

// What is computed for classes that are asked for later runs with the image alone.
TEST_P(Slopes, StayForTargetsThatAreSetLater) {
  const Network network = of_images(1, 20, false);
  Session session(Program::compile(network.graph, {{{"N", 1}}}));
  fill(session, network.feeds, {"x", "dy"});
  session.run();
  const std::vector<float> first(session.output("dx").begin(), session.output("dx").end());
  for (float& v : session.input("dy")) v *= 2;
  session.run();
  const auto second = session.output("dx");
  for (std::size_t i = 0; i < first.size(); ++i) ASSERT_EQ(second[i], 2 * first[i]) << i;
}

TEST_P(Slopes, LieOverTheInput) {
  SmallNetwork n(53);
  const Value x = n.input(3, 64, 64);
  Value y = x;
  for (int i = 0; i < 16; ++i) y = activation(n, n.conv(y, 32, {3, 3}, {{"pads", Ints{1, 1, 1, 1}}}));
  const InputGradient g = input_gradient(n, x, y, {1, 3, 64, 64});
  const std::size_t value = sizeof(float) * 32 * 64 * 64;
  // Sixteen slopes, what is being computed, and what oneDNN works in; inputs kept beside slopes would be sixteen
  // more.
  EXPECT_LE(Program::compile(g.graph, {{{"N", 1}}}).arena_bytes(), 26 * value);
}

TEST_P(Slopes, AreNotMadeForAForwardPass) {
  SmallNetwork n(54);
  const Value y = activation(n, n.conv(n.input(3, 8, 8), 16, {3, 3}, {}));
  EXPECT_THAT(kernels_of(n.finish({{"y", y}}), {{{"N", 1}}}), Not(Contains("limn:slope")));
}

INSTANTIATE_TEST_SUITE_P(Activations, Slopes,
                         ::testing::Values(Case{"Swish", {}}, Case{"Swish", {{"alpha", 1.5}}}, Case{"Gelu", {}},
                                           Case{"Gelu", {{"approximate", std::string("tanh")}}}));

}  // namespace
}  // namespace limn
