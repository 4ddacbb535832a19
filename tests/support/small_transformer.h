#pragma once
// A vision transformer of two blocks on images of 4x6: patches of 2x2 (a grid of 2x3), 4 channels, one head.

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "limn/ops/build.h"
#include "limn/ops/table.h"

namespace limn::test {

class SmallTransformer {
 public:
  static constexpr std::int64_t kWidth = 4, kClasses = 3;

  GraphBuilder& graph() { return g_; }

  /// Images to tokens behind a class token: [N, 7, 4], named with_class.
  Value embedded() {
    const Value image = g_.input("image", {DType::f32, Shape{Dim("N"), 2, 4, 6}});
    const std::vector<std::int64_t> two{2, 2};
    const Value patches =
        g_.add("Conv", {image, weight({kWidth, 2, 2, 2})}, {{"kernel_shape", two}, {"strides", two}}, "patches");
    const Value merged = g_.add("Reshape", {patches, int64_constant(g_, {0, kWidth, 6})}, {}, "merged");
    const Value tokens = g_.add("Transpose", {merged}, {{"perm", std::vector<std::int64_t>{0, 2, 1}}}, "tokens");
    const Value first =
        g_.add("Slice", {tokens, int64_constant(g_, {0}), int64_constant(g_, {1}), int64_constant(g_, {1})});
    const Value class_token = first * 0.0F + weight({1, 1, kWidth});
    return g_.add("Concat", {class_token, tokens}, {{"axis", std::int64_t{1}}}, "with_class");
  }

  /// x + attention(x), then y + relu(y W) V.
  Value block(Value x, const std::string& name) {
    const auto dense = [&](Value v) { return matmul(v, weight({kWidth, kWidth})) + weight({kWidth}); };
    const Value q = dense(x) * 0.5F, k = transpose(dense(x), {0, 2, 1}), v = dense(x);
    const Value y = x + dense(matmul(softmax(matmul(q, k), 2), v));
    return g_.add("Add", {y, dense(relu(dense(y)))}, {}, name);
  }

  Value scores(Value token) {
    return g_.add("Gemm", {token, weight({kWidth, kClasses}), weight({kClasses})}, {}, "logits");
  }

  /// Scores from the class token; values block1 and block2.
  Graph finish_with_class_token() {
    const Value x = block(block(embedded(), "block1"), "block2");
    const Value token =
        g_.add("Gather", {x, g_.constant(Tensor::scalar<std::int64_t>(0))}, {{"axis", std::int64_t{1}}});
    return finish({{"logits", scores(token)}});
  }

  /// Scores from the mean of all tokens.
  Graph finish_with_mean() {
    const Value x = block(block(embedded(), "block1"), "block2");
    return finish({{"logits", scores(reduce_mean(x, {1}, false))}});
  }

  Graph finish(std::vector<std::pair<std::string, Value>> outputs) {
    return std::move(g_).finish(std::move(outputs));
  }

 private:
  Value weight(Dims dims) {
    std::vector<float> v(static_cast<std::size_t>(element_count(dims)));
    for (float& x : v) x = static_cast<float>(engine_() >> 8) / 8388608.0F - 1.0F;
    return g_.constant(Tensor::of<float>(std::move(dims), v));
  }

  GraphBuilder g_{operators()};
  std::mt19937 engine_{5};
};

}  // namespace limn::test
