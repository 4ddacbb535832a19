#pragma once
// One operator on small tensors: what the closed suites of this folder walk. A sample says on what an operator is
// to be tried; check_gradient() compares its derivative rule in double with central differences, element by
// element.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "limn/graph.h"

namespace limn::testing {

struct Sample {
  std::string op;
  std::string label;       ///< what is special about it; unique among the samples of `op`
  std::vector<Tensor> in;  ///< float tensors are f32; a Tensor() leaves an optional input out
  Attrs attrs = {};
  std::vector<std::size_t> wrt = {};  ///< inputs to differentiate; none for a sample of the values alone
  double tolerance = 1e-7;            ///< of the derivative, relative to its largest element (at least 1)
  std::size_t outputs = 1;
};

/// Each file of samples has one of these; registry.cpp joins them.
std::vector<Sample> elementwise_samples();
std::vector<Sample> tensor_samples();       ///< shapes, slices, reductions, matrices
std::vector<Sample> computation_samples();  ///< normalizations, sums of products, quantization
std::vector<Sample> spatial_samples();      ///< samples_spatial.cpp
std::vector<Sample> places_samples();       ///< resizing, rearranging, indices, regions

/// Numbers between low and high, the same for the same seed and sizes, as f32.
Tensor random_tensor(Dims dims, unsigned seed, float low = -2.0F, float high = 2.0F);
/// Numbers a distance of at least `gap` apart from each other and from zero: samples away from every kink and tie.
Tensor distinct_tensor(Dims dims, unsigned seed, float gap = 0.05F);
Tensor ints(std::vector<std::int64_t> values);  ///< int64 vector

/// Derivative of f at x by central differences, for every element of x (held in f64).
Tensor central_differences(const std::function<double(const Tensor&)>& f, const Tensor& x, double h = 1e-5);
/// Largest |a - b| over max(1, largest |b|); infinite for other sizes.
double relative_difference(const Tensor& a, const Tensor& b);

/// Compares the operator's vjp, evaluated in f64, with central differences of the sum of all outputs times random
/// weights; nothing for a sample of the values alone. An empty string when they agree; otherwise what differs.
std::string check_gradient(const Sample& sample);
/// Compares the f32 reference with the f64 reference (1e-5).
std::string check_precisions(const Sample& sample);
/// Compares the reference with that of the operator's decomposition in f64 (1e-12); empty without one.
std::string check_decomposition(const Sample& sample);
/// Operators that the vjp or the decomposition emits, which neither ONNX nor a decomposition knows.
std::string check_closure(const Sample& sample);

/// The outputs of the sample's node on its inputs. Differentiated inputs are graph inputs, all others constants.
std::vector<Tensor> run_sample(const Sample& sample);

}  // namespace limn::testing
