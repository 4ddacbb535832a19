// The table of architectures: one row each.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <utility>

#include "limn/base/chest_findings.h"
#include "limn/error.h"
#include "limn/names.h"
#include "limn/zoo/families.h"

namespace limn {
namespace {

constexpr std::string_view kTorchvision = "https://download.pytorch.org/models/";

// After the names of the files in torchvision 0.14; the second generation of weights was evaluated on images whose
// shorter side is 232.
constexpr int kV2 = 232, kOf299 = 342;
using Published = PublishedWeights;
constexpr Published kAlexnet[] = {{"alexnet-owt-7be5be79.pth"}};
constexpr Published kVgg11[] = {{"vgg11-8a719046.pth"}}, kVgg11Bn[] = {{"vgg11_bn-6002323d.pth"}};
constexpr Published kVgg13[] = {{"vgg13-19584684.pth"}}, kVgg13Bn[] = {{"vgg13_bn-abd245e5.pth"}};
constexpr Published kVgg16[] = {{"vgg16-397923af.pth"}}, kVgg16Bn[] = {{"vgg16_bn-6c64b313.pth"}};
constexpr Published kVgg19[] = {{"vgg19-dcbb9e9d.pth"}}, kVgg19Bn[] = {{"vgg19_bn-c79401a0.pth"}};
constexpr Published kGooglenet[] = {{"googlenet-1378be20.pth"}};
constexpr Published kInception[] = {{"inception_v3_google-0cc3c7bd.pth", kOf299}};
constexpr Published kResnet18[] = {{"resnet18-f37072fd.pth"}}, kResnet34[] = {{"resnet34-b627a593.pth"}};
constexpr Published kResnet50[] = {{"resnet50-0676ba61.pth"}, {"resnet50-11ad3fa6.pth", kV2}};
constexpr Published kResnet101[] = {{"resnet101-63fe2227.pth"}, {"resnet101-cd907fc2.pth", kV2}};
constexpr Published kResnet152[] = {{"resnet152-394f9c45.pth"}, {"resnet152-f82ba261.pth", kV2}};
constexpr Published kResnext50[] = {{"resnext50_32x4d-7cdf4587.pth"}, {"resnext50_32x4d-1a0047aa.pth", kV2}};
constexpr Published kResnext101[] = {{"resnext101_32x8d-8ba56ff5.pth"}, {"resnext101_32x8d-110c445d.pth", kV2}};
constexpr Published kResnext101x64[] = {{"resnext101_64x4d-173b62eb.pth", kV2}};
constexpr Published kWide50[] = {{"wide_resnet50_2-95faca4d.pth"}, {"wide_resnet50_2-9ba9bcbe.pth", kV2}};
constexpr Published kWide101[] = {{"wide_resnet101_2-32ee1156.pth"}, {"wide_resnet101_2-d733dc28.pth", kV2}};
constexpr Published kDense121[] = {{"densenet121-a639ec97.pth"}}, kDense161[] = {{"densenet161-8d451a50.pth"}};
constexpr Published kDense169[] = {{"densenet169-b2777c0a.pth"}}, kDense201[] = {{"densenet201-c1103571.pth"}};
constexpr Published kSqueeze0[] = {{"squeezenet1_0-b66bff10.pth"}}, kSqueeze1[] = {{"squeezenet1_1-b8a52dc0.pth"}};
constexpr Published kMobile2[] = {{"mobilenet_v2-b0353104.pth"}, {"mobilenet_v2-7ebf99e0.pth", kV2}};
constexpr Published kChexnet[] = {{"model.pth.tar"}};

struct Row {
  Architecture architecture;
  std::function<BuiltNetwork(Layers&)> build;
};

Row imagenet(std::string_view name, std::string_view title, std::span<const Published> files,
             std::function<BuiltNetwork(Layers&)> build) {
  Row row{{}, std::move(build)};
  row.architecture.name = name;
  row.architecture.title = title;
  row.architecture.published = files;
  row.architecture.where = kTorchvision;
  return row;
}

const VggPlan kVggA{64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0};
const VggPlan kVggB{64, 64, 0, 128, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0};
const VggPlan kVggD{64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0};
const VggPlan kVggE{64, 64, 0, 128, 128, 0, 256, 256, 256, 256, 0, 512, 512, 512, 512, 0, 512, 512, 512, 512, 0};

auto vgg_of(const VggPlan& plan, bool batch_norm) {
  return [plan, batch_norm](Layers& net) { return vgg(net, plan, batch_norm); };
}
auto resnet_of(ResNetPlan plan) {
  return [plan](Layers& net) { return resnet(net, plan); };
}
auto densenet_of(DenseNetPlan plan) {
  return [plan](Layers& net) { return densenet(net, plan); };
}

Row transforming(Row row, int size) {
  row.architecture.transforms_input = true;
  row.architecture.size = size;
  return row;
}

Row chest_xrays() {
  Row row = imagenet("chexnet", "CheXNet: DenseNet-121 with a sigmoid for each of 14 findings", kChexnet, chexnet);
  row.architecture.where = "https://github.com/arnoweng/CheXNet";
  row.architecture.preset = "chexnet";
  row.architecture.labels = kChestFindings;
  return row;
}

Row digits() {
  Row row = imagenet("mnist_cnn", "one convolution and two dense layers, for 28x28 digits", {}, digits_cnn);
  row.architecture.where = {};
  row.architecture.channels = 1;
  row.architecture.size = 28;
  row.architecture.preset = "mnist";
  return row;
}

const std::vector<Row>& rows() {
  static const std::vector<Row> table{
      imagenet("alexnet", "AlexNet", kAlexnet, alexnet),
      imagenet("vgg11", "VGG-11", kVgg11, vgg_of(kVggA, false)),
      imagenet("vgg13", "VGG-13", kVgg13, vgg_of(kVggB, false)),
      imagenet("vgg16", "VGG-16", kVgg16, vgg_of(kVggD, false)),
      imagenet("vgg19", "VGG-19", kVgg19, vgg_of(kVggE, false)),
      imagenet("vgg11_bn", "VGG-11 with batch normalisation", kVgg11Bn, vgg_of(kVggA, true)),
      imagenet("vgg13_bn", "VGG-13 with batch normalisation", kVgg13Bn, vgg_of(kVggB, true)),
      imagenet("vgg16_bn", "VGG-16 with batch normalisation", kVgg16Bn, vgg_of(kVggD, true)),
      imagenet("vgg19_bn", "VGG-19 with batch normalisation", kVgg19Bn, vgg_of(kVggE, true)),
      transforming(
          imagenet("googlenet", "GoogLeNet (Inception v1 with batch normalisation)", kGooglenet, googlenet), 224),
      transforming(imagenet("inception_v3", "Inception v3", kInception, inception_v3), 299),
      imagenet("resnet18", "ResNet-18", kResnet18, resnet_of({false, {2, 2, 2, 2}})),
      imagenet("resnet34", "ResNet-34", kResnet34, resnet_of({false, {3, 4, 6, 3}})),
      imagenet("resnet50", "ResNet-50", kResnet50, resnet_of({true, {3, 4, 6, 3}})),
      imagenet("resnet101", "ResNet-101", kResnet101, resnet_of({true, {3, 4, 23, 3}})),
      imagenet("resnet152", "ResNet-152", kResnet152, resnet_of({true, {3, 8, 36, 3}})),
      imagenet("resnext50_32x4d", "ResNeXt-50 32x4d", kResnext50, resnet_of({true, {3, 4, 6, 3}, 32, 4})),
      imagenet("resnext101_32x8d", "ResNeXt-101 32x8d", kResnext101, resnet_of({true, {3, 4, 23, 3}, 32, 8})),
      imagenet("resnext101_64x4d", "ResNeXt-101 64x4d", kResnext101x64, resnet_of({true, {3, 4, 23, 3}, 64, 4})),
      imagenet("wide_resnet50_2", "Wide ResNet-50-2", kWide50, resnet_of({true, {3, 4, 6, 3}, 1, 128})),
      imagenet("wide_resnet101_2", "Wide ResNet-101-2", kWide101, resnet_of({true, {3, 4, 23, 3}, 1, 128})),
      imagenet("densenet121", "DenseNet-121", kDense121, densenet_of({32, {6, 12, 24, 16}, 64})),
      imagenet("densenet161", "DenseNet-161", kDense161, densenet_of({48, {6, 12, 36, 24}, 96})),
      imagenet("densenet169", "DenseNet-169", kDense169, densenet_of({32, {6, 12, 32, 32}, 64})),
      imagenet("densenet201", "DenseNet-201", kDense201, densenet_of({32, {6, 12, 48, 32}, 64})),
      imagenet("squeezenet1_0", "SqueezeNet 1.0", kSqueeze0, squeezenet1_0),
      imagenet("squeezenet1_1", "SqueezeNet 1.1", kSqueeze1, squeezenet1_1),
      imagenet("mobilenet_v2", "MobileNet v2", kMobile2, mobilenet_v2),
      chest_xrays(),
      digits(),
  };
  return table;
}

// ---- names of weights, as they were before

/// "denselayer3.norm.1.weight", a name that PyTorch no longer allows, becomes "denselayer3.norm1.weight".
std::string modern_name(std::string name) {
  const std::size_t layer = name.rfind("denselayer");
  if (layer == std::string::npos) return name;
  for (const std::string_view part : {".norm.", ".relu.", ".conv."}) {
    const std::size_t at = name.find(part, layer);
    if (at == std::string::npos) continue;
    const std::size_t digit = at + part.size();
    const bool numbered =
        digit + 1 < name.size() && (name[digit] == '1' || name[digit] == '2') && name[digit + 1] == '.';
    if (numbered) name.erase(digit - 1, 1);
  }
  return name;
}

/// Where all names begin with `prefix`, that many characters; otherwise none.
std::size_t common_prefix(const Checkpoint& checkpoint, std::size_t from, std::string_view prefix) {
  const bool all = std::ranges::all_of(checkpoint.tensors, [&](const auto& entry) {
    return std::string_view(entry.first).substr(std::min(from, entry.first.size())).starts_with(prefix);
  });
  return all && !checkpoint.tensors.empty() ? prefix.size() : 0;
}

/// The tensors under the names that torchvision gives them now.
std::map<std::string, Tensor, std::less<>> renamed(const Checkpoint& checkpoint, const Architecture& architecture) {
  std::size_t skip = common_prefix(checkpoint, 0, "module.");
  if (architecture.name == "chexnet") skip += common_prefix(checkpoint, skip, "densenet121.");
  std::map<std::string, Tensor, std::less<>> tensors;
  for (const auto& [name, tensor] : checkpoint.tensors)
    if (!tensors.emplace(modern_name(name.substr(skip)), tensor).second)
      throw Error(ErrorCode::bad_input, "two weights have one name, once in its old and once in its new form", name,
                  "fetch or save the file again");
  return tensors;
}

}  // namespace

std::span<const Architecture> architectures() {
  static const std::vector<Architecture> all = [] {
    std::vector<Architecture> list;
    for (const Row& row : rows()) list.push_back(row.architecture);
    return list;
  }();
  return all;
}

const Architecture& find_architecture(std::string_view name) {
  const auto all = architectures();
  const auto it = std::ranges::find(all, name, &Architecture::name);
  if (it != all.end()) return *it;
  std::vector<std::string> names;
  for (const Architecture& a : all) names.emplace_back(a.name);
  std::string mend = "limn convert --list names them all";
  if (const auto close = close_names(name, names); !close.empty())
    mend = fmt::format("did you mean {}? {}", close[0], mend);
  throw Error(ErrorCode::not_found, fmt::format("limn does not know the architecture '{}'", name), {}, mend);
}

BuiltNetwork build_network(const Architecture& architecture, const Checkpoint& checkpoint,
                           const NetworkOptions& options) {
  const auto row = std::ranges::find(rows(), architecture.name, [](const Row& r) { return r.architecture.name; });
  if (row == rows().end())
    throw Error(ErrorCode::not_found, fmt::format("limn does not know the architecture '{}'", architecture.name));
  Layers net(architecture, Weights(renamed(checkpoint, architecture)), options);
  return row->build(net);
}

}  // namespace limn
