// A program outside limn: imports a network, explains one grey picture by Grad-CAM, prints what it found. It
// touches the rooms that bring libraries along, so that a missing one fails the link.
#include <algorithm>
#include <array>
#include <iostream>

#include "limn/error.h"
#include "limn/explain.h"
#include "limn/heatmap.h"
#include "limn/image.h"
#include "limn/model.h"
#include "limn/version.h"

namespace {

int explain(const char* path) {
  const limn::Model model = limn::import_onnx(path);
  const limn::Classifier classifier = limn::as_classifier(model.graph);
  limn::Explainer explainer(classifier, {limn::MethodRequest{}});
  std::ranges::fill(explainer.images(), 0.25F);
  explainer.predict();
  const std::span<const float> logits = explainer.logits(0);
  const auto best = static_cast<std::size_t>(std::ranges::max_element(logits) - logits.begin());
  explainer.explain(std::array{limn::Target{limn::Target::Kind::logit, best}});
  const limn::RawMap map = explainer.map(0, 0);
  const limn::Heatmap heatmap(static_cast<int>(map.dims[1]), static_cast<int>(map.dims[0]), map.data);
  std::cout << "limn " << limn::kVersion << ": class " << best << " of " << logits.size() << " by "
            << classifier.auto_layer << ", map " << heatmap.width << "x" << heatmap.height << "\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    try {
      limn::read_image("missing.jpg");
    } catch (const limn::Error& error) {
      std::cout << "caught: " << error.message() << "\n";
    }
    return argc == 2 ? explain(argv[1]) : 2;
  } catch (const limn::Error& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
