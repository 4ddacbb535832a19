#include "limn/zoo/layers.h"

#include <array>
#include <span>
#include <utility>

#include "limn/ops/table.h"

namespace limn {
namespace {

std::vector<std::int64_t> both(Extent e) { return {e.h, e.w}; }
/// At the begin and the end of both axes.
std::vector<std::int64_t> pads(Extent e) { return {e.h, e.w, e.h, e.w}; }

Attrs attributes(const Pooling& p) {
  return {{"kernel_shape", both(p.kernel)},
          {"strides", both(p.stride)},
          {"pads", pads(p.pad)},
          {"ceil_mode", std::int64_t{p.ceil}}};
}

}  // namespace

Layers::Layers(const Architecture& architecture, Weights weights, const NetworkOptions& options)
    : architecture_(architecture), options_(options), weights_(std::move(weights)), graph_(operators()) {
  graph_.set_metadata("graph", std::string(architecture.name));
}

Value Layers::input() {
  const Shape shape{Dim("N"), architecture_.channels, architecture_.size, architecture_.size};
  const Value image = graph_.input("input", {DType::f32, shape});
  if (!architecture_.transforms_input || !options_.transform_input) return image;
  // From (x - mean) / std, ImageNet's, to (x - 0.5) / 0.5.
  constexpr double kHalf = 0.5, kMean[] = {0.485, 0.456, 0.406}, kStd[] = {0.229, 0.224, 0.225};
  std::array<float, 3> scale{}, shift{};
  for (std::size_t c = 0; c < scale.size(); ++c) {
    scale[c] = static_cast<float>(kStd[c] / kHalf);
    shift[c] = static_cast<float>((kMean[c] - kHalf) / kHalf);
  }
  const auto channel_constant = [&](const std::array<float, 3>& values, const std::string& name) {
    return graph_.constant(Tensor::of<float>({1, 3, 1, 1}, std::span(values)), name);
  };
  const Value scaled =
      graph_.add("Mul", {image, channel_constant(scale, "transform_input.std")}, {}, "transform_input.scaled");
  return graph_.add("Add", {scaled, channel_constant(shift, "transform_input.mean")}, {}, "transform_input");
}

Value Layers::named(const std::string& op, const std::string& node, std::vector<Value> in, Attrs attrs,
                    const std::string& value) {
  Node n{op, node, {}, {}, std::move(attrs)};
  for (const Value& v : in) n.in.push_back(v.id);
  return graph_.add_node(std::move(n), {value}).front();
}

Value Layers::convolution(Value x, const std::string& module, const Convolution& c) {
  std::vector<Value> in{x, weight(module + ".weight", {c.out, channels(x) / c.groups, c.kernel.h, c.kernel.w})};
  if (c.bias) in.push_back(weight(module + ".bias", {c.out}));
  return graph_.add("Conv", std::move(in),
                    {{"kernel_shape", both(c.kernel)},
                     {"strides", both(c.stride)},
                     {"pads", pads(c.pad)},
                     {"dilations", both(1)},
                     {"group", c.groups}},
                    module);
}

Value Layers::batch_norm(Value x, const std::string& module, double epsilon) {
  std::vector<Value> in{x};
  for (const char* part : {".weight", ".bias", ".running_mean", ".running_var"})
    in.push_back(weight(module + part, {channels(x)}));
  return graph_.add("BatchNormalization", std::move(in), {{"epsilon", epsilon}}, module);
}

Value Layers::relu(Value x, const std::string& module) { return graph_.add("Relu", {x}, {}, module); }

Value Layers::relu6(Value x, const std::string& module) {
  const Value low = graph_.constant(Tensor::scalar(0.0F), module + ".min");
  const Value high = graph_.constant(Tensor::scalar(6.0F), module + ".max");
  return graph_.add("Clip", {x, low, high}, {}, module);
}

Value Layers::max_pool(Value x, const std::string& module, const Pooling& p) {
  return graph_.add("MaxPool", {x}, attributes(p), module);
}

Value Layers::average_pool(Value x, const std::string& module, const Pooling& p) {
  Attrs attrs = attributes(p);
  attrs.set("count_include_pad", std::int64_t{1});
  return graph_.add("AveragePool", {x}, std::move(attrs), module);
}

Value Layers::global_average_pool(Value x, const std::string& module) {
  return graph_.add("GlobalAveragePool", {x}, {}, module);
}

Value Layers::flatten(Value x) { return graph_.add("Flatten", {x}, {{"axis", std::int64_t{1}}}, "flatten"); }

Value Layers::concat(std::vector<Value> x, const std::string& module) {
  return graph_.add("Concat", std::move(x), {{"axis", std::int64_t{1}}}, module);
}

Value Layers::add(Value a, Value b, const std::string& module) { return graph_.add("Add", {a, b}, {}, module); }

Value Layers::linear(Value x, const std::string& module, std::int64_t out) { return dense(x, module, out, module); }

Value Layers::dense(Value x, const std::string& module, std::int64_t out, const std::string& value) {
  const Value w = weight(module + ".weight", {out, channels(x)});
  return named("Gemm", module, {x, w, weight(module + ".bias", {out})}, {{"transB", std::int64_t{1}}}, value);
}

void Layers::set_classes(const std::string& module) {
  constexpr std::int64_t kUsual = 1000;  // to have a number to compare with where the weight is missing
  classes_ = weights_.rows(module + ".weight", kUsual);
}

Value Layers::classifier(Value x, const std::string& module) {
  set_classes(module);
  return dense(x, module, classes_, "logits");
}

Value Layers::class_convolution(Value x, const std::string& module) {
  set_classes(module);
  return convolution(x, module, {.out = classes_, .kernel = 1});
}

BuiltNetwork Layers::finish(Value result, const std::string& output,
                            const std::vector<std::string_view>& may_be_left) && {
  BuiltNetwork network;
  network.ignored = weights_.finish(architecture_.name, may_be_left);
  network.classes = classes_;
  network.graph = std::move(graph_).finish({{output, result}});
  return network;
}

}  // namespace limn
