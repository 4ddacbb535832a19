#!/usr/bin/python3
"""Class scores of the real networks against onnxruntime, and the classification errors on 250 photographs.

onnxruntime runs on pictures that Pillow decoded and resized; limn on the JPEG files. Needs npm's onnxruntime-node, and the
photographs.
"""
import csv
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import node  # noqa: E402

try:
    import numpy as np
    import PIL.Image
except ImportError as e:
    print(f"skipped: needs python3-numpy and python3-pil ({e})")
    sys.exit(77)

HERE = pathlib.Path(__file__).resolve().parent
DATA = pathlib.Path(os.environ.get("LIMN_SHARED_DATA", HERE / "../../../shared/data"))
PHOTOGRAPHS = DATA / "ilsvrc-val-250/ILSVRC/Data/CLS-LOC/val"
NETWORKS = {
    "squeezenet1_0_imagenet": (227, [123, 117, 104], 1.0, ["--range", "255", "--mean", "123,117,104", "--std", "1"]),
    "mobilenetv2_imagenet": (224, [127.5] * 3, 127.5, ["--range", "1", "--mean", ".5", "--std", ".5"]),
}


def pictures(paths, size, mean, scale):
    images = []
    for path in paths:
        picture = PIL.Image.open(path).convert("RGB")
        short = min(picture.size)
        picture = picture.resize([int(256 * side / short) for side in picture.size], PIL.Image.BILINEAR)
        left, top = round((picture.width - size) / 2), round((picture.height - size) / 2)
        pixels = np.asarray(picture.crop((left, top, left + size, top + size)), np.float32)
        images.append((pixels - np.array(mean, np.float32)) / np.float32(scale))
    return np.ascontiguousarray(np.stack(images).transpose(0, 3, 1, 2))


def errors(logits, truth):
    """Percent of images whose class is not the first, not among the first five."""
    order = np.argsort(-logits, axis=1, kind="stable")
    return tuple(100 * float(np.mean([t not in row[:k] for row, t in zip(order, truth)])) for k in (1, 5))


def main():
    if not PHOTOGRAPHS.exists():
        print("skipped: needs the photographs")
        sys.exit(77)
    node.modules_or_skip("onnxruntime-node")
    paths = sorted(PHOTOGRAPHS.glob("*.JPEG"))
    synsets = [line.split()[0] for line in open(DATA / "ilsvrc-val-250/LOC_synset_mapping.txt", encoding="utf-8")]
    with open(DATA / "ilsvrc-val-250/LOC_val_solution.csv", encoding="utf-8") as f:
        classes = {row["ImageId"]: synsets.index(row["PredictionString"].split()[0]) for row in csv.DictReader(f)}
    truth = [classes[p.stem] for p in paths]
    failed = False
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        for name, (size, mean, scale, flags) in NETWORKS.items():
            model = DATA / f"models/{name}.onnx"
            x = pictures(paths, size, mean, scale)
            x.tofile(folder / "x")
            subprocess.run(["node", HERE / "onnxruntime_logits.mjs", model, folder / "x", folder / "y",
                            *map(str, x.shape)], check=True)
            theirs = np.fromfile(folder / "y", np.float32).reshape(len(x), -1)
            subprocess.run([os.environ["LIMN_CLI"], "predict", model, *paths, "--resize", "256", "--crop", str(size),
                            "--order", "rgb", *flags, "--save-logits", folder / "l.npy"], check=True,
                           stdout=subprocess.DEVNULL)
            ours = np.load(folder / "l.npy")
            apart = (np.abs(ours - theirs).max(1) / np.abs(theirs).max(1)).max()
            print(f"{name}: {len(x)} photographs, logits {apart:.1e} of the largest apart; errors (top-1 / top-5 %) limn "
                  "{:.1f} / {:.1f}, onnxruntime {:.1f} / {:.1f}".format(*errors(ours, truth), *errors(theirs, truth)))
            same = (ours.argmax(1) == theirs.argmax(1)).all() and errors(ours, truth) == errors(theirs, truth)
            failed = failed or not same or apart > 1e-4
    if failed:
        raise SystemExit("limn and onnxruntime differ")


if __name__ == "__main__":
    main()
