// NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss. A network that was exported with its loss can be read and
// run; what is explained are its class scores.
#include <cmath>

#include "limn/ops/diagnostics.h"
#include "limn/ops/families.h"
#include "limn/ops/infer.h"
#include "limn/ops/loops.h"

namespace limn {
namespace {

std::string reduction_of(const Node& node) { return node.attrs.text("reduction", "mean"); }

/// Scores [N, C, ...], classes [N, ...], and maybe weights [C].
std::vector<Inferred> infer_loss(const InferContext& c) {
  const Shape &x = c.shape(0), &classes = c.shape(1);
  const std::string reduction = reduction_of(c.node);
  if (reduction != "none" && reduction != "mean" && reduction != "sum")
    throw c.wrong("does not know the reduction '" + reduction + "'");
  if (!is_float(c.dtype(0)) || (c.dtype(1) != DType::i64 && c.dtype(1) != DType::i32))
    throw c.wrong("takes float scores and integer classes");
  Shape places = x;
  if (x.size() >= 2) places.erase(places.begin() + 1);
  if (x.size() < 2 || !may_be_equal(places, classes))
    throw c.wrong("the classes " + to_string(classes) + " do not go with the scores " + to_string(x));
  if (c.has(2) && !may_be_equal(c.shape(2), Shape{x[1]}))
    throw c.wrong("the weights " + to_string(c.shape(2)) + " do not go with the scores " + to_string(x));
  return {{{c.dtype(0), reduction == "none" ? classes : Shape{}}, {}}, {c.type(0), {}}};
}

/// The loss of log-probabilities, in the memory order of x.
template <class T>
void likelihood(const EvalContext& c, std::span<const T> log_probabilities) {
  const auto dims = c.in[0].dims;
  const std::int64_t classes = dims[1], plane = element_count(dims.subspan(2)), places = dims[0] * plane;
  const std::vector<std::int64_t> target =
      Tensor(c.in[1].dtype, Dims(c.in[1].dims.begin(), c.in[1].dims.end()), nullptr, c.in[1].bytes).to_int64();
  const bool ignores = c.node.attrs.has("ignore_index"), weighted = c.in.size() > 2 && c.in[2].present();
  const std::int64_t ignored = c.node.attrs.integer("ignore_index", 0);
  const std::string reduction = reduction_of(c.node);
  const auto y = c.out[0].as<T>();
  T sum{}, weights{};
  for (std::int64_t i = 0; i < places; ++i) {
    const std::int64_t k = target[static_cast<std::size_t>(i)];
    const bool counts = !ignores || k != ignored;
    if (counts && (k < 0 || k >= classes))
      throw Error(ErrorCode::bad_input, "there is no class " + std::to_string(k), place_of(c.node));
    const T w = !counts ? T{} : weighted ? c.in[2].as<T>()[static_cast<std::size_t>(k)] : T{1};
    const std::int64_t at = (i / plane * classes + (counts ? k : 0)) * plane + i % plane;
    const T loss = counts ? -w * log_probabilities[static_cast<std::size_t>(at)] : T{};
    if (reduction == "none") y[static_cast<std::size_t>(i)] = loss;
    sum += loss;
    weights += w;
  }
  if (reduction != "none") y[0] = reduction == "sum" ? sum : sum / weights;
}

void likelihood_reference(const EvalContext& c) {
  dispatch_float(c.in[0].dtype, [&]<class T>() { likelihood<T>(c, c.in[0].as<T>()); });
}

void cross_entropy_reference(const EvalContext& c) {
  Tensor log_probabilities(c.in[0].dtype, Dims(c.in[0].dims.begin(), c.in[0].dims.end()));
  const TensorView in[] = {c.in[0]};
  const MutableTensorView out[] = {log_probabilities.mutable_view()};
  log_softmax_op.reference({{"LogSoftmax", c.node.name, {}, {}, {{"axis", std::int64_t{1}}}}, in, out});
  if (c.out.size() > 1 && c.out[1].present())
    std::copy_n(log_probabilities.bytes(), log_probabilities.byte_count(), c.out[1].bytes);
  dispatch_float(c.in[0].dtype, [&]<class T>() { likelihood<T>(c, log_probabilities.as<T>()); });
}

constexpr std::string_view kLoss = "class scores are explained, not losses";

}  // namespace

const OpDef negative_log_likelihood_loss_op{
    "NegativeLogLikelihoodLoss", {2, 3}, infer_loss, likelihood_reference, nullptr, nullptr, kLoss};
const OpDef softmax_cross_entropy_loss_op{
    "SoftmaxCrossEntropyLoss", {2, 3, 2}, infer_loss, cross_entropy_reference, nullptr, nullptr, kLoss};

}  // namespace limn
