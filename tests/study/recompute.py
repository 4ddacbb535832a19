#!/usr/bin/python3
"""Recomputes the summary of an evaluation from the saved maps and class scores, slowly and apart from limn.

  recompute.py RUN   compares with RUN/summary.json, prints what was compared, exits 1 when anything differs

RUN was made by `limn evaluate localization|pointing-game|xray --dataset ilsvrc --save-maps`. Everything else is read from the
dataset's own files. Needs numpy alone.
"""
import json
import math
import pathlib
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np


class Dataset:
    """ILSVRC CLS-LOC: names in order, classes, boxes, sizes."""

    def __init__(self, root):
        self.base = root / "ILSVRC"
        with open(self.base / "ImageSets/CLS-LOC/val.txt") as lines:
            self.names = [line.split()[0] for line in lines]
        with open(root / "LOC_synset_mapping.txt", encoding="utf-8") as lines:
            self.classes = {line.split()[0]: i for i, line in enumerate(lines)}

    def annotation(self, name):
        root = ElementTree.parse(self.base / "Annotations/CLS-LOC/val" / (name + ".xml")).getroot()
        size = (int(root.find("size/width").text), int(root.find("size/height").text))
        boxes = []
        for item in root.iter("object"):
            corners = [float(item.find("bndbox/" + key).text) for key in ("xmin", "ymin", "xmax", "ymax")]
            boxes.append((self.classes[item.find("name").text], corners))
        return size, boxes


def crop_offset(size, crop):
    return round((size - crop) / 2)  # Python rounds halves to even


def correct_boxes(size, boxes, side, crop):
    full = [int(side * length / min(size)) for length in size]
    out = []
    for label, box in boxes:
        corners = [min(max(v * full[k % 2] / size[k % 2] - crop_offset(full[k % 2], crop), 0), crop)
                   for k, v in enumerate(box)]
        if corners[2] - corners[0] >= 1 and corners[3] - corners[1] >= 1:
            out.append((label, corners))
    return out


def published_boxes(size, boxes, side, crop):
    low = crop_offset(side, crop)
    out = []
    for label, box in boxes:
        corners = [int(min(max(v * side / size[k % 2], low), low + crop)) - low for k, v in enumerate(box)]
        if corners[0] != corners[2] and corners[1] != corners[3]:
            out.append((label, corners))
    return out


def stretched(rows, large):
    """Bilinear along the first axis, pixel centres at halves; in float32, as ties of two maxima hang on its rounding."""
    small = rows.shape[0]
    at = np.maximum((np.arange(large) + 0.5) * (small / large) - 0.5, 0)
    first = np.minimum(at.astype(int), small - 1)
    second = np.minimum(first + 1, small - 1)
    share = (at - first).astype(np.float32)[:, None]
    return (np.float32(1) - share) * rows[first] + share * rows[second]


def upsampled(raw, size):
    if raw.ndim == 3:
        return np.abs(raw).max(0)
    return stretched(np.ascontiguousarray(stretched(raw.T, size).T), size)


def rescaled(heat):
    span = heat.max() - heat.min()
    return (heat - heat.min()) / span if span > 1e-12 * max(1, abs(heat.max())) else np.zeros_like(heat)


def regions(foreground):
    """(pixels, box) of the 8-connected regions, by their first pixels."""
    waiting = {(int(y), int(x)) for y, x in zip(*np.nonzero(foreground))}
    found = []
    for start in sorted(waiting):
        if start not in waiting:
            continue
        waiting.discard(start)
        stack, inside = [start], []
        while stack:
            y, x = stack.pop()
            inside.append((y, x))
            for dy in (-1, 0, 1):
                for dx in (-1, 0, 1):
                    if (y + dy, x + dx) in waiting:
                        waiting.discard((y + dy, x + dx))
                        stack.append((y + dy, x + dx))
        ys, xs = [p[0] for p in inside], [p[1] for p in inside]
        found.append((inside, (min(xs), min(ys), max(xs) + 1, max(ys) + 1)))
    return found


