// Operators that move elements, between convolutions: forward and backward against the reference in double.

#include "runtime/small_network.h"

namespace limn {
namespace {

using Make = Value (*)(SmallNetwork&, Value);

Value integers(SmallNetwork& n, Ints v) { return int64_constant(n.graph(), std::move(v)); }
Value floats(SmallNetwork& n, std::vector<float> v) {
  return n.weight(Tensor::of<float>({static_cast<std::int64_t>(v.size())}, v));
}
Value indices(SmallNetwork& n, Dims dims, Ints v) { return n.weight(Tensor::of<std::int64_t>(std::move(dims), v)); }

Value resized(SmallNetwork& n, Value x, const std::string& mode, std::vector<float> scales) {
  return n.graph().add("Resize", {x, {}, floats(n, std::move(scales))}, {{"mode", mode}});
}

Value padded(SmallNetwork& n, Value x, const std::string& mode) {
  return n.graph().add("Pad", {x, integers(n, {0, 0, 2, 1, 0, 0, 1, 3})}, {{"mode", mode}});
}

struct Moving {
  const char* name;
  Make make;  ///< on [N, 8, 6, 4]
};
const Moving kMoving[] = {
    {"nearest",
     [](SmallNetwork& n, Value x) {
       return resized(n, x, "nearest", {1, 1, 2, 2});
     }},
    {"linear",
     [](SmallNetwork& n, Value x) {
       return resized(n, x, "linear", {1, 1, 2, 1.5F});
     }},
    {"cubic",
     [](SmallNetwork& n, Value x) {
       return resized(n, x, "cubic", {1, 1, 0.5F, 3});
     }},
    {"depth_to_space",
     [](SmallNetwork& n, Value x) {
       return n.graph().add("DepthToSpace", {x}, {{"blocksize", std::int64_t{2}}, {"mode", std::string("CRD")}});
     }},
    {"space_to_depth",
     [](SmallNetwork& n, Value x) {
       return n.graph().add("SpaceToDepth", {x}, {{"blocksize", std::int64_t{2}}});
     }},
    {"reflect", [](SmallNetwork& n, Value x) { return padded(n, x, "reflect"); }},
    {"edge", [](SmallNetwork& n, Value x) { return padded(n, x, "edge"); }},
    {"crop",
     [](SmallNetwork& n, Value x) {
       return n.graph().add("CenterCropPad", {x, integers(n, {3, 7})}, {{"axes", Ints{2, 3}}});
     }},
    {"gather_nd",
     [](SmallNetwork& n, Value x) {
       const Value turned = transpose(x, {1, 2, 0, 3});
       const Value rows = n.graph().add("GatherND", {turned, indices(n, {8, 5, 1}, Ints(40, 3))},
                                        {{"batch_dims", std::int64_t{1}}});
       return transpose(rows, {2, 0, 1, 3});
     }},
    {"scatter_nd",
     [](SmallNetwork& n, Value x) {
       const Value turned = transpose(x, {2, 3, 0, 1}), at = indices(n, {2, 1}, {4, 1});
       const Value rows = n.graph().add("GatherND", {turned, at});
       return transpose(n.graph().add("ScatterND", {turned, at, rows * 2.0F}, {{"reduction", std::string("add")}}),
                        {2, 3, 0, 1});
     }},
    {"unpool",
     [](SmallNetwork& n, Value x) {
       const Attrs two{{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}};
       const auto pooled = n.graph().add_many("MaxPool", {x}, two, 2);
       return n.graph().add("MaxUnpool", {pooled[0], pooled[1]}, two);
     }},
};

class MovedElements : public ::testing::TestWithParam<Moving> {};

TEST_P(MovedElements, LikeReference) {
  SmallNetwork n(7);
  const Value x = n.input(3, 6, 4);
  const Attrs around{{"pads", Ints{1, 1, 1, 1}}};
  const Value before = relu(n.conv(x, 8, {3, 3}, around));
  const Value after = n.conv(GetParam().make(n, before), 16, {3, 3}, around);
  const Value logits = n.dense(n.flatten(n.global_average(relu(after))), 5);
  const Value target = n.graph().input("target", logits.type());
  const Value wrt[] = {x};
  const std::vector<Value> d = pull_back(logits, target, wrt, gradients());
  const Graph graph = n.finish({{"logits", logits}, {"dx", d[0]}});
  const Feeds feeds{{"x", n.normal({2, 3, 6, 4}, 1)}, {"target", n.normal({2, 5}, 1)}};
  expect_like_reference(graph, feeds, {{{"N", 2}}, 1});
}

INSTANTIATE_TEST_SUITE_P(Operators, MovedElements, ::testing::ValuesIn(kMoving),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace limn
