#pragma once
// What each architecture is made of, after torchvision: one function per family, one file per few of them.

#include <string_view>

#include "limn/zoo/layers.h"

namespace limn {

BuiltNetwork alexnet(Layers& net);

/// Channels of the 3x3 convolutions; 0 stands for a pooling.
using VggPlan = std::vector<int>;
BuiltNetwork vgg(Layers& net, const VggPlan& plan, bool batch_norm);

BuiltNetwork googlenet(Layers& net);
BuiltNetwork inception_v3(Layers& net);

struct ResNetPlan {
  bool bottleneck;
  std::vector<int> blocks;  ///< in each of the four stages
  int groups = 1;
  int width_per_group = 64;
};
BuiltNetwork resnet(Layers& net, const ResNetPlan& plan);

struct DenseNetPlan {
  int growth;
  std::vector<int> layers;  ///< in each of the four blocks
  int first_channels;
};
BuiltNetwork densenet(Layers& net, const DenseNetPlan& plan);
/// DenseNet-121 whose classes are not exclusive: a sigmoid for each.
BuiltNetwork chexnet(Layers& net);

BuiltNetwork squeezenet1_0(Layers& net);
BuiltNetwork squeezenet1_1(Layers& net);
BuiltNetwork mobilenet_v2(Layers& net);

/// One convolution and two dense layers for 28x28 digits.
BuiltNetwork digits_cnn(Layers& net);

}  // namespace limn
