#include "ops/gradient_check.h"

namespace limn::testing {

std::vector<Sample> elementwise_samples() {
  const Tensor x = distinct_tensor({2, 3, 2}, 1);
  return {
      {"Relu", "plain", {x}, {}, {0}},
      {"limn::ReluGrad", "plain", {x, distinct_tensor({2, 3, 2}, 2)}, {}, {0}},
  };
}

}  // namespace limn::testing
