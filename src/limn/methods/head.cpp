#include "limn/methods/head.h"

#include <array>

#include "limn/ops/build.h"

namespace limn {
namespace {

bool one_of(std::string_view op, std::initializer_list<std::string_view> names) {
  for (std::string_view n : names)
    if (op == n) return true;
  return false;
}

/// Walks back from the class scores to the activation, noting the one layer of weights and the one pool on the way.
class HeadWalk {
 public:
  HeadWalk(GraphBuilder& g, ValueId activation) : g_(g), activation_(activation) {}

  Value weights(ValueId from) {
    for (ValueId v = from; v != activation_;) {
      const auto producer = g_.info(v).producer;
      if (!producer) refuse("the walk back from the class scores ends at '" + g_.info(v).name + "'");
      v = before(g_.node(*producer));
    }
    if (!weights_ || !pooled_) refuse("there is no global average pool with one dense layer or 1x1 convolution");
    return weights_;
  }

 private:
  [[noreturn]] void refuse(const std::string& found) const {
    throw Error(ErrorCode::unsupported, "cam needs a classifier that is linear behind a global average pool",
                found + "; target layer '" + g_.info(activation_).name + "'",
                "use grad-cam, which needs no special head, or name the layer that the global pool reads");
  }

  /// The value that `node` reads on the way to the activation.
  ValueId before(const Node& node) {
    if (one_of(node.op, {"Flatten", "Reshape", "Squeeze", "Transpose", "Identity", "Dropout"})) return node.in[0];
    // A rectifier is fine between a 1x1 convolution and the pool, not between the pool and a dense layer.
    if (node.op == "Relu" && !weights_) return node.in[0];
    if (node.op == "Add" && !weights_) return data_input(node);
    if (pools_globally(node)) {
      if (pooled_) refuse("two global pools");
      pooled_ = true;
      return node.in[0];
    }
    if (one_of(node.op, {"Gemm", "MatMul", "Conv"})) return take_weights(node);
    refuse("found " + node.op + " at '" + node.name + "'");
  }

  ValueId data_input(const Node& node) const { return g_.info(node.in[0]).constant ? node.in[1] : node.in[0]; }

  bool pools_globally(const Node& node) const {
    if (node.op == "GlobalAveragePool") return true;
    if (!one_of(node.op, {"ReduceMean", "AveragePool"})) return false;
    const auto& in = g_.info(node.in[0]).type.shape;
    const auto& out = g_.info(node.out[0]).type.shape;
    if (!in || !out || in->size() != 4) return false;
    const auto inside = [&](std::size_t axis) {
      return out->size() == 4 ? (*out)[axis] == Dim(1) : out->size() == 2;
    };
    return inside(2) && inside(3) && (*out)[1] == (*in)[1];
  }

  ValueId take_weights(const Node& node) {
    if (weights_) refuse("a second layer of weights at '" + node.name + "'");
    const Value w = g_.handle(node.in[1]);
    if (!g_.info(w.id).constant) refuse("the weights of '" + node.name + "' are computed");
    const bool transposed = node.op == "MatMul" || (node.op == "Gemm" && node.attrs.integer("transB", 0) == 0);
    if (node.op == "Conv") {
      const Dims dims = g_.info(w.id).constant->dims();
      if (dims.size() != 4 || dims[2] != 1 || dims[3] != 1 || node.attrs.integer("group", 1) != 1)
        refuse("the last convolution '" + node.name + "' is not 1x1");
      weights_ = reshape(w, std::vector<std::int64_t>{dims[0], dims[1]});
    } else {
      weights_ = transposed ? transpose(w, {1, 0}) : w;
    }
    return node.in[0];
  }

  GraphBuilder& g_;
  ValueId activation_;
  Value weights_;
  bool pooled_ = false;
};

}  // namespace

Value class_weights(Value logits, Value activation) {
  return HeadWalk(*logits.in, activation.id).weights(logits.id);
}

}  // namespace limn
