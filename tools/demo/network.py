"""The demo's network: its layers, its training form in PyTorch, and its ONNX file."""
import json
from dataclasses import dataclass

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from torch.nn import functional

from garments import LABELS

INPUT = 96  # the side of the network's input; a scene's shorter side is resized to it
MEAN, STD = 0.5, 0.25  # of every channel, for pixels in 0..1

# In training a class's logit is the sum of its map over the picture times GAIN, so that a garment counts
# the same in a close-up and in a scene. In the ONNX file, where the map is averaged, GAIN is part of the last weights.
GAIN = 1 / 30
CELLS = (INPUT // 4) ** 2  # of the last map


@dataclass
class Block:
    """Convolution, batch normalisation, ReLU, and perhaps a 2x2 max-pool."""
    channels: int
    kernel: int
    stride: int = 1
    pool: bool = False


# The last map has 24x24 cells of 4 pixels, each of which sees 39 pixels of the image: hardly more than
# a garment, so that a garment is recognised everywhere on it and hardly beyond, and maps cover it well.
BLOCKS = [Block(24, 5, 2, True), Block(48, 3), Block(48, 3), Block(64, 3), Block(64, 3), Block(96, 1)]


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        channels, layers = 3, []
        for block in BLOCKS:
            layers += [nn.Conv2d(channels, block.channels, block.kernel, block.stride, block.kernel // 2, bias=False),
                       nn.BatchNorm2d(block.channels), nn.ReLU(inplace=True)]
            layers += [nn.MaxPool2d(2)] if block.pool else []
            channels = block.channels
        self.features = nn.Sequential(*layers)
        self.classify = nn.Linear(channels, len(LABELS))
        nn.init.constant_(self.classify.bias, -1.0)

    def forward(self, image):
        """[N, 3, H, W] -> logits [N, classes] and the class maps [N, classes, H/4, W/4] they sum up."""
        features = self.features(image.contiguous(memory_format=torch.channels_last))
        maps = functional.conv2d(features, self.classify.weight[:, :, None, None])
        return GAIN * maps.sum((2, 3)) + self.classify.bias, maps


def layer_name():
    """The name in the ONNX file of the last feature map."""
    return f"block{len(BLOCKS)}/relu"


def write_onnx(network, path):
    """Writes the network with its batch normalisation unfolded and every node and tensor named."""
    weights, nodes = [], []

    def weight(name, tensor):
        weights.append(numpy_helper.from_array(tensor.detach().numpy().astype(np.float32), name))
        return name

    def node(operator, inputs, output, **attributes):
        nodes.append(helper.make_node(operator, inputs, [output], name=f"{output}_node", **attributes))
        return output

    convolutions = [m for m in network.features if isinstance(m, nn.Conv2d)]
    norms = [m for m in network.features if isinstance(m, nn.BatchNorm2d)]
    value = "image"
    for index, (block, convolution, norm) in enumerate(zip(BLOCKS, convolutions, norms), 1):
        scope = f"block{index}"
        value = node("Conv", [value, weight(f"{scope}/conv.weight", convolution.weight)], f"{scope}/conv",
                     kernel_shape=[block.kernel] * 2, strides=[block.stride] * 2, pads=[block.kernel // 2] * 4)
        value = node("BatchNormalization",
                     [value, weight(f"{scope}/norm.scale", norm.weight), weight(f"{scope}/norm.bias", norm.bias),
                      weight(f"{scope}/norm.mean", norm.running_mean),
                      weight(f"{scope}/norm.variance", norm.running_var)],
                     f"{scope}/norm", epsilon=norm.eps)
        value = node("Relu", [value], f"{scope}/relu")
        if block.pool:
            value = node("MaxPool", [value], f"{scope}/pool", kernel_shape=[2, 2], strides=[2, 2])
    value = node("GlobalAveragePool", [value], "pool")
    value = node("Flatten", [value], "flat", axis=1)
    matrix = weight("classify.weight", GAIN * CELLS * network.classify.weight)
    node("Gemm", [value, matrix, weight("classify.bias", network.classify.bias)], "logits", transB=1)

    graph = helper.make_graph(
        nodes, "garments",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, INPUT, INPUT])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", len(LABELS)])], weights,
        doc_string="Which garments lie in a 96x96 RGB scene: one logit a class, several may be positive.")
    model = helper.make_model(graph, producer_name="tools/demo/train.py", opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 7
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def write_card(path):
    """The model card limn reads beside the model: how pictures become the network's input."""
    card = {"input": [3, INPUT, INPUT], "resize": INPUT, "crop": INPUT, "range": 1,
            "mean": [MEAN] * 3, "std": [STD] * 3, "order": "rgb", "labels": LABELS, "layer": layer_name(),
            "multi_label": True}
    with open(path, "w") as file:
        json.dump(card, file, indent=2)
        file.write("\n")
