#!/usr/bin/python3
"""Compiled models that take pictures, in onnxruntime: heatmaps and overlays are those of `limn explain`.

Needs npm's onnxruntime-node (tests/support/node.py), and Pillow.
"""
import os
import pathlib
import sys
import tempfile

import numpy as np

import web
from runtime import OnnxRuntime

SOURCES = pathlib.Path(os.environ.get("LIMN_SOURCE_DIR", web.HERE.parents[1]))
MODEL = SOURCES / "data/demo/demo.onnx"
CLOSE = 1e-4  # of heat in 0..1


def own(picture, method, folder):
    """limn's heatmap and overlay, without its colour bar."""
    out = folder / f"{picture.stem}.{method}"
    web.limn("explain", MODEL, picture, "--method", method, "--out", out)
    (numbers,), (png,) = out.glob("*.npy"), out.glob("*.png")
    height, width = np.asarray(Image.open(picture)).shape[:2]
    return np.load(numbers), np.asarray(Image.open(png).convert("RGB"))[:height, :width]


def check(runtime, method, opset, folder):
    """The largest differences of heat and of grey levels over the demo's scenes, and the share of levels that differ."""
    compiled = folder / f"{method}.{opset}.onnx"
    web.limn("compile", MODEL, "--method", method, "--with-overlay", "--normalize", "--opset", opset, "-o", compiled)
    heat, levels, share = 0.0, 0, 0.0
    for picture in sorted((SOURCES / "data/demo/scenes").glob("*.png"))[:4]:
        pixels = np.asarray(Image.open(picture).convert("RGB"))
        both = np.stack([pixels, pixels[:, ::-1]])  # a batch: the scene and its mirror image
        results = runtime.run(compiled, {"picture": both})
        own_heat, own_overlay = own(picture, method, folder)
        assert results["overlay"].shape == both.shape and results["overlay"].dtype == np.uint8
        heat = max(heat, float(np.abs(results["heatmap"][0, 0] - own_heat).max()))
        difference = np.abs(results["overlay"][0].astype(int) - own_overlay)
        levels, share = max(levels, int(difference.max())), max(share, float((difference > 0).mean()))
        assert np.abs(results["overlay"][1].astype(int) - own_overlay).max() > 20, "the second picture is the first"
    print(f"{method}, opset {opset}: heat {heat:.1e}, overlays {levels} levels, {100 * share:.2f} % of samples differ")
    assert heat <= CLOSE and levels <= 2, (heat, levels)


def main():
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        try:
            runtime = OnnxRuntime(folder)
        except FileNotFoundError as missing:
            print(f"skipped: {missing}")
            sys.exit(77)
        with runtime:
            for method, opset in (("grad-cam", 13), ("grad-cam", 18), ("saliency", 17)):
                check(runtime, method, opset, folder)


if __name__ == "__main__":
    try:
        from PIL import Image
    except ImportError:
        print("skipped: needs Pillow")
        sys.exit(77)
    main()
