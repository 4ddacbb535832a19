#!/usr/bin/python3
"""Measures the demo's network: is it right, and does Grad-CAM point at the garment asked for?

    python3 tools/demo/evaluate.py --model data/demo/demo.onnx --folder data/demo/scenes
    python3 tools/demo/evaluate.py --model data/demo/demo.onnx --scenes 2000 --seed 5000000

The first form reads committed scenes, the second renders new ones from Fashion-MNIST's test garments.
"""
import argparse
import glob
import os
import xml.etree.ElementTree as xml

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from garments import DATASET, LABELS, Wardrobe
from onnx_model import Model
from scenes import Garment, Scene, render

BATCH = 50


def read_folder(folder):
    """The scenes of a folder of PNG files, each beside its PASCAL VOC annotation."""
    for path in sorted(glob.glob(os.path.join(folder, "*.xml"))):
        root = xml.parse(path).getroot()
        garments = [Garment(LABELS.index(thing.findtext("name")),
                            tuple(int(thing.findtext(f"bndbox/{key}")) for key in ("xmin", "ymin", "xmax", "ymax")))
                    for thing in root.iter("object")]
        image = Image.open(os.path.join(folder, root.findtext("filename"))).convert("RGB")
        yield Scene(np.asarray(image), garments)


def render_scenes(first_seed, count, dataset):
    wardrobe = Wardrobe("t10k", dataset)
    for seed in range(first_seed, first_seed + count):
        yield render(seed, wardrobe)


class Frame:
    """The geometry of the card's preprocessing for one picture: shorter side resized, centre cropped."""

    def __init__(self, image, card):
        self.height, self.width = image.shape[:2]
        side, crop = card["resize"], card["crop"]
        short = min(self.height, self.width)
        self.size = tuple(int(side * v / short) for v in (self.width, self.height))
        self.left, self.top = (round((v - crop) / 2) for v in self.size)
        self.crop = crop

    def enter(self, image):
        """The crop of the resized picture, [crop, crop, 3] bytes."""
        picture = Image.fromarray(image).resize(self.size, Image.BILINEAR)
        return np.asarray(picture.crop((self.left, self.top, self.left + self.crop, self.top + self.crop)))

    def leave(self, box):
        """A box in crop pixels, in pixels of the original picture."""
        x, y = self.width / self.size[0], self.height / self.size[1]
        left, top, right, bottom = box
        return (left + self.left) * x, (top + self.top) * y, (right + self.left) * x, (bottom + self.top) * y


def prepare(image, card):
    value = torch.tensor(image, dtype=torch.float32).permute(2, 0, 1) / 255
    mean, std = (torch.tensor(card[key])[:, None, None] for key in ("mean", "std"))
    return (value - mean) / std


def largest_region(mask):
    """Of the true pixels' 8-connected regions, the box of the one with most pixels (half-open), or None."""
    if not mask.any():
        return None
    labels = np.where(mask, np.arange(1, mask.size + 1).reshape(mask.shape), 0)
    while True:
        padded = np.pad(labels, 1)
        height, width = mask.shape
        shifted = [padded[y : y + height, x : x + width] for y in range(3) for x in range(3)]
        near = np.where(mask, np.maximum.reduce(shifted), 0)
        if (near == labels).all():
            break
        labels = near
    names, sizes = np.unique(labels[mask], return_counts=True)
    rows, columns = np.nonzero(labels == names[sizes.argmax()])
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


def inside(point, box):
    return box[0] <= point[0] < box[2] and box[1] <= point[1] < box[3]


def overlap(a, b):
    """Intersection over union of two boxes."""
    if a is None:
        return 0.0
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    common = max(width, 0) * max(height, 0)
    return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common)


def judge(heatmap, frame, asked, other):
    """(maximum in the asked box, maximum in the other box, IoU with the asked box, IoU with the other)."""
    peak = np.unravel_index(heatmap.argmax(), heatmap.shape)
    x, y = peak[1] + 0.5, peak[0] + 0.5
    point = frame.leave((x, y, x, y))[:2]
    low, high = heatmap.min(), heatmap.max()
    region = largest_region(heatmap - low > 0.15 * (high - low))
    found = None if region is None else frame.leave(region)
    return inside(point, asked), inside(point, other), overlap(found, asked), overlap(found, other)


def centre_map(side):
    """A control that always answers the middle: its box covers a quarter of the picture."""
    distance = np.abs(np.arange(side) + 0.5 - side / 2) / side
    return (np.maximum.outer(distance, distance) < 0.25) - np.add.outer(distance, distance) * 0.01


