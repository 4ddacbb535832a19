"""Evaluates the cases that parity_spatial_test.cpp wrote to a folder with PyTorch's functional operators, in double.

For every case that PyTorch can express, <case>.y and <case>.dx are written. Exits with 77 without PyTorch.
"""
import sys
from pathlib import Path

import numpy as np

try:
    import torch
    import torch.nn.functional as F
except ImportError:
    sys.exit(77)


class Case:
    def __init__(self, index, op):
        self.index, self.op, self.attrs, self.inputs, self.dy = index, op, {}, {}, None

    def get(self, name, otherwise):
        return self.attrs.get(name, otherwise)


def array(path, kind, dims):
    return torch.from_numpy(np.fromfile(path, dtype="<" + kind).reshape([int(d) for d in dims]))


def read_cases(folder):
    cases = []
    for line in (folder / "cases").read_text().splitlines():
        key, *rest = line.split()
        if key == "case":
            cases.append(Case(rest[0], rest[1]))
        elif key == "attr":
            name, kind, *words = rest
            read = {"i": lambda w: int(w[0]), "f": lambda w: float(w[0]), "s": lambda w: w[0],
                    "l": lambda w: [int(x) for x in w]}[kind]
            cases[-1].attrs[name] = read(words)
        elif key == "in":
            cases[-1].inputs[int(rest[0])] = array(folder / f"{cases[-1].index}.in{rest[0]}", rest[1], rest[2:])
        elif key == "dy":
            cases[-1].dy = array(folder / f"{cases[-1].index}.dy", "f8", rest)
    return cases


def window(case, sizes, kernel):
    """strides, dilations, pads before and pads after, from the definition in the ONNX operator specification"""
    n = len(sizes)
    strides, dilations = case.get("strides", [1] * n), case.get("dilations", [1] * n)
    pads = case.get("pads", [0] * (2 * n))
    before, after = pads[:n], pads[n:]
    auto = case.get("auto_pad", "NOTSET")
    if auto.startswith("SAME"):
        before, after = [], []
        for i in range(n):
            out = -(-sizes[i] // strides[i])
            total = max(0, (out - 1) * strides[i] + (kernel[i] - 1) * dilations[i] + 1 - sizes[i])
            small, large = total // 2, total - total // 2
            before.append(small if auto == "SAME_UPPER" else large)
            after.append(large if auto == "SAME_UPPER" else small)
    return strides, dilations, before, after


def around(before, after):
    """pads as F.pad takes them: last axis first"""
    return [p for pair in zip(reversed(before), reversed(after)) for p in pair]


def conv(case, x):
    w, n = case.inputs[1], x.dim() - 2
    strides, dilations, before, after = window(case, x.shape[2:], w.shape[2:])
    f = [F.conv1d, F.conv2d, F.conv3d][n - 1]
    return f(F.pad(x, around(before, after)), w, case.inputs.get(2), strides, 0, dilations, case.get("group", 1))


def conv_transpose(case, x):
    if "auto_pad" in case.attrs or "output_shape" in case.attrs:
        return None
    w, n = case.inputs[1], x.dim() - 2
    strides, dilations, before, after = window(case, x.shape[2:], w.shape[2:])
    more = case.get("output_padding", [0] * n)
    f = [F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d][n - 1]
    full = f(x, w, None, strides, 0, 0, case.get("group", 1), dilations)
    full = F.pad(full, around([-b for b in before], [m - a for m, a in zip(more, after)]))
    return full + case.inputs[2].reshape([-1] + [1] * n)


def pool_padding(before, after, kernel):
    """the padding that PyTorch's pooling takes itself, or None where it has to be made first"""
    own = before == after and all(2 * b <= k for b, k in zip(before, kernel))
    return before if own else None


def max_pool(case, x):
    kernel, n = case.attrs["kernel_shape"], x.dim() - 2
    strides, dilations, before, after = window(case, x.shape[2:], kernel)
    padding, ceil = pool_padding(before, after, kernel), bool(case.get("ceil_mode", 0))
    if padding is None:
        if ceil:
            return None
        x, padding = F.pad(x, around(before, after), value=-float("inf")), 0
    f = [F.max_pool1d, F.max_pool2d, F.max_pool3d][n - 1]
    return f(x, kernel, strides, padding, dilations, ceil)


def average_pool(case, x):
    kernel, n = case.attrs["kernel_shape"], x.dim() - 2
    strides, dilations, before, after = window(case, x.shape[2:], kernel)
    padding, ceil = pool_padding(before, after, kernel), bool(case.get("ceil_mode", 0))
    counted = bool(case.get("count_include_pad", 0))
    if any(d != 1 for d in dilations) or (padding is None and ceil):
        return None
    f = [F.avg_pool1d, F.avg_pool2d, F.avg_pool3d][n - 1]
    if padding is not None:
        return f(x, kernel, strides, padding, ceil, counted)
    y = f(F.pad(x, around(before, after)), kernel, strides)
    return y if counted else y / f(F.pad(torch.ones_like(x), around(before, after)), kernel, strides)


def global_max_pool(case, x):
    n = x.dim() - 2
    return [F.adaptive_max_pool1d, F.adaptive_max_pool2d, F.adaptive_max_pool3d][n - 1](x, 1)


def batch_norm(case, x):
    scale, shift, mean, variance = (case.inputs[i] for i in range(1, 5))
    return F.batch_norm(x, mean, variance, scale, shift, False, 0.0, case.get("epsilon", float(np.float32(1e-5))))


def instance_norm(case, x):
    epsilon = case.get("epsilon", float(np.float32(1e-5)))
    return F.instance_norm(x, weight=case.inputs[1], bias=case.inputs[2], eps=epsilon)


def lrn(case, x):
    size = case.attrs["size"]
    alpha = case.get("alpha", float(np.float32(1e-4)))
    if x.dim() < 3:
        return None
    # PyTorch's even windows reach further down, ONNX's further up.
    flipped = x.flip(1) if size % 2 == 0 else x
    y = F.local_response_norm(flipped, size, alpha, case.get("beta", 0.75), case.get("bias", 1.0))
    return y.flip(1) if size % 2 == 0 else y


def pad(case, x):
    mode = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}[case.attrs["mode"]]
    pads = case.inputs[1].tolist()
    if 3 in case.inputs or x.dim() != 4:
        return None
    before, after = pads[:4], pads[4:]
    if mode == "constant":
        value = case.inputs[2].item() if 2 in case.inputs else 0.0
        return F.pad(x, around(before, after), value=value)
    inner = before[2:] + after[2:]
    if any(before[:2] + after[:2]) or min(inner) < 0 or max(inner) >= min(x.shape[2:]):
        return None
    return F.pad(x, around(before[2:], after[2:]), mode=mode)


OPERATORS = {
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "MaxPool": max_pool,
    "AveragePool": average_pool,
    "GlobalAveragePool": lambda case, x: x.mean(dim=list(range(2, x.dim())), keepdim=True),
    "GlobalMaxPool": global_max_pool,
    "BatchNormalization": batch_norm,
    "InstanceNormalization": instance_norm,
    "LRN": lrn,
    "Pad": pad,
}


def main(folder):
    for case in read_cases(folder):
        if case.op not in OPERATORS:
            continue
        x = case.inputs[0].clone().requires_grad_(True)
        y = OPERATORS[case.op](case, x)
        if y is None:
            continue
        (dx,) = torch.autograd.grad(y, x, case.dy)
        y.detach().numpy().astype("<f8").tofile(folder / f"{case.index}.y")
        dx.numpy().astype("<f8").tofile(folder / f"{case.index}.dx")


main(Path(sys.argv[1]))
