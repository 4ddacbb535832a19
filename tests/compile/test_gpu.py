#!/usr/bin/python3
"""Compiled files on a graphics processor: onnxruntime's WebGPU computes what its processor kernels do.

Every method that can be compiled, on the network that the repository ships. Needs Debian's python3-numpy and
python3-onnx, npm's onnxruntime-node, and a Vulkan driver: that of VK_DRIVER_FILES, or else the one of Debian's chromium,
which computes on the processor. Skipped with a message otherwise.
"""
import json
import os
import pathlib
import sys
import tempfile

try:
    import numpy as np
    import onnx
    import compiled
    import node
    from runtime import OnnxRuntime
except ImportError as e:
    print(f"skipped: needs python3-numpy and python3-onnx ({e})")
    sys.exit(77)

SOURCE = pathlib.Path(os.environ.get("LIMN_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
CHROMIUM = pathlib.Path("/usr/lib/chromium")  # its folder has a loader, too
# Of the largest value. A gradient may take another way where a rectifier's input lies next to zero: L2, in parts of the norm.
CLOSE, CLOSE_GRADIENTS = 1e-4, 1e-2


def driver_or_skip(folder):
    """What the environment of a process must say for it to find a driver."""
    if "VK_DRIVER_FILES" in os.environ:
        return {}
    library = CHROMIUM / "libvk_swiftshader.so"
    if not library.exists():
        print("skipped: needs a Vulkan driver, of VK_DRIVER_FILES or of Debian's chromium")
        sys.exit(77)
    about = folder / "driver.json"
    about.write_text(json.dumps({"file_format_version": "1.0.0",
                                 "ICD": {"library_path": str(library), "api_version": "1.1.0"}}))
    paths = filter(None, [os.environ.get("LD_LIBRARY_PATH"), str(CHROMIUM)])
    return {"VK_DRIVER_FILES": str(about), "VK_ICD_FILENAMES": str(about), "LD_LIBRARY_PATH": ":".join(paths)}


def apart(a, b, kind):
    if kind == "cam":
        return compiled.distance(a, b), CLOSE
    return float(np.linalg.norm(a - b) / np.linalg.norm(b)), CLOSE_GRADIENTS


def main():
    node.modules_or_skip("onnxruntime-node")
    model, failed = SOURCE / "data/demo/demo.onnx", False
    image = onnx.load(model).graph.input[0]
    sizes = [d.dim_value for d in image.type.tensor_type.shape.dim][1:]
    random, kinds = np.random.default_rng(3), compiled.kinds()
    feeds = {image.name: random.standard_normal((1, *sizes)).astype(np.float32)}
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        (folder / "gpu").mkdir()
        with OnnxRuntime(folder) as runtime, OnnxRuntime(folder / "gpu", driver_or_skip(folder)) as gpu:
            for method in compiled.methods():
                path = folder / "explained.onnx"
                compiled.limn("compile", model, "--method", method, "-o", path, *compiled.OPTIONS.get(method, []))
                noise = random.standard_normal((compiled.OPTIONS["smooth-grad"][1], *sizes)).astype(np.float32)
                more = {"noise": noise} if method == "smooth-grad" else {}
                want, got = runtime.run(path, feeds | more), gpu.run(path, feeds | more, provider="webgpu")
                (scores,) = want.keys() - {"heatmap", "target"}
                off = compiled.distance(got[scores], want[scores])
                map_off, close = apart(got["heatmap"], want["heatmap"], kinds[method])
                print(f"{method:24} scores {off:.1e} map {map_off:.1e}", flush=True)
                same = off <= CLOSE and map_off <= close and (got["target"] == want["target"]).all()
                failed |= not same
    sys.exit(failed)


if __name__ == "__main__":
    main()
