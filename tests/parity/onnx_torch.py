"""Runs an ONNX classifier with PyTorch's functional operators, in float or double, and explains it.

An oracle that shares nothing with the library: the weights come from the file through the onnx package, derivatives
from PyTorch's autograd, the formulas of the methods are written down again here.
"""
import numpy as np
import onnx
import onnx.numpy_helper
import torch
import torch.nn.functional as F


class Guided(torch.autograd.Function):
    """Passes relu(r) where low < z < high; `deconv` passes relu(r) everywhere."""

    @staticmethod
    def forward(ctx, z, high, deconv):
        ctx.save_for_backward(z)
        ctx.high, ctx.deconv = high, deconv
        return z.clamp(0, high)

    @staticmethod
    def backward(ctx, r):
        (z,) = ctx.saved_tensors
        r = r.clamp(min=0)
        return (r if ctx.deconv else r * ((z > 0) & (z < ctx.high))), None, None


def attributes(node):
    return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}


def padded(x, pads, value):
    top, left, bottom, right = pads
    return F.pad(x, (left, right, top, bottom), value=value) if any(pads) else x


def ceil_pads(x, kernel, strides, pads, ceil):
    """Extra padding at the end that ceil_mode means (windows must start inside the input or its left padding)."""
    if not ceil:
        return [0, 0]
    extra = []
    for size, k, s, before, after in zip(x.shape[2:], kernel, strides, pads[:2], pads[2:]):
        steps = -(-(size + before + after - k) // s)
        if steps * s >= size + before:
            steps -= 1
        extra.append(max(0, steps * s + k - (size + before + after)))
    return extra


class OnnxTorch:
    def __init__(self, path, dtype):
        model = onnx.load(path)
        self.graph, self.dtype = model.graph, dtype
        self.weights = {}
        for t in self.graph.initializer:
            value = torch.from_numpy(np.array(onnx.numpy_helper.to_array(t)))
            self.weights[t.name] = value.to(dtype) if value.is_floating_point() else value
        names = {t.name for t in self.graph.initializer}
        self.input = [i.name for i in self.graph.input if i.name not in names][0]
        self.output = self.graph.output[0].name

    def __call__(self, x, rule="gradient", layer=None):
        """Logits, and the layer's activation as part of the autograd graph."""
        v = dict(self.weights)
        v[self.input] = x
        for node in self.graph.node:
            out = self.apply(node, [v[i] if i else None for i in node.input], attributes(node), rule)
            v[node.output[0]] = out
        return v[self.output], (v[layer] if layer else None)

    def apply(self, node, i, a, rule):
        op = node.op_type
        if op == "Conv":
            x = padded(i[0], a.get("pads", [0] * 4), 0.0)
            return F.conv2d(x, i[1], i[2] if len(i) > 2 else None, tuple(a.get("strides", [1, 1])), 0,
                            tuple(a.get("dilations", [1, 1])), a.get("group", 1))
        if op in ("Relu", "Clip"):
            high = float("inf") if op == "Relu" else float(i[2])
            if op == "Clip":
                assert float(i[1]) == 0.0
            if rule == "gradient":
                return F.relu(i[0]) if op == "Relu" else i[0].clamp(0, high)
            return Guided.apply(i[0], high, rule == "deconvnet")
        if op == "MaxPool":
            pads = list(a.get("pads", [0] * 4))
            extra = ceil_pads(i[0], a["kernel_shape"], a["strides"], pads, a.get("ceil_mode", 0))
            pads = [pads[0], pads[1], pads[2] + extra[0], pads[3] + extra[1]]
            return F.max_pool2d(padded(i[0], pads, -float("inf")), tuple(a["kernel_shape"]), tuple(a["strides"]))
        if op == "AveragePool":
            assert not a.get("ceil_mode", 0) and not any(a.get("pads", [0] * 4))
            return F.avg_pool2d(i[0], tuple(a["kernel_shape"]), tuple(a["strides"]))
        if op == "BatchNormalization":
            return F.batch_norm(i[0], i[3], i[4], i[1], i[2], False, 0.0, a.get("epsilon", 1e-5))
        if op == "Pad":
            assert not i[1].any()
            return i[0]
        if op == "Gemm":
            assert a.get("alpha", 1.0) == 1.0 and a.get("beta", 1.0) == 1.0 and a.get("transB", 0) == 1
            return F.linear(i[0], i[1], i[2])
        simple = {
            "Concat": lambda: torch.cat(i, a["axis"]),
            "Add": lambda: i[0] + i[1],
            "Flatten": lambda: i[0].flatten(a.get("axis", 1)),
            "GlobalAveragePool": lambda: i[0].mean((2, 3), keepdim=True),
            "Constant": lambda: torch.from_numpy(np.array(onnx.numpy_helper.to_array(a["value"]))),
            "Dropout": lambda: i[0],
            "Identity": lambda: i[0],
        }
        return simple[op]()


def min_max(t):
    low, high = t.amin((1, 2, 3), keepdim=True), t.amax((1, 2, 3), keepdim=True)
    span = high - low
    return (t - low) / torch.where(span > 0, span, torch.ones_like(span))


def explain(net, x, targets, layer):
    """Raw maps of every method for one class index per image, as a dict of tensors."""
    one_hot = torch.zeros(x.shape[0], 1, dtype=torch.long) + torch.as_tensor(targets)[:, None]

    def cotangents(rule):
        leaf = x.clone().requires_grad_(True)
        logits, a = net(leaf, rule, layer)
        score = logits.flatten(1).gather(1, one_hot).sum()
        g_x, g_a = torch.autograd.grad(score, [leaf, a])
        return logits.detach(), a.detach(), g_x, g_a

    logits, a, g_x, g = cotangents("gradient")
    maps = {"logits": logits.flatten(1), "gradient": g_x, "layer-gradient": g, "input-x-gradient": x * g_x}
    guided, deconv = cotangents("guided-backprop")[2], cotangents("deconvnet")[2]
    cam = lambda w: F.relu((w * a).sum(1, keepdim=True))
    maps["grad-cam"] = cam(g.mean((2, 3), keepdim=True))
    maps["counterfactual"] = cam(-g.mean((2, 3), keepdim=True))
    s = a.sum((2, 3), keepdim=True)
    denominator = 2 * g**2 + s * g**3
    alpha = torch.where(denominator != 0, g**2 / denominator, torch.zeros_like(g))
    maps["grad-cam++"] = cam((alpha * F.relu(g)).sum((2, 3), keepdim=True))
    study = g**2 / (2 * g**2 + s * g**3 + 1e-7)
    excess = F.relu(a.amax((1, 2, 3), keepdim=True) - 80)
    maps["grad-cam++.study"] = cam((study * F.relu(g) * torch.exp(a - excess)).sum((2, 3), keepdim=True))
    maps["hires-cam"] = F.relu((g * a).sum(1, keepdim=True))
    maps["layer-cam"] = F.relu((F.relu(g) * a).sum(1, keepdim=True))
    maps["xgrad-cam"] = cam(torch.where(s.abs() > 1e-7, (a * g).sum((2, 3), keepdim=True) / s, torch.zeros_like(s)))
    maps["guided-backprop"], maps["deconvnet"] = guided, deconv
    up = F.interpolate(maps["grad-cam"], size=x.shape[2:], mode="bilinear", align_corners=False)
    maps["guided-grad-cam"] = guided * min_max(up)
    return maps
