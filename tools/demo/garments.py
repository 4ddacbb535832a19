"""Fashion-MNIST garments as cut-outs: a brightness map and a mask for each picture.

The pictures come from Debian's package dataset-fashion-mnist (MIT licence, Zalando SE 2017).
"""
import gzip
import os

import numpy as np
from PIL import Image, ImageDraw

DATASET = "/usr/share/datasets/fashion-mnist"

# Six of the ten classes, by Fashion-MNIST's own numbering. T-shirt, Shirt, Coat and Sneaker are left out:
# at 28x28 pixels even people confuse them with Pullover, Dress, Sandal and Ankle boot.
CLASSES = {1: "Trouser", 2: "Pullover", 3: "Dress", 5: "Sandal", 8: "Bag", 9: "Ankle boot"}
LABELS = list(CLASSES.values())


def read_idx(path):
    """The array in a gzipped IDX file of unsigned bytes."""
    with gzip.open(path, "rb") as file:
        data = file.read()
    dimensions = data[3]
    shape = np.frombuffer(data, ">i4", dimensions, 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


class Wardrobe:
    """All garments of one split ("train" or "t10k") of the classes we use, by label index."""

    def __init__(self, split, folder=DATASET):
        if not os.path.isdir(folder):
            raise SystemExit(f"{folder} is missing: apt-get install dataset-fashion-mnist, or pass --dataset")
        pictures = read_idx(os.path.join(folder, f"{split}-images-idx3-ubyte.gz"))
        numbers = read_idx(os.path.join(folder, f"{split}-labels-idx1-ubyte.gz"))
        self.pictures = [pictures[numbers == number] for number in CLASSES]

    def draw(self, random, label):
        """One garment of a class: (brightness [28, 28] in 0..1, mask [28, 28] of 0 and 1)."""
        picture = self.pictures[label][random.integers(len(self.pictures[label]))]
        return stretch(picture), outline(picture)


def stretch(picture):
    """Brightness with dark garments lifted, so that every tint shows."""
    top = max(np.percentile(picture[picture > 0], 97), 60.0)
    return np.clip(picture / top, 0.0, 1.0)


def outline(picture):
    """1 inside the garment, 0 outside; the outside is what a flood from the border reaches."""
    grown = Image.fromarray(np.pad((picture > 12).astype(np.uint8), 1)).copy()
    ImageDraw.floodfill(grown, (0, 0), 2)
    return (np.asarray(grown)[1:-1, 1:-1] != 2).astype(np.float64)


def tight_box(mask):
    """(left, top, right, bottom) of the true pixels, right and bottom exclusive."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
