#include "limn/study/method_json.h"

namespace limn {
namespace {

Json baseline_json(const IntegrationPath& path) {
  switch (path.baseline) {
    case IntegrationPath::Baseline::zero: return "zero";
    case IntegrationPath::Baseline::mean: return "mean";
    case IntegrationPath::Baseline::colour: return number_list_json(path.colour);
  }
  return {};
}

}  // namespace

Json parameters_json(const MethodRequest& r) {
  if (r.method == "integrated-gradients")
    return {
        {"steps", r.path.steps}, {"quadrature", name_of(r.path.quadrature)}, {"baseline", baseline_json(r.path)}};
  if (r.method == "smooth-grad")
    return {{"samples", r.noise.samples}, {"sigma", r.noise.sigma}, {"seed", r.noise.seed}};
  return {};
}

}  // namespace limn
