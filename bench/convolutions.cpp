// The convolutions of whole networks: those of one group, stride 1, no dilation, and at least 64 channels before
// and after.

#include <map>

#include "kernels.h"
#include "limn/autodiff.h"
#include "limn/explain.h"
#include "limn/model.h"
#include "limn/ops/build.h"
#include "limn/ops/table.h"
#include "limn/passes/bind.h"

namespace limn::bench {
namespace {

struct Convolution {
  Dims x, y, weights;
  Attrs attrs;

  double multiply_adds() const {
    return static_cast<double>(element_count(y)) * static_cast<double>(element_count(weights) / weights[0]);
  }
  std::string name() const {
    return fmt::format("{}x{}x{} to {}, {}x{}", x[1], x[2], x[3], y[1], weights[2], weights[3]);
  }
  bool counts() const {
    const auto ones = [&](const char* key) {
      return attrs.integers(key, {1, 1}) == std::vector<std::int64_t>{1, 1};
    };
    constexpr std::int64_t kChannels = 64;
    return x.size() == 4 && attrs.integer("group", 1) == 1 && ones("strides") && ones("dilations") &&
           x[1] >= kChannels && y[1] >= kChannels;
  }
};

/// By name, with how often each occurs.
std::map<std::string, std::pair<Convolution, int>> convolutions_of(const std::string& model, std::int64_t batch) {
  const Graph graph = limn::bind(with_batch(as_classifier(import_onnx(model).graph).graph, batch), {});
  std::map<std::string, std::pair<Convolution, int>> found;
  for (const Node& node : graph.nodes()) {
    if (node.op != "Conv") continue;
    const Convolution c{known_dims(graph.shape(node.in[0])), known_dims(graph.shape(node.out[0])),
                        known_dims(graph.shape(node.in[1])), node.attrs};
    if (c.counts()) ++found.try_emplace(c.name(), c, 0).first->second.second;
  }
  return found;
}

Graph build(const Convolution& c, bool gradient) {
  GraphBuilder g(operators());
  const Value x = g.input("x", {DType::f32, to_shape(c.x)});
  Tensor weights(DType::f32, c.weights);
  unsigned state = 7;
  for (float& v : weights.mutable_view().as<float>())
    v = static_cast<float>((state = state * 1664525U + 1013904223U) >> 8) / 8388608.0F - 1.0F;
  Value y = emit("Conv", {x, g.constant(weights)}, c.attrs);
  if (gradient) {
    const Value wrt[] = {x};
    y = pull_back(y, g.input("dy", y.type()), wrt).front();
  }
  return std::move(g).finish({{"y", y}});
}

}  // namespace

void register_convolutions(const std::string& model, std::int64_t batch, int threads) {
  const std::string stem = std::filesystem::path(model).stem();
  for (const auto& [name, entry] : convolutions_of(model, batch)) {
    const Convolution c = entry.first;
    for (const bool gradient : {false, true})
      register_graph(
          stem + "/" + name + "/" + (gradient ? "gradient" : "forward"), [=] { return build(c, gradient); },
          c.multiply_adds(), {{"times", entry.second}}, threads);
  }
}

}  // namespace limn::bench
