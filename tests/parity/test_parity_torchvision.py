#!/usr/bin/python3
"""One member of each family of torchvision's classifiers against PyTorch; tools/torchvision_table.py has them all.

Environment: LIMN_PARITY_ARCHITECTURES (space-separated; default one small member of each family that
test_parity_networks.py does not have).
"""
import os
import pathlib
import sys
import tempfile
import time

try:
    import onnx  # noqa: F401
    import torch
    import torchvision  # noqa: F401
except ImportError as e:
    print(f"skipped: needs Debian's python3-torch, python3-torchvision and python3-onnx ({e})")
    sys.exit(77)

from architecture import check, judged

# Among the smallest, and not among those whose random weights make PyTorch's own float run a matter of chance.
FAMILIES = ("resnet18 resnext50_32x4d inception_v3 shufflenet_v2_x0_5 mobilenet_v2 mobilenet_v3_small mnasnet0_5 "
            "efficientnet_b0 regnet_x_400mf regnet_y_400mf convnext_tiny vit_b_32 swin_t squeezenet1_1")


def main():
    torch.set_num_threads(2)
    failed = 0
    for name in os.environ.get("LIMN_PARITY_ARCHITECTURES", FAMILIES).split():
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            found = check(name, pathlib.Path(os.environ["LIMN_BUILD_DIR"]), pathlib.Path(folder), images=1)
        wrong = judged(found)
        failed += bool(wrong)
        print(f"{'FAIL ' if wrong else 'ok   '} {name}: logits {found['logits']:.1e}, (a) "
              f"{found.get('reference', float('nan')):.1e}, (b) {found.get('switched', float('nan')):.1e}, (c) gradient "
              f"{found['gradient']:.1e} (PyTorch {found['gradient_torch']:.1e}), Grad-CAM {found['cam']:.1e} at "
              f"{found['layer']} {found['layer_shape']}, {time.monotonic() - start:.0f} s" +
              "".join(f"\n      {text}" for text in wrong), flush=True)
    if failed:
        raise SystemExit(f"{failed} architectures are not on a par")


if __name__ == "__main__":
    main()
