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
            v.update(zip(node.output, out if isinstance(out, (list, tuple)) else [out]))
        return v[self.output], (v[layer] if layer else None)

    def apply(self, node, i, a, rule):
        op = node.op_type
        if op == "Conv":
            x = padded(i[0], a.get("pads", [0] * 4), 0.0)
            return F.conv2d(x, i[1], i[2] if len(i) > 2 else None, tuple(a.get("strides", [1, 1])), 0,
                            tuple(a.get("dilations", [1, 1])), a.get("group", 1))
        if op in ("Relu", "Clip"):
            if op == "Clip" and (len(i) < 3 or i[2] is None or float(i[1]) != 0.0):
                return i[0].clamp(*[None if b is None else float(b) for b in i[1:]])
            high = float("inf") if op == "Relu" else float(i[2])
            if rule == "gradient":
                return F.relu(i[0]) if op == "Relu" else i[0].clamp(0, high)
            return Guided.apply(i[0], high, rule == "deconvnet")
        if op == "MaxPool":
            pads = list(a.get("pads", [0] * 4))
            extra = ceil_pads(i[0], a["kernel_shape"], a["strides"], pads, a.get("ceil_mode", 0))
            pads = [pads[0], pads[1], pads[2] + extra[0], pads[3] + extra[1]]
            return F.max_pool2d(padded(i[0], pads, -float("inf")), tuple(a["kernel_shape"]), tuple(a["strides"]))
        if op == "AveragePool":
            assert not a.get("ceil_mode", 0)
            x = padded(i[0], a.get("pads", [0] * 4), 0.0)  # torchvision's padded averages count the padding
            assert a.get("count_include_pad", 0) or not any(a.get("pads", [0] * 4))
            return F.avg_pool2d(x, tuple(a["kernel_shape"]), tuple(a["strides"]))
        if op == "BatchNormalization":
            return F.batch_norm(i[0], i[3], i[4], i[1], i[2], False, 0.0, a.get("epsilon", 1e-5))
        if op == "Pad":
            assert a.get("mode", b"constant") == b"constant"
            half = len(i[1]) // 2
            both = [int(p) for axis in range(half - 1, -1, -1) for p in (i[1][axis], i[1][half + axis])]
            return F.pad(i[0], both, value=float(i[2]) if len(i) > 2 and i[2] is not None else 0.0)
        if op == "Gemm":
            assert a.get("alpha", 1.0) == 1.0 and a.get("beta", 1.0) == 1.0 and not a.get("transA", 0)
            return F.linear(i[0], i[1] if a.get("transB", 0) else i[1].T, i[2] if len(i) > 2 else None)
        simple = {
            "Concat": lambda: torch.cat(i, a["axis"]),
            "Add": lambda: i[0] + i[1],
            "Flatten": lambda: i[0].flatten(a.get("axis", 1)),
            "GlobalAveragePool": lambda: i[0].mean((2, 3), keepdim=True),
            "Constant": lambda: self.constant(a["value"]),
            "Dropout": lambda: i[0],
            "Identity": lambda: i[0],
            "Sub": lambda: i[0] - i[1],
            "Mul": lambda: i[0] * i[1],
            "Div": lambda: i[0] / i[1] if i[0].is_floating_point() else torch.div(i[0], i[1], rounding_mode="trunc"),
            "Pow": lambda: i[0] ** i[1],
            "Mod": lambda: torch.remainder(i[0], i[1]),
            "Sqrt": lambda: i[0].sqrt(),
            "Erf": lambda: torch.erf(i[0]),
            "Tanh": lambda: torch.tanh(i[0]),
            "Sigmoid": lambda: torch.sigmoid(i[0]),
            "HardSigmoid": lambda: (a["alpha"] * i[0] + a.get("beta", 0.5)).clamp(0, 1),
            "HardSwish": lambda: i[0] * (i[0] / 6 + 0.5).clamp(0, 1),
            "Softmax": lambda: F.softmax(i[0], a.get("axis", -1)),
            "MatMul": lambda: i[0] @ i[1],
            "Einsum": lambda: torch.einsum(a["equation"].decode(), *i),
            "ReduceMean": lambda: i[0].mean(tuple(a["axes"]), keepdim=bool(a.get("keepdims", 1))),
            "Transpose": lambda: i[0].permute(a["perm"]),
            "Reshape": lambda: i[0].reshape([i[0].shape[n] if d == 0 else d for n, d in enumerate(i[1].tolist())]),
            "Unsqueeze": lambda: self.unsqueezed(i[0], i[1].tolist()),
            "Squeeze": lambda: i[0].squeeze(int(i[1])),
            "Shape": lambda: torch.tensor(i[0].shape),
            "Cast": lambda: i[0].to({1: self.dtype, 7: torch.int64, 9: torch.bool}[a["to"]]),
            "Equal": lambda: i[0] == i[1],
            "Where": lambda: torch.where(i[0], i[1], i[2]),
            "Expand": lambda: i[0].expand(torch.broadcast_shapes(i[0].shape, i[1].tolist())),
            "ConstantOfShape": lambda: self.constant(a["value"]).reshape(()).expand(i[0].tolist()),
            "Gather": lambda: i[0].select(a.get("axis", 0), int(i[1])) if i[1].ndim == 0 else
            i[0].index_select(a.get("axis", 0), i[1].flatten() % i[0].shape[a.get("axis", 0)]).unflatten(
                a.get("axis", 0), i[1].shape),
            "Split": lambda: i[0].split(i[1].tolist(), a.get("axis", 0)),
            "Slice": lambda: self.sliced(*i),
            "ScatterND": lambda: self.scattered(*i),
            "Range": lambda: torch.arange(int(i[0]), int(i[1]), int(i[2])),
            "Not": lambda: ~i[0],
        }
        return simple[op]()


    def constant(self, tensor):
        value = torch.from_numpy(np.array(onnx.numpy_helper.to_array(tensor)))
        return value.to(self.dtype) if value.is_floating_point() else value

    @staticmethod
    def unsqueezed(x, axes):
        for axis in sorted(n if n >= 0 else n + x.ndim + len(axes) for n in axes):
            x = x.unsqueeze(axis)
        return x

    @staticmethod
    def sliced(x, starts, ends, axes=None, steps=None):
        for n, (start, end) in enumerate(zip(starts.tolist(), ends.tolist())):
            axis = int(axes[n]) if axes is not None else n
            step = int(steps[n]) if steps is not None else 1
            places = range(*slice(start, end, step).indices(x.shape[axis]))
            if step > 0:
                x = x[(slice(None),) * (axis % x.ndim) + (slice(places.start, places.stop, step),)]
            else:
                x = x.index_select(axis, torch.tensor(places))
        return x

    @staticmethod
    def scattered(x, indices, updates):
        x = x.clone()
        x[tuple(indices.movedim(-1, 0))] = updates
        return x


