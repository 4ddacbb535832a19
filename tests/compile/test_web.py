#!/usr/bin/python3
"""The page of `limn compile --web` in a browser, with the demo's network: from disk, from a server, by
camera, by WebGPU.

Needs Debian's chromium, and npm's playwright-core and onnxruntime-web (tests/support/node.py). LIMN_SCREENSHOTS names a folder for pictures of the page.
"""
import os
import pathlib
import tempfile
import xml.etree.ElementTree as xml

import numpy as np

import web

SOURCES = pathlib.Path(os.environ.get("LIMN_SOURCE_DIR", web.HERE.parents[1]))
MODEL = SOURCES / "data/demo/demo.onnx"
NAMES = ["Trouser", "Pullover", "Dress", "Sandal", "Bag", "Ankle boot"]
SIZE = 96


def garments(scene):
    """(class index, box) of what is in a scene."""
    for thing in xml.parse(SOURCES / f"data/demo/scenes/{scene}.xml").findall("object"):
        box = [int(thing.find(f"bndbox/{side}").text) for side in ("xmin", "ymin", "xmax", "ymax")]
        yield NAMES.index(thing.find("name").text), box


def peak_inside(heat, width, height, box):
    """Whether the hottest place lies in the box; the picture is cut to its middle square."""
    y, x = np.unravel_index(np.argmax(heat), heat.shape)
    scale = min(width, height) / SIZE
    at = ((x + 0.5) * scale + (width - min(width, height)) / 2, (y + 0.5) * scale + (height - min(width, height)) / 2)
    return box[0] <= at[0] < box[2] and box[1] <= at[1] < box[3]


def main():
    runtime = web.runtime_or_skip()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        said = web.limn("compile", MODEL, "--web", folder / "bare")
        assert "onnxruntime-web" in said.stderr, said.stderr
        said = web.limn("compile", MODEL, "--web", folder / "page", "--runtime", runtime)
        assert said.stdout == f"{folder / 'page/index.html'}\n", said.stdout

        pictures, expected, inside = [], [], []
        for scene, (width, height) in {"scene-01": (128, 128), "scene-02": (176, 128)}.items():
            path = SOURCES / f"data/demo/scenes/{scene}.png"
            things = dict(garments(scene))
            _, best = web.own_heat(MODEL, path, "argmax", folder)
            other = next(index for index in things if index != best)
            pictures.append({"path": str(path), "target": other})
            for target in (best, other, best):
                heat, _ = web.own_heat(MODEL, path, target, folder)
                expected.append((heat, target))
                inside.append(peak_inside(heat, width, height, things[target]))
        expected.append(expected[0])  # from the server
        with web.served(folder / "page") as address:
            answers = web.drive({"disk": str(folder / "page/index.html"), "server": address,
                                 "bare": str(folder / "bare/index.html"), "pictures": pictures, "camera": True,
                                 "gpu": True}, folder)
        if len(answers) == len(expected) + 1:
            expected.append(expected[0])  # by WebGPU
            print("WebGPU was tried")
        web.compare(answers, expected)
        assert all(inside), f"the heat is not on the garments: {inside}"


if __name__ == "__main__":
    main()
