#pragma once
// What an operator means: how its outputs are typed, computed and differentiated. One file per family of operators,
// one row per operator in table.cpp. Kernels that make operators fast live in runtime/, rules that replace their
// derivatives in autodiff/.

#include <array>
#include <span>
#include <string_view>
#include <vector>

#include "limn/graph.h"

namespace limn {

/// Inputs of shape inference. Optional inputs that are left out are nullptr.
struct InferContext {
  const Node& node;
  std::span<const ValueInfo* const> in;

  std::size_t count() const { return in.size(); }
  bool has(std::size_t i) const { return i < in.size() && in[i] != nullptr; }
  /// Type of input i; throws Error{bad_input} when it is left out.
  const Type& type(std::size_t i) const;
  /// Shape of input i; throws Error{unsupported} when it is unknown.
  const Shape& shape(std::size_t i) const;
  DType dtype(std::size_t i) const { return type(i).dtype; }
  /// The input itself when it is a constant; nullptr otherwise (also when left out).
  const Tensor* constant(std::size_t i) const;
  /// The integers of input i: a constant, or a value whose content is completely known; nothing otherwise.
  std::optional<std::vector<std::int64_t>> integers(std::size_t i) const;
  /// The elements of a small integer input as far as they are known (sizes, possibly symbolic); nothing otherwise.
  std::optional<std::vector<Dim>> content(std::size_t i) const;
  /// An Error{bad_input} that names the node and its operator.
  Error wrong(std::string what) const;
};
using Inferred = Schema::Inferred;
/// One entry per output that the node may have (a node with fewer outputs drops the rest).
using InferFn = std::vector<Inferred> (*)(const InferContext&);

/// Inputs and outputs of the reference evaluation; the outputs have their final sizes and are to be filled whole.
/// Float tensors are all f32 or all f64: the double-precision evaluation keeps every float value in f64. Left-out
/// tensors are not present().
struct EvalContext {
  const Node& node;
  std::span<const TensorView> in;
  std::span<const MutableTensorView> out;
};
using EvalFn = void (*)(const EvalContext&);

/// What a derivative rule sees of the node it differentiates: its values, the cotangents of its outputs
/// (`dout`, empty handles where nothing arrives), and which inputs want one. It answers one cotangent per input,
/// an empty handle for those not wanted.
struct VjpContext {
  const Node& node;
  std::span<const Value> in, out, dout;
  std::span<const char> wants;

  GraphBuilder& graph() const { return *out.front().in; }
};
using VjpFn = std::vector<Value> (*)(const VjpContext&);

/// Rewrites a node that ONNX lacks into operators it has; answers the outputs. `in` as in the node.
struct DecomposeContext {
  const Node& node;
  std::span<const Value> in;
  GraphBuilder& graph;
};
using DecomposeFn = std::vector<Value> (*)(const DecomposeContext&);

struct Arity {
  std::size_t min_in, max_in, max_out = 1;
};
inline constexpr std::size_t kAny = 1U << 30;

/// One operator.
struct OpDef {
  std::string_view name;
  Arity arity;
  InferFn infer;
  EvalFn reference;                 ///< plain loops; the oracle of every test and the fallback at run time
  VjpFn vjp = nullptr;              ///< nullptr: no derivative, for the reason in `note`
  DecomposeFn decompose = nullptr;  ///< only for operators that ONNX lacks
  std::string_view note = {};       ///< one sentence for `limn ops` and the documentation
};

}  // namespace limn
