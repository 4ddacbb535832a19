#include <algorithm>
#include <array>

#include "limn/methods/method.h"
#include "limn/names.h"

namespace limn {
namespace {

constexpr auto kCam = MapKind::cam;
constexpr auto kAttribution = MapKind::attribution;

const std::array<MethodRow, 16>& rows() {
  static const std::array<MethodRow, 16> table{{
      {{"grad-cam",
        "activation maps of a layer, weighted by the mean gradient of the class score",
        "Selvaraju et al. 2017, arXiv 1610.02391",
        kCam,
        {"paper", "study"},
        true,
        true,
        true},
       build_grad_cam},
      {{"grad-cam++",
        "as grad-cam, weighted by the positive gradients with pixel-wise weights",
        "Chattopadhay et al. 2018, arXiv 1710.11063",
        kCam,
        {"paper", "study"},
        true,
        true,
        false},
       build_grad_cam_plus_plus},
      {{"guided-backprop",
        "gradient of the class score at the pixels, only positive evidence passes each rectifier",
        "Springenberg et al. 2014, arXiv 1412.6806",
        kAttribution,
        {"paper"},
        false,
        false,
        false},
       build_guided_backprop},
      {{"guided-grad-cam",
        "guided backpropagation times grad-cam: sharp and class-discriminative",
        "Selvaraju et al. 2017, arXiv 1610.02391",
        kAttribution,
        {"paper", "study"},
        true,
        true,
        false},
       build_guided_grad_cam},
      {{"hires-cam",
        "sum over channels of gradient times activation: exact for a linear head",
        "Draelos and Carin 2020, arXiv 2011.08891",
        kCam,
        {"paper"},
        true,
        true,
        false},
       build_hires_cam},
      {{"layer-cam",
        "sum over channels of positive gradient times activation: usable at early layers",
        "Jiang et al. 2021, IEEE TIP 30",
        kCam,
        {"paper"},
        true,
        true,
        false},
       build_layer_cam},
      {{"xgrad-cam",
        "grad-cam with the gradient averaged by the activation itself",
        "Fu et al. 2020, arXiv 2008.02312",
        kCam,
        {"paper"},
        true,
        true,
        false},
       build_xgrad_cam},
      {{"cam",
        "the weights of a global-average-pooling classifier spread over its activation maps, signed",
        "Zhou et al. 2016, arXiv 1512.04150",
        kCam,
        {"paper"},
        true,
        true,
        false},
       build_cam},
      {{"eigen-cam",
        "first principal component of the activations; looks at no class",
        "Muhammad and Yeasin 2020, arXiv 2008.00299",
        kCam,
        {"paper"},
        true,
        false,
        false,
        true,
        "ONNX has no operator for the decomposition that it needs"},
       build_eigen_cam},
      {{"gradient",
        "gradient of the class score at the pixels, signed",
        "Simonyan et al. 2013, arXiv 1312.6034",
        kAttribution,
        {"paper"},
        false,
        true,
        false},
       build_gradient},
      {{"saliency",
        "absolute gradient of the class score at the pixels",
        "Simonyan et al. 2013, arXiv 1312.6034",
        kAttribution,
        {"paper"},
        false,
        true,
        false},
       build_saliency},
      {{"input-x-gradient",
        "gradient times input",
        "Shrikumar et al. 2016, arXiv 1605.01713",
        kAttribution,
        {"paper"},
        false,
        true,
        false},
       build_input_x_gradient},
      {{"integrated-gradients",
        "input minus a baseline, times the mean gradient between them: sums to what the score gains",
        "Sundararajan et al. 2017, arXiv 1703.01365",
        kAttribution,
        {"paper"},
        false,
        true,
        false,
        false},
       nullptr,
       make_integrated_gradients},
      {{"smooth-grad",
        "mean gradient over noisy copies of the image; squared or its variance by the other variants",
        "Smilkov et al. 2017, arXiv 1706.03825",
        kAttribution,
        {"paper", "squared", "vargrad"},
        false,
        true,
        false,
        false},
       nullptr,
       make_smooth_grad},
      {{"deconvnet",
        "as guided-backprop, but every rectifier passes whatever is positive coming back",
        "Zeiler and Fergus 2013, arXiv 1311.2901",
        kAttribution,
        {"paper"},
        false,
        false,
        false},
       build_deconvnet},
      {{"occlusion",
        "how much the score falls when a patch hides a place: the mean over the patches that cover a pixel",
        "Zeiler and Fergus 2013, arXiv 1311.2901",
        kCam,
        {"paper"},
        false,
        true,
        false,
        false,
        "it takes hundreds of forward passes, which no graph of fixed size holds"},
       nullptr,
       make_occlusion_maps},
  }};
  return table;
}

}  // namespace

std::span<const MethodInfo> methods() {
  static const std::vector<MethodInfo> infos = [] {
    std::vector<MethodInfo> list;
    for (const MethodRow& row : rows()) list.push_back(row.info);
    return list;
  }();
  return infos;
}

const MethodRow& method_row(std::string_view name) {
  if (name == "grad-cam-pp") name = "grad-cam++";
  const auto it = std::ranges::find(rows(), name, [](const MethodRow& r) { return r.info.name; });
  if (it != rows().end()) return *it;
  std::vector<std::string> names;
  for (const MethodRow& row : rows()) names.emplace_back(row.info.name);
  const auto close = close_names(name, names);
  throw Error(
      ErrorCode::not_found, "there is no method named '" + std::string(name) + "'", {},
      close.empty() ? "limn methods lists them" : "did you mean '" + close.front() + "'? limn methods lists all");
}

const MethodInfo& method(std::string_view name) { return method_row(name).info; }

}  // namespace limn
