#include "limn/compile/averages.h"

#include "limn/methods/points_graph.h"

namespace limn {
namespace {

bool is_path(const MethodRequest& request) { return request.method == "integrated-gradients"; }

Value points_of(Value image, const MethodRequest& request) {
  if (is_path(request)) return path_points(image, request.path);
  const Shape one = image.shape();
  const Value noise = image.in->input("noise", {DType::f32, Shape{request.noise.samples, one[1], one[2], one[3]}});
  return noisy_points(image, noise, request.noise, request.variant);
}

}  // namespace

bool averages_gradients(const MethodRequest& request) {
  return is_path(request) || request.method == "smooth-grad";
}

PointScores::PointScores(Value image, Value logits, const MethodRequest& request)
    : request_(request),
      count_(is_path(request) ? request.path.steps : request.noise.samples),
      image_(image),
      points_(points_of(image, request)),
      scores_(computed_again(logits, image, points_)) {}

Value PointScores::map(Value classes, const Differentiate& differentiate) const {
  const bool one_for_all = classes.shape()[0] == Dim(1);
  Cotangents cotangents = differentiate(one_for_all ? classes : each_repeated(classes, count_), scores_);
  const Value at_points = cotangents.of(points_, gradients());
  return is_path(request_) ? path_average(at_points, image_, request_.path)
                           : noisy_average(at_points, image_, request_.noise, request_.variant);
}

}  // namespace limn
