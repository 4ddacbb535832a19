#!/usr/bin/python3
"""limn convert on every architecture that it lists, as zip and as legacy file, against PyTorch.

With npm's onnxruntime-node (LIMN_NODE_MODULES), the same files run there too.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import node  # noqa: E402

try:
    import numpy as np
    import onnx

    import torch_checkpoints as samples
except ImportError as e:
    print(f"skipped: needs python3-torch, python3-torchvision and python3-onnx ({e})")
    sys.exit(77)

from harness import apart, convert, limn, predicted

HERE = pathlib.Path(__file__).resolve().parent
TOLERANCE = 1e-4


def module_of(name):
    if name == "chexnet":
        return samples.randomise(samples.CheXNet(), 0)
    if name == "mnist_cnn":
        return samples.randomise(samples.Digits(), 0)
    return samples.network(name, 1000)


def by_onnxruntime(model, x, folder):
    x.tofile(folder / "x")
    subprocess.run(["node", HERE.parent / "parity/onnxruntime_logits.mjs", model, folder / "x", folder / "y",
                    *map(str, x.shape)], check=True)
    return np.fromfile(folder / "y", np.float32).reshape(len(x), -1)


def one(name, folder, with_onnxruntime):
    module = module_of(name)
    size, channels = (299, 3) if name == "inception_v3" else (28, 1) if name == "mnist_cnn" else (224, 3)
    x = samples.image(size, channels)
    theirs = samples.logits(module.without_sigmoid() if name == "chexnet" else module, x)
    line, worst, models = f"{name:<18}", 0.0, []
    for zip_format in (True, False):
        checkpoint, model = folder / "weights.pth", folder / f"model{int(zip_format)}.onnx"
        samples.save(module.state_dict(), checkpoint, zip_format)
        convert(name, checkpoint, model)
        onnx.checker.check_model(str(model))
        error = apart(predicted(model, x.numpy()), theirs)
        line += f"  {'zip' if zip_format else 'legacy'} {error:.1e}"
        worst = max(worst, error)
        models.append(model)
    same = models[0].read_bytes() == models[1].read_bytes()
    if with_onnxruntime:
        answer = by_onnxruntime(models[0], x.numpy(), folder)
        error = apart(answer, samples.logits(module, x) if name == "chexnet" else theirs)
        line += f"  onnxruntime {error:.1e}"
        worst = max(worst, error)
    print(line + ("" if same else "  the two files differ"), flush=True)
    return worst < TOLERANCE and same


def main():
    listed = re.findall(r"^(\w+)", limn("convert", "--list").stdout, re.MULTILINE)
    assert len(listed) == 30, listed
    with_onnxruntime = node.modules("onnxruntime-node") is not None
    failed = []
    for name in sys.argv[1:] or listed:
        with tempfile.TemporaryDirectory() as folder:
            if not one(name, pathlib.Path(folder), with_onnxruntime):
                failed.append(name)
    if failed:
        raise SystemExit(f"not within {TOLERANCE} of PyTorch: {', '.join(failed)}")


if __name__ == "__main__":
    main()
