"""Runs the demo's ONNX file with PyTorch operators, so that what is measured is the file itself."""
import json

import onnx
import torch
from onnx import numpy_helper
from torch.nn import functional


class GuidedRelu(torch.autograd.Function):
    """ReLU whose backward pass lets through only positive gradients of active units (guided backpropagation)."""

    @staticmethod
    def forward(context, value):
        context.save_for_backward(value)
        return value.relu()

    @staticmethod
    def backward(context, gradient):
        value, = context.saved_tensors
        return gradient.relu() * (value > 0)


class Model:
    def __init__(self, path):
        onnx.checker.check_model(path, full_check=True)
        self.graph = onnx.load(path).graph
        self.weights = {w.name: torch.from_numpy(numpy_helper.to_array(w).copy()) for w in self.graph.initializer}
        with open(path.removesuffix(".onnx") + ".limn.json") as file:
            self.card = json.load(file)

    def run(self, image, guided=False):
        """All tensors of the graph by name, for `image` [N, 3, H, W] already preprocessed."""
        values = dict(self.weights, image=image)
        for node in self.graph.node:
            attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            inputs = [values[name] for name in node.input]
            values[node.output[0]] = OPERATORS[node.op_type](inputs, attributes, guided)
        return values

    def logits(self, image):
        with torch.no_grad():
            return self.run(image)["logits"]

    def grad_cam(self, image, classes):
        """Raw Grad-CAM [N, h, w] of one class each, after ReLU, at the size of the card's layer."""
        values = self.run(image.requires_grad_())
        layer = values[self.card["layer"]]
        score = values["logits"].gather(1, classes[:, None]).sum()
        gradient, = torch.autograd.grad(score, layer)
        weights = gradient.mean((2, 3), keepdim=True)
        return (weights * layer).sum(1).relu().detach()

    def guided_backprop(self, image, classes):
        """Guided gradient [N, 3, H, W] of one class each."""
        image = image.requires_grad_()
        score = self.run(image, guided=True)["logits"].gather(1, classes[:, None]).sum()
        return torch.autograd.grad(score, image)[0]


def convolution(inputs, attributes, guided):
    return functional.conv2d(*inputs, stride=attributes["strides"], padding=attributes["pads"][:2])


def normalisation(inputs, attributes, guided):
    value, scale, bias, mean, variance = inputs
    return functional.batch_norm(value, mean, variance, scale, bias, eps=attributes["epsilon"])


OPERATORS = {
    "Conv": convolution,
    "BatchNormalization": normalisation,
    "Relu": lambda inputs, attributes, guided: GuidedRelu.apply(inputs[0]) if guided else inputs[0].relu(),
    "MaxPool": lambda inputs, attributes, guided: functional.max_pool2d(inputs[0], attributes["kernel_shape"]),
    "GlobalAveragePool": lambda inputs, attributes, guided: inputs[0].mean((2, 3), keepdim=True),
    "Flatten": lambda inputs, attributes, guided: inputs[0].flatten(1),
    "Gemm": lambda inputs, attributes, guided: inputs[0] @ inputs[1].T + inputs[2],
}
