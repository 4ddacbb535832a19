#pragma once
// The vocabulary in which architectures are written down: one function per kind of module. `module` is the module's
// name, under which its weights lie and after which its value is named.

#include <cstdint>
#include <string>
#include <vector>

#include "limn/graph.h"
#include "limn/zoo.h"
#include "limn/zoo/weights.h"

namespace limn {

/// Height and width; one number serves both.
struct Extent {
  std::int64_t h, w;
  Extent(std::int64_t both) : h(both), w(both) {}  // NOLINT(google-explicit-constructor)
  Extent(std::int64_t height, std::int64_t width) : h(height), w(width) {}
};

struct Convolution {
  std::int64_t out;  ///< channels
  Extent kernel;
  Extent stride = 1;
  Extent pad = 0;
  std::int64_t groups = 1;
  bool bias = true;
};

struct Pooling {
  std::int64_t kernel, stride, pad = 0;
  bool ceil = false;
};

/// A network under construction.
class Layers {
 public:
  Layers(const Architecture& architecture, Weights weights, const NetworkOptions& options);

  /// The image, transformed if the architecture and the options want it.
  Value input();

  Value convolution(Value x, const std::string& module, const Convolution& c);
  Value batch_norm(Value x, const std::string& module, double epsilon = 1e-5);
  Value relu(Value x, const std::string& module);
  Value relu6(Value x, const std::string& module);
  Value max_pool(Value x, const std::string& module, const Pooling& p);
  /// Zeros of the padding count.
  Value average_pool(Value x, const std::string& module, const Pooling& p);
  Value global_average_pool(Value x, const std::string& module);
  Value flatten(Value x);
  Value linear(Value x, const std::string& module, std::int64_t out);
  Value concat(std::vector<Value> x, const std::string& module);
  Value add(Value a, Value b, const std::string& module);

  /// The last layer: as many outputs as the checkpoint has classes. Its value is named "logits".
  Value classifier(Value x, const std::string& module);
  /// As many channels as there are classes.
  Value class_convolution(Value x, const std::string& module);

  /// Channels, or features, of x.
  static std::int64_t channels(Value x) { return x.shape()[1].value; }

  /// `output` names the result. Weights whose names begin so are left out. Throws as build_network() does.
  BuiltNetwork finish(Value result, const std::string& output,
                      const std::vector<std::string_view>& may_be_left = {}) &&;

  /// Adds a node named after a module, whose value has another name.
  Value named(const std::string& op, const std::string& node, std::vector<Value> in, Attrs attrs,
              const std::string& value);

 private:
  Value weight(const std::string& name, Dims dims) {
    return graph_.constant(weights_.take(name, std::move(dims)), name);
  }
  Value dense(Value x, const std::string& module, std::int64_t out, const std::string& value);
  void set_classes(const std::string& module);

  const Architecture& architecture_;
  const NetworkOptions options_;
  Weights weights_;
  GraphBuilder graph_;
  std::int64_t classes_ = 0;
};

}  // namespace limn
