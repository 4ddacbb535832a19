// Max pooling and its gradient against the reference: windows of every number of elements, strides below, at and
// beyond the kernel, padding, dilation, channels that fill no block, equal maxima, NaN.

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "runtime/small_network.h"

namespace limn {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::StartsWith;

struct Pool {
  Dims x;
  Ints kernel, strides, pads = {0, 0, 0, 0}, dilations = {1, 1};
  std::int64_t ceil_mode = 0;
  int threads = 1;
  std::optional<bool> by_image = {};

  Attrs attrs() const {
    return {{"kernel_shape", kernel},
            {"strides", strides},
            {"pads", pads},
            {"dilations", dilations},
            {"ceil_mode", ceil_mode}};
  }
  CompileOptions options() const {
    CompileOptions options{{{"N", x[0]}}, threads};
    options.by_image = by_image;
    return options;
  }
  friend void PrintTo(const Pool& p, std::ostream* out) {
    *out << p.x[0] << " x " << p.x[1] << " x " << p.x[2] << " x " << p.x[3] << ", kernel " << p.kernel[0] << " x "
         << p.kernel[1] << ", strides " << p.strides[0] << " and " << p.strides[1] << ", " << p.threads
         << " threads";
  }
};

struct PoolAndGradient {
  Graph graph;
  Feeds feeds;
};

/// Of a picture of few values, so that many maxima are equal.
PoolAndGradient network(const Pool& p) {
  SmallNetwork n(3);
  const Value x = n.input(p.x[1], p.x[2], p.x[3]), y = n.max_pool(x, p.attrs());
  const Value dy = n.graph().input("dy", y.type()), wrt[] = {x};
  Shape y_shape = y.shape();
  y_shape[0] = Dim(p.x[0]);
  Tensor pixels = n.normal(p.x, 2.0F);
  for (float& v : pixels.mutable_view().as<float>()) v = std::round(v);
  Feeds feeds{{"x", std::move(pixels)}, {"dy", n.normal(known_dims(y_shape), 1.0F)}};
  return {n.finish({{"y", y}, {"dx", pull_back(y, dy, wrt).front()}}), std::move(feeds)};
}

class MaxPools : public ::testing::TestWithParam<Pool> {};

TEST_P(MaxPools, EqualTheReference) {
  const Pool& p = GetParam();
  const auto [graph, feeds] = network(p);
  EXPECT_THAT(kernels_of(graph, p.options(), "MaxPool"), ElementsAre("limn:maximum and choice"));
  EXPECT_THAT(kernels_of(graph, p.options(), "limn::MaxPoolGrad"), ElementsAre("limn:choice"));
  expect_elements_like_reference(graph, feeds, p.options(), 1e-6, 1e-6);
}

INSTANTIATE_TEST_SUITE_P(
    Windows, MaxPools,
    ::testing::Values(Pool{{2, 32, 14, 14}, {3, 3}, {1, 1}, {1, 1, 1, 1}},
                      Pool{{3, 17, 13, 9}, {3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}, 0, 2},
                      Pool{{1, 20, 15, 16}, {3, 3}, {2, 2}, {0, 0, 0, 0}, {1, 1}, 1},
                      Pool{{2, 5, 12, 11}, {2, 2}, {2, 2}}, Pool{{1, 16, 9, 9}, {2, 3}, {1, 2}, {1, 0, 0, 2}},
                      Pool{{2, 33, 10, 12}, {3, 2}, {1, 1}}, Pool{{1, 3, 16, 18}, {5, 4}, {1, 3}, {2, 1, 2, 1}},
                      Pool{{1, 8, 20, 20}, {7, 7}, {2, 1}, {3, 3, 3, 3}}, Pool{{1, 24, 11, 11}, {1, 1}, {1, 1}},
                      Pool{{1, 24, 11, 13}, {1, 2}, {2, 3}}, Pool{{2, 16, 12, 12}, {2, 2}, {3, 3}},
                      Pool{{1, 16, 17, 17}, {3, 3}, {1, 1}, {0, 0, 0, 0}, {2, 3}},
                      Pool{{2, 19, 18, 18}, {3, 3}, {2, 2}, {1, 2, 1, 2}, {3, 2}},
                      Pool{{1, 16, 19, 20}, {2, 3}, {4, 6}, {0, 0, 0, 0}, {6, 4}},
                      Pool{{1, 4, 16, 16}, {16, 16}, {1, 1}}, Pool{{1, 4, 1, 1}, {1, 1}, {1, 1}},
                      Pool{{5, 48, 40, 40}, {3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}, 0, 3},
                      Pool{{4, 40, 24, 24}, {3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 0, 2, true}));

/// What guided backpropagation asks of a pool: the positive part of its gradient.
PoolAndGradient cut_off(const Pool& p) {
  SmallNetwork n(5);
  const Value x = n.input(p.x[1], p.x[2], p.x[3]), y = n.max_pool(x, p.attrs());
  const Value dy = n.graph().input("dy", y.type());
  Shape y_shape = y.shape();
  y_shape[0] = Dim(p.x[0]);
  Feeds feeds{{"x", n.normal(p.x, 1.0F)}, {"dy", n.normal(known_dims(y_shape), 1.0F)}};
  const Value dx = relu(n.graph().add("limn::MaxPoolGrad", {dy, x}, p.attrs()));
  return {n.finish({{"y", y}, {"dx", dx}}), std::move(feeds)};
}

TEST(MaxPool, CutsOffItsGradientAsItSumsIt) {
  for (const Pool& p : {Pool{{2, 20, 13, 14}, {3, 3}, {2, 2}, {1, 1, 1, 1}}, Pool{{1, 16, 9, 9}, {3, 3}, {1, 1}},
                        Pool{{1, 16, 9, 9}, {5, 5}, {1, 2}}, Pool{{1, 16, 9, 9}, {2, 2}, {3, 3}}}) {
    const auto [graph, feeds] = cut_off(p);
    EXPECT_THAT(kernels_of(graph, p.options(), "limn::MaxPoolGrad+Relu"), ElementsAre("limn:choice"));
    expect_elements_like_reference(graph, feeds, p.options(), 1e-6, 1e-6);
  }
}

/// One byte does not tell their taps.
TEST(MaxPool, LargeWindowsAreLeftToTheReference) {
  const Pool p{{1, 3, 20, 20}, {17, 16}, {1, 1}};
  for (const auto& [graph, feeds] : {network(p), cut_off(p)}) {
    EXPECT_THAT(kernels_of(graph, p.options(), "MaxPool"), Each(StartsWith("reference")));
    expect_elements_like_reference(graph, feeds, p.options(), 1e-6, 1e-6);
  }
}

TEST(MaxPool, WithoutAGradientRemembersNothing) {
  SmallNetwork n(4);
  const Value x = n.input(24, 9, 9);
  const Graph graph = n.finish({{"y", n.max_pool(x, Pool{{}, {3, 3}, {2, 2}}.attrs())}});
  EXPECT_THAT(kernels_of(graph, {{{"N", 2}}}, "MaxPool"), ElementsAre("limn:maximum"));
  expect_elements_like_reference(graph, {{"x", n.normal({2, 24, 9, 9}, 1.0F)}}, {{{"N", 2}}}, 0);
}

/// A window with NaN has that for its maximum, and the last one takes the cotangent.
TEST(MaxPool, NaNIsKept) {
  const Pool p{{1, 16, 6, 6}, {3, 3}, {1, 1}, {1, 1, 1, 1}};
  auto [graph, feeds] = network(p);
  const auto pixels = feeds.at("x").mutable_view().as<float>();
  for (const std::size_t i : {0U, 15U, 16U, 35U, 200U}) pixels[i] = std::numeric_limits<float>::quiet_NaN();
  const Program program = Program::compile(graph, p.options());
  Session session(program);
  fill(session, feeds, program.inputs());
  session.run();
  std::size_t nans = 0;
  for (const auto& [name, want] : evaluate(graph, feeds)) {
    const auto got = session.output(name);
    const Tensor narrow = want.converted(DType::f32);
    const auto expected = narrow.as<float>();
    for (std::size_t i = 0; i < got.size(); ++i) {
      nans += std::isnan(expected[i]) ? 1 : 0;
      if (std::isnan(expected[i]))
        EXPECT_TRUE(std::isnan(got[i])) << name << ' ' << i;
      else
        EXPECT_NEAR(got[i], expected[i], 1e-6) << name << ' ' << i;
    }
  }
  EXPECT_GT(nans, 20U);
}

}  // namespace
}  // namespace limn
