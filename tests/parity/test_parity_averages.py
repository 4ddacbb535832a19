#!/usr/bin/python3
"""Integrated gradients and SmoothGrad of `limn explain` against PyTorch in double, written the slow way.

Points, weights and noise are made again from their definitions. The demonstration's network always, the real networks where they are.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import onnx  # noqa: F401
    import torch
except ImportError as e:
    print(f"skipped: needs Debian's python3-torch and python3-onnx ({e})")
    sys.exit(77)

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from distances import relative_l2
from onnx_torch import OnnxTorch
from standard_noise import standard_noise

SOURCE = pathlib.Path(os.environ.get("LIMN_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
DATA = pathlib.Path(os.environ.get("LIMN_SHARED_DATA", SOURCE / "../shared/data"))
STEPS, SAMPLES, SIGMA, SEED = 6, 5, 0.1, 3
# The size of an image, and how far a float run may be from double: kinks that rounding moves.
NETWORKS = {SOURCE / "data/demo/demo.onnx": (None, 2e-3),
            DATA / "models/squeezenet1_0_imagenet.onnx": (227, 2e-2)}


def gradient(net, point, target):
    leaf = torch.from_numpy(np.ascontiguousarray(point[None].astype(np.float32).astype(np.float64))).requires_grad_(True)
    score = net(leaf)[0].flatten(1)[0, target]
    return score.item(), torch.autograd.grad(score, leaf)[0][0].numpy()


def slowly(net, x, target):
    t, w = np.polynomial.legendre.leggauss(STEPS)
    path = x * sum(v / 2 * gradient(net, (1 + at) / 2 * x, target)[1] for at, v in zip(t, w))
    around = [gradient(net, x + SIGMA * (x.max() - x.min()) * standard_noise(SEED, m, x.size).reshape(x.shape), target)[1]
              for m in range(SAMPLES)]
    gain = gradient(net, x, target)[0] - gradient(net, np.zeros_like(x), target)[0]
    return {"integrated-gradients": path, "smooth-grad": np.mean(around, 0),
            "squared": np.mean(np.square(around), 0), "vargrad": np.var(around, 0, ddof=1)}, path.sum() - gain


def explained(model, x, target, folder, method, variant):
    np.save(folder / "x.npy", x)
    options = (["--steps", STEPS] if method == "integrated-gradients" else
               ["--samples", SAMPLES, "--sigma", SIGMA, "--seed", SEED, "--variant", variant])
    command = [os.environ["LIMN_CLI"], "explain", model, folder / "x.npy", "--method", method, "--target", target, "--raw",
               "--json", "--format", "npy", "--out", folder, *options]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)["explanations"][0]
    return np.load(told["heatmap"]), told.get("delta")


def main():
    torch.set_num_threads(2)
    failed = False
    with tempfile.TemporaryDirectory() as temporary:
        for model, (size, bound) in NETWORKS.items():
            if not model.exists():
                print(f"skipped: there is no {model.name}")
                continue
            dims = onnx.load(model).graph.input[0].type.tensor_type.shape.dim
            channels, height, width = (d.dim_value or size for d in list(dims)[1:])
            x = np.random.default_rng(5).uniform(-1, 1, (channels, height, width)).astype(np.float32)
            if size:
                x *= 100  # pixels of that network are 0 to 255 less their mean
            net = OnnxTorch(str(model), torch.float64)
            expected, delta = slowly(net, x.astype(np.float64), 1)
            for name, want in expected.items():
                method = name if name in ("integrated-gradients", "smooth-grad") else "smooth-grad"
                found, told = explained(model, x, 1, pathlib.Path(temporary), method, "paper" if method == name else name)
                distance = relative_l2(found[None], want[None])[0]
                right = distance <= bound and (told is None or abs(told - delta) <= 1e-2 * max(1, abs(delta)))
                failed |= not right
                print(f"{'ok   ' if right else 'FAIL '} {model.name}: {name} {distance:.1e} from PyTorch in double"
                      + (f", delta {told:.5f} and {delta:.5f}" if told is not None else ""))
    return failed


if __name__ == "__main__":
    sys.exit(main())