def reached(free):
    """What of the free cells can be walked to from the frame, over sides."""
    out = np.zeros(free.shape, bool)
    out[0], out[-1], out[:, 0], out[:, -1] = True, True, True, True
    out &= free
    while True:
        before = out.sum()
        for view, open_to in ((out, free), (out[::-1], free[::-1]), (out.T, free.T), (out.T[::-1], free.T[::-1])):
            for i in range(1, len(view)):
                view[i] |= view[i - 1] & open_to[i]
        if out.sum() == before:
            return out


def contour_area(inside, box):
    """Within the border of a region, through the centres of its pixels: by the corners that pixels share."""
    x0, y0, x1, y1 = box
    own = np.zeros((y1 - y0 + 2, x1 - x0 + 2), bool)
    for y, x in inside:
        own[y - y0 + 1, x - x0 + 1] = True
    filled = (~reached(~own)).astype(int)
    corners = filled[1:, 1:] + filled[:-1, 1:] + filled[1:, :-1] + filled[:-1, :-1]
    return (corners == 4).sum() + (corners == 3).sum() / 2


def has_outer_border(inside, outside):
    """Whether it is in no hole of another region; `outside` has a frame of one pixel."""
    return any(outside[y, x + 1] or outside[y + 2, x + 1] or outside[y + 1, x] or outside[y + 1, x + 2]
               for y, x in inside)


def boxes_at(heat, threshold):
    """By rule: of most pixels, of the largest rectangle, of the largest contour."""
    if heat.max() <= 0:
        return {"region": None, "rectangle": None, "contour": None}
    foreground = heat > threshold * heat.max()
    found = regions(foreground)
    most = max(len(inside) for inside, _ in found)
    of_most = [r for r in found if len(r[0]) == most]
    outside = reached(~np.pad(foreground, 1))
    outer = [r for r in found if has_outer_border(r[0], outside)]
    return {"region": max(of_most, key=lambda r: (np.mean([heat[p] for p in r[0]]), -r[1][1], -r[1][0]))[1],
            "rectangle": max(reversed(found), key=lambda r: (r[1][2] - r[1][0]) * (r[1][3] - r[1][1]))[1],
            "contour": max(reversed(outer), key=lambda r: contour_area(*r))[1]}


def iou(a, b):
    both = max(min(a[2], b[2]) - max(a[0], b[0]), 0) * max(min(a[3], b[3]) - max(a[1], b[1]), 0)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def passes(box, truth):
    m, n = truth[2] - truth[0], truth[3] - truth[1]
    return iou(box, truth) >= min(0.5, m * n / ((m + 10) * (n + 10)))


def wilson(k, n, z=1.959964):
    p = k / n
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (p + z * z / (2 * n) - half) / (1 + z * z / n), (p + z * z / (2 * n) + half) / (1 + z * z / n)


