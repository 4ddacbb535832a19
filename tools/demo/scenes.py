#!/usr/bin/python3
"""Renders scenes: two different garments among clutter, with their exact boxes.

    python3 tools/demo/scenes.py --out data/demo/scenes

writes the committed scenes as PNG, each beside a PASCAL VOC XML file.
Boxes are half-open pixel bounds counted from 0: xmin <= x < xmax.
"""
import argparse
import colorsys
import os
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from garments import DATASET, LABELS, Wardrobe, tight_box

SIDE = 128  # the shorter side of a scene drawn at scale 1
CLOSE = 75  # the side of a close-up: one garment, drawn as large as in a scene
SMOOTH = 2  # shapes are drawn this many times larger, then shrunk: smooth edges


@dataclass
class Garment:
    label: int
    box: tuple  # left, top, right, bottom in pixels, half-open


@dataclass
class Scene:
    image: np.ndarray  # [H, W, 3], bytes
    garments: list


# ---------------------------------------------------------------- colours and backgrounds


def colour(random, saturation, value):
    """An RGB colour in 0..1 of any hue, with saturation and value drawn from the given ranges."""
    return np.array(colorsys.hsv_to_rgb(random.random(), random.uniform(*saturation), random.uniform(*value)))


def clouds(random, height, width, cells):
    """Smooth noise in 0..1, about `cells` blobs along the shorter side."""
    step = min(height, width) / cells
    grid = random.random((max(2, round(height / step)), max(2, round(width / step)))).astype(np.float32)
    return np.asarray(Image.fromarray(grid).resize((width, height), Image.BICUBIC)).clip(0, 1)


def weave(random, height, width):
    """A regular texture in 0..1: stripes, checks or dots, turned by any angle."""
    y, x = np.mgrid[:height, :width]
    angle, period = random.uniform(0, np.pi), random.uniform(7, 22)
    u = np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / period)
    v = np.sin((y * np.cos(angle) - x * np.sin(angle)) * 2 * np.pi / period)
    kind = random.integers(3)
    wave = u if kind == 0 else u * v * 1.6 if kind == 1 else np.minimum(u, v) * 1.6
    return np.clip(0.5 + wave, 0, 1)


def background(random, height, width):
    """A soft two-colour floor [H, W, 3], often with a faint weave."""
    saturation = (0.05, 0.45)
    first, second = colour(random, saturation, (0.25, 0.95)), colour(random, saturation, (0.25, 0.95))
    second = 0.55 * first + 0.45 * second
    mix = clouds(random, height, width, random.integers(2, 6))[..., None]
    if random.random() < 0.6:
        mix = np.clip(mix + random.uniform(0.1, 0.5) * (weave(random, height, width)[..., None] - 0.5), 0, 1)
    return first * (1 - mix) + second * mix


# ---------------------------------------------------------------- clutter


def polygon(random, centre, radius):
    """Corners of a random polygon: regular, starred or ragged."""
    corners = random.integers(3, 9)
    angles = np.sort(random.uniform(0, 2 * np.pi, corners)) if random.random() < 0.5 else np.linspace(
        random.random(), 2 * np.pi + random.random(), corners, endpoint=False)
    radii = radius * random.uniform(0.45, 1.0, corners)
    return [(centre[0] + r * np.cos(a), centre[1] + r * np.sin(a)) for a, r in zip(angles, radii)]


def stroke(random, centre, length):
    """Points along a smooth random curve."""
    knots = centre + random.normal(0, length, (4, 2))
    t = np.linspace(0, 1, 24)[:, None]
    curve = (1 - t) ** 3 * knots[0] + 3 * t * (1 - t) ** 2 * knots[1] + 3 * t**2 * (1 - t) * knots[2] + t**3 * knots[3]
    return [tuple(point) for point in curve]


def draw_shapes(random, canvas, amount, scale):
    """Paints ellipses, polygons, bars and strokes over `canvas` [H, W, 3]."""
    height, width, _ = canvas.shape
    unit = scale * SMOOTH
    picture = Image.fromarray((canvas * 255).astype(np.uint8)).resize((width * SMOOTH, height * SMOOTH), Image.BILINEAR)
    pen = ImageDraw.Draw(picture)
    for _ in range(amount):
        centre = random.uniform((0, 0), (width * SMOOTH, height * SMOOTH))
        fill = tuple(int(c * 255) for c in colour(random, (0.1, 0.9), (0.2, 1.0)))
        size = random.uniform(4, 22) * unit
        kind = random.random()
        if kind < 0.25:
            half = np.array((size, size * random.uniform(0.4, 1))) / 1.3
            pen.ellipse([*(centre - half), *(centre + half)], fill=fill)
        elif kind < 0.45:
            half = np.array((size, size * random.uniform(0.4, 1))) / 1.3
            pen.ellipse([*(centre - half), *(centre + half)], outline=fill, width=int(random.uniform(1.5, 5) * unit))
        elif kind < 0.75:
            pen.polygon(polygon(random, centre, size), fill=fill)
        else:
            points = stroke(random, centre, size * 1.5)
            pen.line(points, fill=fill, width=int(random.uniform(1.2, 6) * unit), joint="curve")
    return np.asarray(picture.resize((width, height), Image.BOX)) / 255.0


