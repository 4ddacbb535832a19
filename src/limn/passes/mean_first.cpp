#include "limn/passes/mean_first.h"

#include <algorithm>
#include <map>
#include <utility>

#include "limn/ops/build.h"
#include "limn/passes/node_facts.h"
#include "limn/passes/rebuild.h"
#include "limn/passes/token_mean.h"

namespace limn {
namespace {

class MeanFirst {
 public:
  MeanFirst(const Graph& graph, ChannelMeans means)
      : graph_(graph), means_(means), rebuild_(graph), token_mean_(rebuild_) {}

  Graph run() && {
    for (const Node& node : graph_.nodes())
      if (!is_mean_of_pixels(node) || !rewrite(node)) rebuild_.copy(node);
    return std::move(rebuild_).finish();
  }

 private:
  const std::string& name_of(ValueId id) const { return graph_.value(id).name; }

  /// ReduceMean [N, C, H, W] -> [N, C, 1, 1]
  bool is_mean_of_pixels(const Node& node) {
    if (node.op != "ReduceMean" || node.attrs.integer("keepdims", 1) == 0 || node.in.size() != 2) return false;
    const Type& type = graph_.value(node.in[0]).type;
    const Tensor* listed = rebuild_.constant(node.in[1]);
    if (type.dtype != DType::f32 || !type.shape || type.shape->size() != 4 || listed == nullptr) return false;
    std::vector<std::int64_t> axes = listed->to_int64();
    for (std::int64_t& axis : axes)
      if (axis < 0) axis += 4;
    std::ranges::sort(axes);
    return axes == std::vector<std::int64_t>{2, 3};
  }

  bool rewrite(const Node& mean) {
    ValueId at = mean.in[0];
    double share = 1;
    std::vector<const Node*> mixers;  // from the mean on
    for (const Node* p = producer_of(graph_, at); p != nullptr; p = producer_of(graph_, at)) {
      if (mixes_channels(*p))
        mixers.push_back(p);
      else if (hands_on(*p))
        share *= pixels(p->in[0]) / pixels(at);
      else
        break;
      at = p->in[0];
    }
    Value result = of_product(at, mean);
    if (!result) result = token_mean_.of_grid(at);
    if (!result && at == mean.in[0]) return false;
    const std::string& name = name_of(mean.out[0]);
    if (!result)
      result = rebuild_.to().add("ReduceMean", {rebuild_(at), rebuild_(mean.in[1])}, {}, name + "/small");
    for (; !mixers.empty(); mixers.pop_back()) {
      const Shape weights = rebuild_(mixers.back()->in[1]).shape();
      const Value rows = limn::reshape(result, {0, weights[0].value});
      result = times_means(rows, mixers.back()->in[1], weights[1].value, name);
    }
    if (share != 1) {
      const Value factor =
          rebuild_.to().constant(Tensor::scalar<float>(static_cast<float>(share)), name + "/share");
      result = rebuild_.to().add("Mul", {result, factor}, {}, name);
    }
    rebuild_.replace(mean.out[0], result);
    return true;
  }

  double pixels(ValueId id) const {
    const Shape& shape = graph_.shape(id);
    return static_cast<double>(shape[2].value * shape[3].value);
  }

  /// Whether the node is the gradient of a pooling, and hands all that it reads to some pixel. The windows of a
  /// maximum pooling hold one, as no padding is as large as a window; with gaps they may not.
  bool hands_on(const Node& node) const {
    const bool all = node.op == "limn::AveragePoolGrad"
                         ? pools_evenly(node)
                         : node.op == "limn::MaxPoolGrad" && all_equal(node.attrs.integers("dilations"), 1);
    return all && is_known(pixel_sizes(node.in[0])) && is_known(pixel_sizes(node.out[0]));
  }
  Shape pixel_sizes(ValueId id) const {
    const Shape& shape = graph_.shape(id);
    return {shape[2], shape[3]};
  }

  /// The mean of Reshape(dy W, [N, C, H, W]); nothing where that is not what the value is.
  Value of_product(ValueId id, const Node& mean) {
    const Node* reshape = producer_of(graph_, id);
    if (reshape == nullptr || reshape->op != "Reshape" || graph_.shape(id).size() != 4) return {};
    const Node* product = producer_of(graph_, reshape->in[0]);
    if (product == nullptr || !is_plain_product(*product)) return {};
    const Shape &flat = graph_.shape(product->out[0]), &map = graph_.shape(id);
    const Shape sizes{map[1], map[2], map[3]};
    if (!is_same_size(flat[0], map[0]) || !is_known(sizes)) return {};
    const std::int64_t channels = map[1].value, columns = channels * map[2].value * map[3].value;
    if (flat[1] != Dim(columns) || columns == channels) return {};
    return times_means(rebuild_(product->in[0]), product->in[1], channels, name_of(mean.out[0]));
  }

  /// [N, K] times the means of weights over the pixels of each channel, as [N, channels, 1, 1].
  Value times_means(Value rows, ValueId weights, std::int64_t channels, const std::string& name) {
    GraphBuilder& g = rebuild_.to();
    Value& small = of_weights_[{weights, channels}];
    if (!small) small = means_(g, rebuild_(weights), channels);
    return limn::reshape(g.add("Gemm", {rows, small}, {}, name + "/product"), {0, channels, 1, 1});
  }

  /// Whether the node is the gradient of a convolution that treats every pixel alone.
  bool mixes_channels(const Node& node) {
    if (node.op != "limn::ConvGrad") return false;
    const Tensor* w = rebuild_.constant(node.in[1]);
    return w != nullptr && is_pointwise(node, w->dims()) && node.attrs.integer("group", 1) == 1;
  }

  /// dy W for a constant W, and nothing else.
  bool is_plain_product(const Node& node) {
    if (node.op != "Gemm" && node.op != "MatMul") return false;
    const auto& rows = graph_.value(node.in[0]).type.shape;
    const Tensor* weights = rebuild_.constant(node.in[1]);
    if (!rows || rows->size() != 2 || weights == nullptr || weights->dims().size() != 2) return false;
    if (node.op == "MatMul") return true;
    const bool biased = node.in.size() > 2 && node.in[2] != kAbsent;
    return !biased && node.attrs.integer("transA", 0) == 0 && node.attrs.integer("transB", 0) == 0 &&
           node.attrs.real("alpha", 1.0) == 1.0;
  }

  const Graph& graph_;
  ChannelMeans means_;
  Rebuild rebuild_;
  TokenMean token_mean_;
  std::map<std::pair<ValueId, std::int64_t>, Value> of_weights_;  ///< by weights and channels
};

}  // namespace

Value channel_means_as_nodes(GraphBuilder& g, Value weights, std::int64_t channels) {
  const std::int64_t rows = weights.shape()[0].value;
  if (element_count(known_dims(weights.shape())) == rows * channels)
    return limn::reshape(weights, {rows, channels});
  const Value split = emit("Reshape", {weights, int64_constant(g, {rows, channels, -1})});
  return reduce_mean(split, {2}, false);
}

Graph mean_first(const Graph& graph, ChannelMeans means) { return MeanFirst(graph, means).run(); }

}  // namespace limn