def random_map(random, cells, side):
    return enlarge(torch.from_numpy(random.random((1, cells, cells)).astype(np.float32)), side)[0]


def enlarge(maps, side):
    """[N, h, w] to [N, side, side], bilinear with half-pixel centres."""
    return functional.interpolate(maps[:, None], size=(side, side), mode="bilinear", align_corners=False)[:, 0].numpy()


class Tally:
    """Counts over scenes and asked garments."""

    def __init__(self):
        self.scenes = self.both = 0
        self.found, self.asked = np.zeros(len(LABELS)), np.zeros(len(LABELS))
        self.confused = np.zeros((len(LABELS), len(LABELS)), int)
        self.judged = {"grad-cam": [], "centre box": [], "random map": []}

    def count_classes(self, logits, scene):
        top = set(logits.topk(2).indices.tolist())
        present = [garment.label for garment in scene.garments]
        self.scenes += 1
        self.both += top == set(present)
        for label in present:
            self.asked[label] += 1
            self.found[label] += label in top
            for wrong in top - set(present):
                self.confused[label, wrong] += label not in top

    def print(self):
        print(f"scenes: {self.scenes}")
        print(f"two highest logits are exactly the two garments: {100 * self.both / self.scenes:.2f} %")
        print(f"garments among the two highest logits: {100 * self.found.sum() / self.asked.sum():.2f} %")
        for label, name in enumerate(LABELS):
            order = self.confused[label].argsort()[::-1]
            wrong = ", ".join(f"{LABELS[w]} {self.confused[label, w]}" for w in order if self.confused[label, w])
            share = 100 * self.found[label] / max(self.asked[label], 1)
            print(f"  {name:<11} {share:6.2f} % of {int(self.asked[label])}"
                  + (f"   missed for: {wrong}" if wrong else ""))
        print(f"{'':<12}{'maximum in':>24}{'box IoU >= 0.5 with':>24}{'mean IoU':>10}\n"
              f"{'':<12}{'asked':>12}{'other':>12}{'asked':>12}{'other':>12}{'asked':>10}")
        for name, rows in self.judged.items():
            hit, miss, asked, other = np.array(rows, float).T
            shares = 100 * np.array([hit.mean(), miss.mean(), (asked >= 0.5).mean(), (other >= 0.5).mean()])
            print(f"{name:<12}" + "".join(f"{v:>10.2f} %" for v in shares) + f"{asked.mean():>10.3f}")


def measure(model, scenes, tally, random):
    side = model.card["crop"]
    frames = [Frame(scene.image, model.card) for scene in scenes]
    crops = [frame.enter(scene.image) for frame, scene in zip(frames, scenes)]
    images = torch.stack([prepare(crop, model.card) for crop in crops])
    for logits, scene in zip(model.logits(images), scenes):
        tally.count_classes(logits, scene)
    for index in range(2):
        classes = torch.tensor([scene.garments[index].label for scene in scenes])
        cams = model.grad_cam(images, classes)
        for heatmap, frame, scene in zip(enlarge(cams, side), frames, scenes):
            asked, other = scene.garments[index].box, scene.garments[1 - index].box
            tally.judged["grad-cam"].append(judge(heatmap, frame, asked, other))
            tally.judged["centre box"].append(judge(centre_map(side), frame, asked, other))
            tally.judged["random map"].append(judge(random_map(random, cams.shape[-1], side), frame, asked, other))


def batches(scenes):
    held = []
    for scene in scenes:
        held.append(scene)
        if len(held) == BATCH:
            yield held
            held = []
    if held:
        yield held


def main():
    parser = argparse.ArgumentParser(description="Measure the demo's network and its Grad-CAM, beside two controls.")
    parser.add_argument("--model", default="data/demo/demo.onnx", help="its card lies beside it (default: %(default)s)")
    parser.add_argument("--folder", help="measure on the scenes of this folder")
    parser.add_argument("--scenes", type=int, default=2000, help="else render so many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=5_000_000, help="from this seed on (default: %(default)s)")
    parser.add_argument("--dataset", default=DATASET, help="folder of the Fashion-MNIST files (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="PyTorch threads (default: %(default)s)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    model = Model(options.model)
    rendered = render_scenes(options.seed, options.scenes, options.dataset)
    scenes = read_folder(options.folder) if options.folder else rendered
    tally, random = Tally(), np.random.default_rng(0)
    for some in batches(scenes):
        measure(model, some, tally, random)
    tally.print()


if __name__ == "__main__":
    main()
