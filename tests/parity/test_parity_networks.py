#!/usr/bin/python3
"""Whole networks against PyTorch: the three parity statements, and every method.

(a) limn's double-precision reference equals PyTorch in double within 1e-8 of the largest value.
(b) limn's native gradients equal the double-precision ones that are given the native run's own rectifier masks and
    pool indices within 1e-5 (L2), on every image.
(c) limn's native input gradient against PyTorch in double: its median L2 distance is at most twice the median of
    PyTorch's own float against its own double; class activation maps are within 1e-4 of their maximum on 95 % of the
    images, the others being explained by (b): a mask that flipped.

Environment: LIMN_PARITY_IMAGES (photographs per real network, default 3; 50 for the full statement),
LIMN_PARITY_NETWORKS (space-separated; default all but vgg16). Real networks and photographs are looked for in LIMN_SHARED_DATA.
"""
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import onnx  # noqa: F401
    import PIL.Image
    import torch
    import torchvision  # noqa: F401
except ImportError as e:
    print(f"skipped: needs Debian's python3-torch, python3-torchvision, python3-onnx and python3-pil ({e})")
    sys.exit(77)

from distances import of_largest, relative_l2
from onnx_torch import OnnxTorch, explain

SOURCE = pathlib.Path(os.environ.get("LIMN_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ["LIMN_BUILD_DIR"])
DATA = pathlib.Path(os.environ.get("LIMN_SHARED_DATA", SOURCE / "../shared/data"))
IMAGES = int(os.environ.get("LIMN_PARITY_IMAGES", "3"))
CAMS = ["grad-cam", "counterfactual", "grad-cam++", "grad-cam++.study", "hires-cam", "layer-cam", "xgrad-cam"]
ATTRIBUTIONS = ["gradient", "input-x-gradient", "guided-backprop", "deconvnet", "guided-grad-cam"]
# The target layer, and how many images the double-precision reference is run on.
RANDOM = {"alexnet": ("auto", 2), "googlenet": ("auto", 1), "resnet50": ("auto", 1), "densenet121": ("auto", 1),
          "vgg16": ("auto", 1)}
REAL = {"squeezenet1_0_imagenet": (227, [123, 117, 104], 1.0), "mobilenetv2_imagenet": (224, [127.5] * 3, 127.5)}

failures = []


def check(condition, text):
    print(("ok    " if condition else "FAIL  ") + text, flush=True)
    if not condition:
        failures.append(text)


def photographs(size, mean, scale):
    paths = sorted((DATA / "ilsvrc-val-250/ILSVRC/Data/CLS-LOC/val").glob("*.JPEG"))[:IMAGES]
    images = []
    for path in paths:
        picture = PIL.Image.open(path).convert("RGB")
        w, h = picture.size
        short = min(w, h)
        picture = picture.resize((int(256 * w / short), int(256 * h / short)), PIL.Image.BILINEAR)
        left, top = round((picture.width - size) / 2), round((picture.height - size) / 2)
        pixels = np.asarray(picture.crop((left, top, left + size, top + size)), np.float32)
        images.append((pixels - np.array(mean, np.float32)) / np.float32(scale))
    return np.ascontiguousarray(np.stack(images).transpose(0, 3, 1, 2))


def run_limn(model, x, targets, folder, reference):
    np.save(folder / "input.npy", x)
    np.save(folder / "targets.npy", np.asarray(targets, np.float32))
    command = [BUILD / "bin/limn_parity", model, folder / "input.npy", folder / "targets.npy", "auto", folder]
    done = subprocess.run(command + (["--reference"] if reference else []), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{model}: limn_parity failed: {done.stderr}")
    switched = [[float(line.split()[3]), float(line.split()[5])] for line in done.stdout.splitlines()
                if line.startswith("switched")]
    layer = done.stdout.splitlines()[-1].split()[1]

    def load(kind, dtype):
        maps = {}
        for path in folder.glob(f"*.{kind}"):
            dims = [int(d) for d in pathlib.Path(f"{path}.dims").read_text().split()]
            maps[path.name[: -len(kind) - 1]] = np.fromfile(path, dtype).reshape([len(x)] + dims)
        return maps

    return load("native", np.float32), load("reference", np.float64) if reference else {}, switched, layer


def torch_maps(path, x, targets, layer, dtype):
    net = OnnxTorch(str(path), dtype)
    parts = [explain(net, torch.from_numpy(x[n:n + 1]).to(dtype), [targets[n]], layer) for n in range(len(x))]
    return {k: np.concatenate([p[k].numpy() for p in parts]) for k in parts[0]}


def compare(name, path, x, referenced, folder):
    with torch.no_grad():
        net = OnnxTorch(str(path), torch.float32)
        logits = np.concatenate([net(torch.from_numpy(x[n:n + 1]))[0].flatten(1).numpy() for n in range(len(x))])
    targets = logits.argmax(1)
    native, _, switched, layer = run_limn(path, x, targets, folder, False)
    exact = torch_maps(path, x, targets, layer, torch.float64)
    single = torch_maps(path, x, targets, layer, torch.float32)
    print(f"-- {name}: {len(x)} images, target layer {layer}")
    if referenced:
        _, reference, _, _ = run_limn(path, x[:referenced], targets[:referenced], folder, True)
        worst = {k: of_largest(reference[k], exact[k][:referenced]).max() for k in reference if k in exact}
        # The weights of guided-grad-cam's interpolation are float32 constants of the explanation graph.
        check(len(worst) >= 13 and all(v <= (2e-7 if k == "guided-grad-cam" else 1e-8) for k, v in worst.items()),
              f"(a) {name}: reference and PyTorch in double, worst of {len(worst)} maps {max(worst.values()):.1e} "
              f"({max(worst, key=worst.get)})")
    worst = np.array(switched).max(0)
    check(worst.max() <= 1e-5, f"(b) {name}: native against double with native switches, layer {worst[0]:.1e}, "
                               f"input {worst[1]:.1e}")
    check(of_largest(native["logits"], exact["logits"]).max() <= 1e-4,
          f"{name}: logits {of_largest(native['logits'], exact['logits']).max():.1e} of the largest")
    for k in ["gradient", "input-x-gradient", "guided-backprop", "deconvnet", "guided-grad-cam"]:
        ours, theirs = (statistics.median(relative_l2(found[k], exact[k])) for found in (native, single))
        bound = max(2 * theirs, 1e-5)
        # One or two images are no sample for a median: kinks decide which of the two runs is nearer.
        bound = bound if len(x) >= 10 else max(bound, 5e-2)
        check(ours <= bound, f"(c) {name}: {k} median L2 {ours:.1e}, PyTorch float against double {theirs:.1e}")
    for k in CAMS:
        d = of_largest(native[k], exact[k])
        # The study's Grad-CAM++ exponentiates activations: float itself can be further than 1e-4 from double there.
        bound = np.maximum(1e-4, 2 * of_largest(single[k], exact[k]) if k == "grad-cam++.study" else 0)
        share = float((d <= bound).mean())
        enough = share >= 0.95 if len(x) >= 10 else d.max() <= 1e-2
        check(enough, f"(c) {name}: {k} within 1e-4 of the maximum on {100 * share:.0f} % of the images, worst "
                      f"{d.max():.1e}")
    difference = relative_l2(native["guided-backprop"], native["gradient"]).min()
    check(difference > 0.1, f"{name}: guided backprop differs from the gradient by {difference:.2f} (L2, least)")


def main():
    usual = [n for n in [*REAL, *RANDOM] if n != "vgg16"]  # which takes minutes in double: name it to have it
    wanted = os.environ.get("LIMN_PARITY_NETWORKS", " ".join(usual)).split()
    torch.set_num_threads(2)
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        for name, (size, mean, scale) in REAL.items():
            path = DATA / f"models/{name}.onnx"
            if name not in wanted:
                continue
            if not path.exists():
                print(f"skipped: {name}: there is no {path}")
                continue
            compare(name, path, photographs(size, mean, scale), min(IMAGES, 2), folder)
            for f in folder.glob("*"):
                f.unlink()
        for name, (_, referenced) in RANDOM.items():
            if name not in wanted:
                continue
            subprocess.run([sys.executable, SOURCE / "tools/export_torchvision.py", "--out", folder / "m", name],
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            count = int(os.environ.get("LIMN_PARITY_RANDOM_IMAGES", "2"))
            x = np.random.default_rng(7).standard_normal((count, 3, 224, 224)).astype(np.float32)
            compare(name, folder / f"m/{name}.onnx", x, min(referenced, count), folder)
            (folder / f"m/{name}.onnx").unlink()
            for f in folder.glob("*.*"):
                f.unlink()
    if failures:
        raise SystemExit(f"{len(failures)} of the statements above do not hold")


if __name__ == "__main__":
    main()
