#!/usr/bin/python3
"""The page of `limn compile --web` with real networks and photographs: heatmaps equal the command line's.

Needs what test_web.py needs, Pillow, and the shared data.
"""
import os
import pathlib
import sys
import tempfile

import web

SHARED = pathlib.Path(os.environ.get("LIMN_SHARED_DATA", "none"))
NETWORKS = {
    "squeezenet1_0_imagenet": ["--preset", "imagenet", "--range", "255", "--mean", "123,117,104", "--std", "1"],
    "mobilenetv2_imagenet": ["--preset", "tf"],
}
PHOTOS = 4


def main():
    runtime = web.runtime_or_skip()
    photos = sorted((SHARED / "ilsvrc-val-250/ILSVRC/Data/CLS-LOC/val").glob("*.JPEG"))
    try:
        from PIL import Image
    except ImportError:
        photos = []
    if not photos:
        print("skipped: needs Pillow and the shared data")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        pictures = []
        for photo in photos[:PHOTOS]:  # as PNG: decoders of JPEG differ by rounding
            path = folder / f"{photo.stem}.png"
            Image.open(photo).convert("RGB").save(path, compress_level=1)
            pictures.append(path)
        for name, flags in NETWORKS.items():
            model = SHARED / f"models/{name}.onnx"
            page = folder / name
            web.limn("compile", model, "--web", page, "--runtime", runtime, *flags)
            expected = []
            for picture in pictures:
                _, best = web.own_heat(model, picture, "argmax", folder, *flags)
                expected.append((web.own_heat(model, picture, best, folder, *flags)[0], best))
            print(name)
            web.compare(web.drive({"disk": str(page / "index.html"), "server": None, "bare": None,
                                   "pictures": [{"path": str(p)} for p in pictures], "camera": False}, folder), expected)


if __name__ == "__main__":
    main()