def as_maps(t):
    """[N, K, h, w] of tokens [N, T, K] behind a class token or none, and of [N, h, w, K]."""
    if t.ndim == 3:
        side = int(t.shape[1] ** 0.5)
        return t[:, t.shape[1] - side * side:].transpose(1, 2).unflatten(2, (side, side))
    if t.shape[1] == t.shape[2] != t.shape[3]:
        return t.permute(0, 3, 1, 2)
    return t


def min_max(t):
    low, high = t.amin((1, 2, 3), keepdim=True), t.amax((1, 2, 3), keepdim=True)
    span = high - low
    return (t - low) / torch.where(span > 0, span, torch.ones_like(span))


def explain(net, x, targets, layer, only_basics=False):
    """Raw maps of every method (or of the gradient and Grad-CAM both ways) for one class index per image, as a dict."""
    one_hot = torch.zeros(x.shape[0], 1, dtype=torch.long) + torch.as_tensor(targets)[:, None]

    def cotangents(rule):
        leaf = x.clone().requires_grad_(True)
        logits, a = net(leaf, rule, layer)
        score = logits.flatten(1).gather(1, one_hot).sum()
        g_x, g_a = torch.autograd.grad(score, [leaf, a])
        return logits.detach(), as_maps(a.detach()), g_x, as_maps(g_a)

    logits, a, g_x, g = cotangents("gradient")
    maps = {"logits": logits.flatten(1), "gradient": g_x, "layer-gradient": g, "input-x-gradient": x * g_x}
    cam = lambda w: F.relu((w * a).sum(1, keepdim=True))
    maps["grad-cam"] = cam(g.mean((2, 3), keepdim=True))
    maps["counterfactual"] = cam(-g.mean((2, 3), keepdim=True))
    if only_basics:
        return maps
    guided, deconv = cotangents("guided-backprop")[2], cotangents("deconvnet")[2]
    s = a.sum((2, 3), keepdim=True)
    denominator = 2 * g**2 + s * g**3
    alpha = torch.where(denominator != 0, g**2 / denominator, torch.zeros_like(g))
    maps["grad-cam++"] = cam((alpha * F.relu(g)).sum((2, 3), keepdim=True))
    study = g**2 / (2 * g**2 + s * g**3 + 1e-7)
    counted = torch.where(g > 0, a, torch.zeros_like(a))
    excess = F.relu(counted.amax((1, 2, 3), keepdim=True) - 80)
    maps["grad-cam++.study"] = cam((study * F.relu(g) * torch.exp(counted - excess)).sum((2, 3), keepdim=True))
    maps["hires-cam"] = F.relu((g * a).sum(1, keepdim=True))
    maps["layer-cam"] = F.relu((F.relu(g) * a).sum(1, keepdim=True))
    maps["xgrad-cam"] = cam(torch.where(s.abs() > 1e-7, (a * g).sum((2, 3), keepdim=True) / s, torch.zeros_like(s)))
    maps["guided-backprop"], maps["deconvnet"] = guided, deconv
    up = F.interpolate(maps["grad-cam"], size=x.shape[2:], mode="bilinear", align_corners=False)
    maps["guided-grad-cam"] = guided * min_max(up)
    return maps
