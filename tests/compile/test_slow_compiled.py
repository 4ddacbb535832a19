#!/usr/bin/python3
"""Compiled files in onnxruntime: every method that can be compiled, and architectures with random weights.

Needs what test_compiled.py needs, and Debian's python3-torch and python3-torchvision for the architectures. Arguments name
some of the networks and methods; LIMN_MODELS names a folder of exported networks, NAME.onnx, to be used as they are.
"""
import os
import pathlib
import sys
import tempfile

try:
    import numpy as np
    import compiled
    import node
    from test_compiled import HERE, check, real_networks
except ImportError as e:
    print(f"skipped: needs python3-numpy and python3-onnx ({e})")
    sys.exit(77)

ARCHITECTURES = ["alexnet", "vgg16", "googlenet", "resnet50", "densenet121", "efficientnet_b0", "vit_b_16"]


def exported(name, folder):
    """The file of an architecture, every parameter and buffer random; None without PyTorch."""
    ready = pathlib.Path(os.environ.get("LIMN_MODELS", folder)) / f"{name}.onnx"
    if not ready.exists():
        try:
            sys.path.insert(0, str(HERE.parents[1] / "tools"))
            import export_torchvision
        except ImportError:
            return None
        export_torchvision.export(name, ready, 1, False, 13)
    return ready


def suits(name, method):
    """Guided rules need a rectifier, cam a head that is linear behind a global pool."""
    if name in ("vit_b_16", "efficientnet_b0") and method in ("guided-backprop", "guided-grad-cam", "deconvnet"):
        return False
    return method != "cam" or name not in ("alexnet", "vgg16", "vit_b_16")


def main():
    node.modules_or_skip("onnxruntime-node")
    known, failed = compiled.methods(), False
    methods = [a for a in sys.argv[1:] if a in known] or known
    wanted = [a for a in sys.argv[1:] if a not in known]
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        networks = real_networks()
        images = np.random.default_rng(5).standard_normal((3, 3, 224, 224)).astype(np.float32)
        for name in ARCHITECTURES:
            if not wanted or name in wanted:
                networks[name] = (exported(name, folder), images)
        for name, (path, x) in networks.items():
            if wanted and name not in wanted:
                continue
            if path is None:
                print(f"{name}: left out, needs python3-torchvision")
                continue
            failed |= check({name: (path, x)}, [m for m in methods if suits(name, m)], folder)
            if path.parent == folder:
                path.unlink()
    sys.exit(failed)


if __name__ == "__main__":
    main()
