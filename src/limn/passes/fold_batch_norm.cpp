#include "limn/passes/fold_batch_norm.h"

#include <algorithm>
#include <cmath>

#include "limn/passes/rebuild.h"

namespace limn {
namespace {

/// Batch normalisation as y = scale * x + shift, per channel.
struct Affine {
  std::vector<double> scale, shift;
};

std::vector<double> doubles(const Tensor& t) {
  const Tensor d = t.converted(DType::f64);
  const auto v = d.as<double>();
  return {v.begin(), v.end()};
}

Affine affine_of(const Graph& graph, const Node& norm) {
  const auto gamma = doubles(*graph.constant(norm.in[1])), beta = doubles(*graph.constant(norm.in[2]));
  const auto mean = doubles(*graph.constant(norm.in[3])), variance = doubles(*graph.constant(norm.in[4]));
  const auto epsilon = static_cast<double>(static_cast<float>(norm.attrs.real("epsilon", 1e-5)));
  Affine a;
  for (std::size_t c = 0; c < gamma.size(); ++c) {
    a.scale.push_back(gamma[c] / std::sqrt(variance[c] + epsilon));
    a.shift.push_back(beta[c] - mean[c] * a.scale[c]);
  }
  return a;
}

Tensor scaled_weights(const Tensor& w, const Affine& a) {
  Tensor out(DType::f32, w.dims());
  const auto from = w.as<float>();
  const auto to = out.mutable_view().as<float>();
  const std::size_t filter = from.size() / a.scale.size();
  for (std::size_t c = 0; c < a.scale.size(); ++c)
    for (std::size_t i = c * filter; i < (c + 1) * filter; ++i) to[i] = static_cast<float>(from[i] * a.scale[c]);
  return out;
}

Tensor folded_bias(const Tensor* bias, const Affine& a) {
  std::vector<float> out;
  for (std::size_t c = 0; c < a.scale.size(); ++c) {
    const double b = bias == nullptr ? 0.0 : static_cast<double>(bias->as<float>()[c]);
    out.push_back(static_cast<float>(b * a.scale[c] + a.shift[c]));
  }
  return Tensor::of<float>({static_cast<std::int64_t>(out.size())}, out);
}

class Fold {
 public:
  Fold(const Graph& graph, std::span<const std::string> keep)
      : graph_(graph), keep_(keep), uses_(graph.use_counts()), rebuild_(graph) {}

  Graph run() {
    std::vector<char> folded(graph_.nodes().size());
    for (const Node& node : graph_.nodes())
      if (const auto conv = convolution_before(node)) folded[*conv] = 1;
    for (std::size_t k = 0; k < folded.size(); ++k) {
      const Node& node = graph_.nodes()[k];
      if (folded[k]) continue;
      if (const auto conv = convolution_before(node))
        fold(graph_.nodes()[*conv], node);
      else
        rebuild_.copy(node);
    }
    return std::move(rebuild_).finish();
  }

 private:
  bool is_constant(ValueId id) const { return id != kAbsent && graph_.constant(id) != nullptr; }
  bool is_float_constant(ValueId id) const { return is_constant(id) && graph_.constant(id)->dtype() == DType::f32; }

  /// The convolution that this node can be folded into.
  std::optional<std::size_t> convolution_before(const Node& norm) const {
    if (norm.op != "BatchNormalization" || norm.in.size() != 5 || norm.attrs.integer("training_mode", 0) != 0)
      return {};
    if (std::ranges::any_of(norm.out.begin() + 1, norm.out.end(), [](ValueId o) { return o != kAbsent; }))
      return {};
    if (!std::all_of(norm.in.begin() + 1, norm.in.end(), [&](ValueId i) { return is_constant(i); })) return {};
    const ValueInfo& x = graph_.value(norm.in[0]);
    if (!x.producer || uses_[index(norm.in[0])] != 1 || std::ranges::find(keep_, x.name) != keep_.end()) return {};
    const Node& conv = graph_.nodes()[*x.producer];
    const bool has_bias = conv.in.size() > 2 && conv.in[2] != kAbsent;
    if (conv.op != "Conv" || !is_float_constant(conv.in[1]) || (has_bias && !is_float_constant(conv.in[2])))
      return {};
    return x.producer;
  }

  void fold(const Node& conv, const Node& norm) {
    const Affine a = affine_of(graph_, norm);
    const bool has_bias = conv.in.size() > 2 && conv.in[2] != kAbsent;
    const Value w =
        rebuild_.to().constant(scaled_weights(*graph_.constant(conv.in[1]), a), graph_.value(conv.in[1]).name);
    const Value b = rebuild_.to().constant(folded_bias(has_bias ? graph_.constant(conv.in[2]) : nullptr, a),
                                           has_bias ? graph_.value(conv.in[2]).name : conv.name + ".bias");
    Node fresh{"Conv", conv.name, {rebuild_(conv.in[0]).id, w.id, b.id}, {}, conv.attrs};
    rebuild_.append(std::move(fresh), norm.out[0]);
  }

  const Graph& graph_;
  std::span<const std::string> keep_;
  std::vector<std::uint32_t> uses_;
  Rebuild rebuild_;
};

}  // namespace

Graph fold_batch_norm(const Graph& graph, std::span<const std::string> keep) { return Fold(graph, keep).run(); }

}  // namespace limn
