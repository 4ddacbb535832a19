// Samples of constants, shapes, slices, reductions and matrices.
#include "ops/gradient_check.h"

namespace limn::testing {
namespace {

using Ints = std::vector<std::int64_t>;
using Samples = std::vector<Sample>;

void join(Samples& all, Samples more) { all.insert(all.end(), more.begin(), more.end()); }

Attrs axis(std::int64_t a) { return {{"axis", a}}; }

constexpr std::int64_t kFar = std::int64_t{1} << 62;

Samples constant_samples() {
  return {{"Constant", "tensor", {}, {{"value", random_tensor({2, 2}, 1)}}},
          {"Constant", "float", {}, {{"value_float", 0.5}}},
          {"Constant", "floats", {}, {{"value_floats", std::vector<double>{0.5, 2}}}},
          {"Constant", "integer", {}, {{"value_int", std::int64_t{3}}}},
          {"Constant", "integers", {}, {{"value_ints", Ints{3, -1}}}},
          {"ConstantOfShape", "zeros", {ints({2, 3})}},
          {"ConstantOfShape", "sevens", {ints({4})}, {{"value", ints({7})}}},
          {"Range",
           "upwards",
           {Tensor::scalar<std::int64_t>(1), Tensor::scalar<std::int64_t>(8), Tensor::scalar<std::int64_t>(3)}},
          {"Range", "downwards", {Tensor::scalar(2.0F), Tensor::scalar(-1.0F), Tensor::scalar(-0.5F)}}};
}

Samples passing_samples() {
  const Tensor x = random_tensor({2, 3}, 1);
  return {{"Identity", "plain", {x}, {}, {0}},
          {"Dropout", "one output", {x}, {}, {0}},
          {"Dropout", "with its mask", {x, Tensor::scalar(0.5F)}, {}, {0}, 1e-7, 2},
          {"Cast", "float to float", {x}, {{"to", std::int64_t{11}}}, {0}},
          {"Cast", "float to integer", {x}, {{"to", std::int64_t{7}}}},
          {"Cast", "float to truth", {x}, {{"to", std::int64_t{9}}}},
          {"Cast", "integer to float", {ints({-2, 0, 5})}, {{"to", std::int64_t{1}}}}};
}

Samples shape_samples() {
  const Tensor x = random_tensor({2, 3, 4}, 1), thin = random_tensor({1, 3, 1, 2}, 2);
  return {{"Shape", "all", {x}},
          {"Shape", "some", {x}, {{"start", std::int64_t{-2}}, {"end", std::int64_t{2}}}},
          {"Size", "plain", {x}},
          {"Reshape", "numbers", {x, ints({4, 6})}, {}, {0}},
          {"Reshape", "a zero and a rest", {x, ints({0, -1})}, {}, {0}},
          {"Reshape", "a scalar", {Tensor::of<float>({1, 1}, {2}), ints({})}, {}, {0}},
          {"Flatten", "default axis", {x}, {}, {0}},
          {"Flatten", "axis 0", {x}, axis(0), {0}},
          {"Flatten", "negative axis", {x}, axis(-1), {0}},
          {"Flatten", "axis behind the last", {x}, axis(3), {0}},
          {"Squeeze", "all", {thin}, {}, {0}},
          {"Squeeze", "one axis", {thin, ints({-2})}, {}, {0}},
          {"Unsqueeze", "two axes", {x, ints({0, -1})}, {}, {0}},
          {"Transpose", "reversed", {x}, {}, {0}},
          {"Transpose", "permuted", {x}, {{"perm", Ints{1, 2, 0}}}, {0}},
          {"Expand", "inner ones", {thin, ints({2, 3, 2, 1})}, {}, {0}},
          {"Expand", "leading", {random_tensor({3}, 3), ints({2, 2, 1})}, {}, {0}},
          {"Tile", "two axes", {random_tensor({2, 3}, 3), ints({3, 2})}, {}, {0}},
          {"Tile", "one axis", {random_tensor({2, 3, 2}, 3), ints({1, 2, 1})}, {}, {0}},
          {"Tile", "nothing", {random_tensor({2, 3}, 3), ints({1, 1})}, {}, {0}}};
}

Samples slice_samples() {
  const Tensor x = random_tensor({3, 7, 4}, 1);
  const auto slice = [&](std::string label, Ints starts, Ints ends, Ints axes, Ints steps) {
    return Sample{"Slice", std::move(label), {x, ints(starts), ints(ends), ints(axes), ints(steps)}, {}, {0}};
  };
  return {{"Slice", "first axes", {x, ints({1, 2}), ints({3, 5})}, {}, {0}},
          {"Slice", "by axes", {x, ints({1}), ints({-1}), ints({-2})}, {}, {0}},
          slice("everything", {0}, {kFar}, {1}, {1}),
          slice("reversed", {-1}, {-kFar}, {1}, {-1}),
          slice("every second", {1}, {7}, {1}, {2}),
          slice("every third, to the end", {0}, {kFar}, {1}, {3}),
          slice("backwards by two", {5}, {0}, {1}, {-2}),
          slice("backwards by three, from beyond", {99}, {-99}, {1}, {-3}),
          slice("several axes", {2, 6, 1}, {-9, 1, 4}, {0, 1, 2}, {-1, -2, 2}),
          slice("nothing", {4}, {2}, {1}, {1})};
}

Samples joining_samples() {
  const Tensor a = random_tensor({2, 3, 2}, 1), b = random_tensor({2, 1, 2}, 2), c = random_tensor({2, 4, 2}, 3);
  return {{"Concat", "middle axis", {a, b, c}, axis(1), {0, 1, 2}},
          {"Concat", "negative axis", {a, a}, axis(-1), {0, 1}},
          {"Concat", "only the last wanted", {a, b, c}, axis(-2), {2}},
          {"Concat", "one input", {a}, axis(0), {0}},
          {"Concat", "integers", {ints({1, 2}), ints({3})}, axis(0)},
          {"Split", "even", {c}, {{"axis", std::int64_t{1}}, {"num_outputs", std::int64_t{2}}}, {0}, 1e-7, 2},
          {"Split", "uneven", {c}, {{"axis", std::int64_t{-2}}, {"num_outputs", std::int64_t{3}}}, {0}, 1e-7, 3},
          {"Split", "by sizes", {c, ints({1, 0, 3})}, axis(1), {0}, 1e-7, 3}};
}

Samples index_samples() {
  const Tensor x = distinct_tensor({3, 4, 2}, 1);
  const Tensor twice = Tensor::of<std::int64_t>({2, 2}, {0, -1, 1, 0});
  return {{"Gather", "scalar", {x, Tensor::scalar<std::int64_t>(-1)}, axis(1), {0}},
          {"Gather", "vector, an index twice", {x, ints({2, 0, 2})}, axis(0), {0}},
          {"Gather", "matrix", {x, twice}, axis(1), {0}},
          {"Gather", "matrix, last axis", {x, twice}, axis(-1), {0}},
          {"Gather", "sizes", {ints({5, 6, 7}), ints({2, 0})}, axis(0)},
          {"ArgMax", "keeps", {x}, axis(1)},
          {"ArgMax", "drops", {x}, {{"axis", std::int64_t{-1}}, {"keepdims", std::int64_t{0}}}},
          {"ArgMax", "ties", {ints({3, 1, 3})}, {{"select_last_index", std::int64_t{1}}}},
          {"TopK", "largest", {x, ints({2})}, axis(1), {0}, 1e-7, 2},
          {"TopK", "smallest, values only", {x, ints({1})}, {{"largest", std::int64_t{0}}}, {0}}};
}

Samples reduce_samples() {
  Samples all;
  const Tensor x = distinct_tensor({2, 3, 4}, 1, 0.11F), positive = random_tensor({2, 3, 4}, 2, 0.5F, 1.5F);
  for (const char* op : {"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2",
                         "ReduceSumSquare", "ReduceLogSumExp"}) {
    const Tensor& t = op == std::string("ReduceProd") ? positive : x;
    const Attrs drop{{"keepdims", std::int64_t{0}}};
    join(all, {{op, "all axes", {t}, {}, {0}},
               {op, "all axes, dropped", {t}, drop, {0}},
               {op, "one axis", {t, ints({1})}, {}, {0}},
               {op, "two axes, dropped", {t, ints({-1, 0})}, drop, {0}},
               {op, "no axes", {t, ints({})}, {{"noop_with_empty_axes", std::int64_t{1}}}, {0}}});
  }
  join(all, {{"ReduceSum", "integers", {ints({3, -5, 9})}},
             {"ReduceMean", "integers", {ints({3, 5, 9})}},
             {"ReduceMax", "integers", {ints({-3, -5})}},
             {"ReduceL2", "zeros", {Tensor::of<float>({2}, {0, 0})}},
             {"ReduceLogSumExp", "large", {Tensor::of<float>({2}, {500, 501})}, {}, {0}}});
  return all;
}

Samples matrix_samples() {
  Samples all;
  const auto flags = [](bool ta, bool tb, double alpha, double beta) {
    return Attrs{{"transA", std::int64_t{ta}}, {"transB", std::int64_t{tb}}, {"alpha", alpha}, {"beta", beta}};
  };
  for (bool ta : {false, true})
    for (bool tb : {false, true})
      for (const Dims& bias : {Dims{2, 4}, Dims{4}, Dims{2, 1}, Dims{}})
        all.push_back({"Gemm",
                       std::string(ta ? "A turned, " : "") + (tb ? "B turned, " : "") + to_string(std::span(bias)),
                       {random_tensor(ta ? Dims{3, 2} : Dims{2, 3}, 1),
                        random_tensor(tb ? Dims{4, 3} : Dims{3, 4}, 2), random_tensor(bias, 3)},
                       flags(ta, tb, 0.5, 2),
                       {0, 1, 2}});
  all.push_back({"Gemm", "no bias", {random_tensor({2, 3}, 1), random_tensor({3, 4}, 2)}, {}, {0, 1}});
  for (const auto& [a, b] : std::vector<std::pair<Dims, Dims>>{{{2, 3}, {3, 4}},
                                                               {{3}, {3}},
                                                               {{3}, {3, 2}},
                                                               {{2, 3}, {3}},
                                                               {{2, 2, 3}, {3, 2}},
                                                               {{2, 3}, {4, 3, 2}},
                                                               {{2, 1, 2, 3}, {3, 3, 1}},
                                                               {{2, 2, 3}, {3}}})
    all.push_back({"MatMul",
                   to_string(std::span(a)) + " by " + to_string(std::span(b)),
                   {random_tensor(a, 1), random_tensor(b, 2)},
                   {},
                   {0, 1}});
  all.push_back({"MatMul", "integers", {ints({1, 2}), ints({3, 4})}});
  for (const char* op : {"Softmax", "LogSoftmax"})
    for (std::int64_t a : {-1, 0, 1})
      all.push_back({op, "axis " + std::to_string(a), {random_tensor({2, 3, 2}, 1)}, axis(a), {0}});
  all.push_back({"Softmax", "large", {Tensor::of<float>({1, 3}, {900, 899, -900})}, {}, {0}});
  return all;
}

}  // namespace

std::vector<Sample> tensor_samples() {
  Samples all;
  for (auto part : {constant_samples, passing_samples, shape_samples, slice_samples, joining_samples, index_samples,
                    reduce_samples, matrix_samples})
    join(all, part());
  return all;
}

}  // namespace limn::testing
