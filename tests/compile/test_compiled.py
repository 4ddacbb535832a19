#!/usr/bin/python3
"""Compiled files in onnxruntime: the networks whose weights are published, a few methods each.

Needs Debian's python3-onnx and python3-numpy, npm's onnxruntime-node, and the networks; skipped with a message otherwise.
test_slow_compiled.py takes more networks and every method.
"""
import os
import pathlib
import sys
import tempfile

try:
    import numpy as np
    import compiled
    import node
    from runtime import OnnxRuntime
except ImportError as e:
    print(f"skipped: needs python3-numpy and python3-onnx ({e})")
    sys.exit(77)

HERE = pathlib.Path(__file__).resolve().parent
DATA = pathlib.Path(os.environ.get("LIMN_SHARED_DATA", HERE / "../../../shared/data"))
METHODS = ["grad-cam", "guided-grad-cam"]


def real_networks():
    """Published networks with two photographs' worth of numbers that look like preprocessed pixels."""
    random = np.random.default_rng(5)
    return {path.stem: (path, 80 * random.standard_normal((3, 3, size, size)).astype(np.float32))
            for name, size in (("squeezenet1_0_imagenet", 227), ("mobilenetv2_imagenet", 224))
            if (path := DATA / f"models/{name}.onnx").exists()}


def check(networks, methods, folder):
    """Whether anything is not as it should be."""
    kinds, failed = compiled.kinds(), False
    with OnnxRuntime(folder) as runtime:
        for name, (model, images) in networks.items():
            network = compiled.Network(model, images, runtime, folder)
            for method in methods:
                findings, distances, kinks = network.judge(method, kinds[method])
                growth = distances.pop("growth")
                findings += [f"{what} is {d:.1e} off" for what, d in distances.items() if d > compiled.CLOSE]
                if growth > 0.02:
                    findings.append(f"the file grew by {100 * growth:.1f} %")
                print(f"{name:24} {method:18} {max(distances.values(), default=0):.1e} {100 * growth:6.2f} %",
                      f"kinks {kinks}" if kinks else "", *findings, flush=True)
                failed |= bool(findings)
    return failed


def main():
    networks = real_networks()
    if not networks:
        print("skipped: needs the networks")
        sys.exit(77)
    node.modules_or_skip("onnxruntime-node")
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(check(networks, sys.argv[1:] or METHODS, pathlib.Path(folder)))


if __name__ == "__main__":
    main()