def control(name, size):
    middle = (np.arange(size) + 0.5) / size - 0.5
    if name == "centred-gaussian":
        axis = np.exp(-(middle / 0.2) ** 2 / 2)
        return np.outer(axis, axis).astype(np.float32)
    if name == "centre-box":
        axis = (np.abs(middle) < 90 / 224).astype(float)
        return np.outer(axis, axis)
    if name == "centre-point":
        heat = np.zeros((size, size))
        heat[size // 2, size // 2] = 1
        return heat
    return np.ones((size, size)) if name == "whole-image" else None


def hit(heat, boxes, published, tolerance):
    if not published and heat.max() == heat.min():
        return False
    y, x = np.unravel_index(np.argmax(heat), heat.shape)
    if not published:
        x, y = x + 0.5, y + 0.5
    for x0, y0, x1, y1 in boxes:
        if not published and tolerance == 0:
            if x0 <= x < x1 and y0 <= y < y1:
                return True
        elif math.hypot(max(x0 - x, 0, x - x1), max(y0 - y, 0, y - y1)) <= tolerance:
            return True
    return False


def energy(heat, boxes):
    heat = np.maximum(heat, 0)
    centres = np.arange(heat.shape[0]) + 0.5
    inside = np.zeros(heat.shape, bool)
    for x0, y0, x1, y1 in boxes:
        inside |= np.outer((centres >= y0) & (centres < y1), (centres >= x0) & (centres < x1))
    return heat[inside].sum() / heat.sum() if heat.sum() > 0 else None


class Images:
    """The images of a run with what is true of them and what was predicted."""

    def __init__(self, run, manifest):
        data = Dataset(pathlib.Path(manifest["dataset"]["root"]))
        self.maps, self.published = run / "maps", manifest["protocol"] == "as-published"
        self.size = manifest["preprocessing"]["crop"]
        squashed = self.published and manifest["experiment"] != "xray"
        to_input = published_boxes if squashed else correct_boxes
        self.list = []
        for position, name in enumerate(data.names[:manifest["dataset"]["images"]]):
            size, boxes = data.annotation(name)
            boxes = to_input(size, boxes, manifest["preprocessing"]["resize"], self.size)
            if boxes:
                scores = np.load(self.maps / f"{position:05}.logits.npy")
                self.list.append((position, boxes, list(np.argsort(-scores, kind="stable")[:5])))

    def heat(self, position, method, label):
        made = control(method, self.size)
        if made is not None:
            return made
        return upsampled(np.load(self.maps / f"{position:05}.{method.replace('/', '_')}.{label}.npy"), self.size)


def check_localization(images, entry, expect):
    thresholds = sorted({asked["threshold"] for asked in entry["boxes"]})
    rows, of_control = {}, {}
    looks_at_nothing = control(entry["name"], images.size) is not None  # and has one map for all
    for position, boxes, predicted in images.list:
        for label in dict.fromkeys(label for label, _ in boxes):
            truths = [box for c, box in boxes if c == label]
            for threshold in thresholds:
                found = of_control.get(threshold)
                if found is None:
                    heat = images.heat(position, entry["name"], label)
                    found = boxes_at(heat if entry["name"] == "whole-image" else rescaled(heat), threshold)
                if looks_at_nothing:
                    of_control[threshold] = found
                for rule, box in found.items():
                    good = box is not None and any(passes(box, truth) for truth in truths)
                    row = rows.setdefault((threshold, rule), {}).setdefault(position, [0, 0, 0, 0.0])
                    row[0] |= good
                    row[1] |= good and predicted[0] == label
                    row[2] |= good and label in predicted
                    row[3] = max(row[3], max(iou(box, truth) for truth in truths) if box else 0)
    n = len(images.list)
    for asked in entry["boxes"]:
        known, top1, top5, overlap = np.sum(list(rows[asked["threshold"], asked["rule"]].values()), axis=0)
        expect("known class", known, asked["known_class"]["successes"])
        expect("known class, low", wilson(known, n)[0], asked["known_class"]["low"], 1e-6)
        expect("top-1", n - top1, asked["top1"]["failures"])
        expect("top-5", n - top5, asked["top5"]["failures"])
        expect("top-1, high", wilson(n - top1, n)[1], asked["top1"]["high"], 1e-6)
        expect("IoU", overlap / n, asked["iou"]["mean"], 2e-4)


def check_pointing_game(images, entry, expect, tolerance):
    pairs = hits = near = predicted_hits = 0
    energies = []
    for position, boxes, predicted in images.list:
        labels = list(dict.fromkeys(label for label, _ in boxes))
        shares = []
        for label in labels:
            truths = [box for c, box in boxes if c == label]
            own = images.heat(position, entry["name"], label)
            heat = images.heat(position, entry["name"], labels[0]) if images.published else own
            pairs += 1
            hits += hit(heat, truths, images.published, 0)
            near += hit(heat, truths, images.published, tolerance)
            predicted_hits += predicted[0] == label and hit(own, truths, images.published, 0)
            shares.append(energy(own, truths))
        shares = [share for share in shares if share is not None]
        if shares:
            energies.append(np.mean(shares))
    expect("pairs", pairs, entry["accuracy"]["of"])
    expect("hits", hits, entry["accuracy"]["successes"])
    expect("hits, high", wilson(hits, pairs)[1], entry["accuracy"]["high"], 1e-6)
    expect("hits with tolerance", near, entry["accuracy_with_tolerance"]["successes"])
    expect("hits of the predicted class", predicted_hits, entry["accuracy_of_predicted_class"]["successes"])
    expect("energy", np.mean(energies), entry["energy_inside"]["mean"], 1e-5)


def check_xray(images, entry, expect, rule):
    thresholds = [s["threshold"] for s in entry["shares"]]
    shares, energies, hits, overlaps = {t: [] for t in thresholds}, [], 0, []
    for position, boxes, _ in images.list:
        for label, box in boxes:
            heat = np.maximum(images.heat(position, entry["name"], label), 0)
            x0, y0, x1, y1 = box
            if images.published:
                x0, y0, x1, y1 = int(x0), int(y0), int(x0) + int(x1 - x0), int(y0) + int(y1 - y0)
            inside = np.zeros(heat.shape, bool)
            centres = np.arange(heat.shape[0]) + 0.5
            inside |= np.outer((centres >= y0) & (centres < y1), (centres >= x0) & (centres < x1))
            span = float(heat.max()) - float(heat.min())
            for t in thresholds:
                if span <= 0:
                    shares[t].append(inside.sum() / inside.size if images.published else 0)
                    continue
                active = (heat.astype(float) - float(heat.min())) / span > t
                shares[t].append((active & inside).sum() / active.sum())
            if heat.sum() > 0:
                energies.append(heat[inside].sum() / heat.sum())
            found = boxes_at(heat, 0.5)[rule]
            hits += found is not None and passes(found, box)
            overlaps.append(iou(found, box) if found else 0)
    for asked in entry["shares"]:
        t = asked["threshold"]
        expect(f"share above {t}", np.mean(shares[t]), asked["share"]["mean"], 1e-9)
        expect(f"all inside above {t}", sum(s == 1 for s in shares[t]), asked["all_inside"])
    expect("boxes", len(overlaps), entry["boxes"])
    expect("localized", hits, entry["localized"]["successes"])
    expect("IoU", np.mean(overlaps), entry["iou"]["mean"], 1e-6)
    expect("energy", np.mean(energies), entry["energy_inside"]["mean"], 1e-5)


def main():
    run = pathlib.Path(sys.argv[1])
    manifest = json.loads((run / "manifest.json").read_text())
    summary = json.loads((run / "summary.json").read_text())
    images = Images(run, manifest)
    wrong, compared, name = [], 0, "classification"

    def expect(what, ours, theirs, tolerance=0.0):
        nonlocal compared
        compared += 1
        if abs(ours - theirs) > tolerance:
            wrong.append(f"{name}: {what}: recomputed {ours}, summary {theirs}")

    labels = [({label for label, _ in boxes}, predicted) for _, boxes, predicted in images.list]
    expect("images", len(images.list), summary["images"]["used"])
    expect("top-1", sum(p[0] not in c for c, p in labels), summary["classification"]["top1"]["failures"])
    expect("top-5", sum(not c & set(p) for c, p in labels), summary["classification"]["top5"]["failures"])
    for entry in summary["methods"]:
        name = entry["name"]
        if name == "random-map":  # its numbers come from limn's own generator
            continue
        if manifest["experiment"] == "localization":
            check_localization(images, entry, expect)
        elif manifest["experiment"] == "xray":
            check_xray(images, entry, expect, manifest["box"])
        else:
            check_pointing_game(images, entry, expect, manifest["tolerance"])
    print("\n".join(wrong) if wrong else f"{compared} numbers of {len(images.list)} images agree")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