def scramble(random, layer):
    """The garment `layer` [H, W, 4] with its tiles shuffled and turned: its pixels without its shape."""
    tile = random.integers(5, 10)
    rows, columns = max(2, layer.shape[0] // tile), max(2, layer.shape[1] // tile)
    layer = layer[: rows * tile, : columns * tile]
    if layer.shape[:2] != (rows * tile, columns * tile):
        return None
    tiles = layer.reshape(rows, tile, columns, tile, 4).swapaxes(1, 2).reshape(-1, tile, tile, 4)
    tiles = tiles[random.permutation(len(tiles))]
    turns = random.integers(4, size=len(tiles))
    tiles = np.stack([np.rot90(t, k) for t, k in zip(tiles, turns)])
    return tiles.reshape(rows, columns, tile, tile, 4).swapaxes(1, 2).reshape(rows * tile, columns * tile, 4)


# ---------------------------------------------------------------- garments


def soften(plane):
    """`plane` under a 3x3 binomial filter: rounds the steps of a 28x28 outline."""
    padded = np.pad(plane, 1)
    rows = padded[:-2] + 2 * padded[1:-1] + padded[2:]
    return (rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / 16


def spread(brightness, mask):
    """Brightness continued two pixels past the outline, so that enlarging it leaves no dark rim."""
    weight, total = mask.copy(), brightness * mask
    for _ in range(2):
        near, sums = soften(weight), soften(total)
        fresh = (weight == 0) & (near > 0)
        total[fresh], weight[fresh] = sums[fresh] / near[fresh], 1
    return total


def dress_up(random, wardrobe, label, scale):
    """A tinted, mirrored, turned and enlarged garment as RGBA [h, w, 4] in 0..1, cut to its box."""
    brightness, mask = wardrobe.draw(random, label)
    brightness, mask = spread(brightness, mask), soften(mask)
    if random.random() < 0.5:
        brightness, mask = brightness[:, ::-1], mask[:, ::-1]
    left, top, right, bottom = tight_box(mask > 0.5)
    size = random.uniform(40, 56) * scale  # geometric mean of the upright box's sides
    factor = min(size / np.sqrt((right - left) * (bottom - top)), 70 * scale / max(right - left, bottom - top))
    angle = random.uniform(-20, 20)
    side = round(32 * factor)

    def place(plane):
        plane = np.pad(plane, 2, mode="edge") if plane is brightness else np.pad(plane, 2)
        picture = Image.fromarray(np.ascontiguousarray(plane, np.float32)).resize((side, side), Image.BICUBIC)
        return np.asarray(picture.rotate(angle, Image.BICUBIC, expand=True))

    alpha = np.clip((place(mask) - 0.5) * factor * 0.8 + 0.5, 0, 1)
    light = np.clip(place(brightness), 0, 1)[..., None]
    tint = colour(random, (0.25, 0.95), (0.65, 1.0))
    shade = tint * random.uniform(0.15, 0.45)
    layer = np.concatenate([shade + (tint - shade) * light, alpha[..., None]], 2)
    left, top, right, bottom = tight_box(alpha > 0.5)
    return layer[top:bottom, left:right]


def paste(canvas, layer, left, top, shadow=0.0):
    """Blends an RGBA layer into the canvas, with a soft shadow below and to the right."""
    height, width = layer.shape[:2]
    if shadow > 0:
        cast = np.pad(layer[..., 3], 4).astype(np.float32)
        cast = np.asarray(Image.fromarray(cast).resize((cast.shape[1] // 3, cast.shape[0] // 3), Image.BOX)
                          .resize(cast.shape[::-1], Image.BICUBIC)).clip(0, 1)
        y0, x0 = max(top - 2, 0), max(left - 2, 0)
        patch = canvas[y0 : top - 2 + cast.shape[0], x0 : left - 2 + cast.shape[1]]
        cut = cast[y0 - top + 2 :, x0 - left + 2 :][: patch.shape[0], : patch.shape[1]]
        patch *= 1 - shadow * cut[..., None]
    patch = canvas[top : top + height, left : left + width]
    patch += (layer[..., :3] - patch) * layer[..., 3:]


def find_room(random, size, window, taken, gap):
    """A place (left, top) for a box of `size` = (w, h) in `window` that keeps `gap` from `taken`, or None."""
    for _ in range(60):
        if window[2] - window[0] < size[0] or window[3] - window[1] < size[1]:
            return None
        left = random.integers(window[0], window[2] - size[0] + 1)
        top = random.integers(window[1], window[3] - size[1] + 1)
        if all(left >= box[2] + gap or left + size[0] <= box[0] - gap or
               top >= box[3] + gap or top + size[1] <= box[1] - gap for box in taken):
            return left, top
    return None


def arrange(random, layers, window, gap):
    """Non-overlapping boxes for all layers, or None where they do not fit."""
    boxes = []
    for layer in layers:
        height, width = layer.shape[:2]
        place = find_room(random, (width, height), window, boxes, gap)
        if place is None:
            return None
        boxes.append((place[0], place[1], place[0] + width, place[1] + height))
    return boxes


# ---------------------------------------------------------------- the scene


def render(seed, wardrobe, width=SIDE, height=SIDE, labels=None):
    """The scene of a seed. Both garments lie in the central square, which a centre crop keeps."""
    random = np.random.default_rng(seed)
    labels = random.choice(len(LABELS), 2, replace=False) if labels is None else labels
    return compose(random, wardrobe, width, height, labels, min(width, height) / SIDE)


def render_close(seed, wardrobe):
    """The close-up of a seed: a small picture of one garment."""
    random = np.random.default_rng(seed)
    return compose(random, wardrobe, CLOSE, CLOSE, random.choice(len(LABELS), 1), 1.0)


def compose(random, wardrobe, width, height, labels, scale):
    """Garments of the given labels on clutter; at scale 1 a garment's sides are about 48 pixels."""
    left, top = (width - min(width, height)) // 2, (height - min(width, height)) // 2
    margin = round(2 * scale)
    window = (left + margin, top + margin, width - left - margin, height - top - margin)
    boxes = None
    while boxes is None:
        layers = [dress_up(random, wardrobe, label, scale) for label in labels]
        boxes = arrange(random, layers, window, round(4 * scale))

    area = width * height / (SIDE * scale) ** 2
    canvas = background(random, height, width)
    canvas = draw_shapes(random, canvas, round(random.integers(5, 16) * area), scale)
    add_scrambled(random, canvas, wardrobe, boxes, scale, round(random.integers(1, 4) * area))
    for layer, box in zip(layers, boxes):
        paste(canvas, layer, box[0], box[1], shadow=0.45)
    image = (canvas.clip(0, 1) * 255).round().astype(np.uint8)
    return Scene(image, [Garment(int(label), tuple(int(v) for v in box)) for label, box in zip(labels, boxes)])


def add_scrambled(random, canvas, wardrobe, boxes, scale, amount):
    """Lays down scrambled garments where the garments will not hide them."""
    height, width, _ = canvas.shape
    for _ in range(amount):
        label = random.integers(len(LABELS))
        layer = scramble(random, dress_up(random, wardrobe, label, scale * random.uniform(0.5, 0.9)))
        place = None if layer is None else find_room(random, layer.shape[1::-1], (0, 0, width, height), boxes, 1)
        if place is not None:
            paste(canvas, layer, *place, shadow=0.3)


# ---------------------------------------------------------------- the committed scenes

SHAPES = [(128, 128), (176, 128), (128, 160), (144, 144), (180, 135), (120, 150)]


def committed(wardrobe, count=24, first_seed=9_000_000):
    """The scenes in data/demo/scenes: (name, scene), every class equally often, several shapes."""
    pairs = [(a, b) for step in range(1, len(LABELS)) for a in range(len(LABELS)) for b in [(a + step) % len(LABELS)]]
    for index in range(count):
        width, height = SHAPES[index % len(SHAPES)]
        yield f"scene-{index + 1:02d}", render(first_seed + index, wardrobe, width, height, pairs[index])


def voc(name, scene):
    """PASCAL VOC annotation of a scene."""
    height, width, _ = scene.image.shape
    lines = ["<annotation>", "  <folder>scenes</folder>", f"  <filename>{name}.png</filename>", "  <size>",
             f"    <width>{width}</width>", f"    <height>{height}</height>", "    <depth>3</depth>", "  </size>",
             "  <segmented>0</segmented>"]
    for garment in scene.garments:
        bounds = "".join(f"<{key}>{v}</{key}>" for key, v in zip(("xmin", "ymin", "xmax", "ymax"), garment.box))
        lines += ["  <object>", f"    <name>{LABELS[garment.label]}</name>", "    <truncated>0</truncated>",
                  "    <difficult>0</difficult>", f"    <bndbox>{bounds}</bndbox>", "  </object>"]
    return "\n".join(lines + ["</annotation>", ""])


def main():
    parser = argparse.ArgumentParser(description="Render the demo's scenes (PNG) with their boxes (PASCAL VOC XML).")
    parser.add_argument("--out", default="data/demo/scenes", help="folder to write (default: %(default)s)")
    parser.add_argument("--count", type=int, default=24, help="how many scenes (default: %(default)s)")
    parser.add_argument("--dataset", default=DATASET, help="folder of the Fashion-MNIST files (default: %(default)s)")
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    for name, scene in committed(Wardrobe("t10k", options.dataset), options.count):
        Image.fromarray(scene.image).save(os.path.join(options.out, name + ".png"), optimize=True)
        with open(os.path.join(options.out, name + ".xml"), "w") as file:
            file.write(voc(name, scene))
    print(f"{options.count} scenes in {options.out}")


if __name__ == "__main__":
    main()
