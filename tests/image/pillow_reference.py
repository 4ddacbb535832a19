#!/usr/bin/python3
"""What Pillow makes of pictures: the live side of pillow_test.cpp.

    pillow_reference.py FOLDER [PHOTO...]

writes into FOLDER/formats the pictures of make_images.py at two larger sizes, into FOLDER/resized pictures with
their sizes as "NAME.png" and the result as "NAME.WxH.png", and for every PHOTO its decoded pixels as FOLDER/photos/N.png.
Exits with 77 when Pillow or NumPy is not installed.
"""
import subprocess
import sys
from pathlib import Path

try:
    import numpy as np
    from PIL import Image, ImageOps
except ImportError as missing:
    print(missing)
    sys.exit(77)

SIZES = [(224, 224), (256, 171), (640, 480), (77, 300), (13, 11), (1, 1), (500, 40), (1000, 3)]


def main():
    folder = Path(sys.argv[1])
    for size in (("320", "213"), ("65", "129")):
        subprocess.run([sys.executable, Path(__file__).with_name("make_images.py"), folder / "formats" / size[0], *size],
                       check=True)
    (folder / "resized").mkdir()
    random = np.random.default_rng(5)
    for name, (width, height) in {"large": (1201, 803), "small": (31, 47), "flat": (640, 2)}.items():
        image = Image.fromarray(random.integers(0, 256, (height, width, 3), dtype=np.uint8))
        image.save(folder / "resized" / f"{name}.png")
        for w, h in SIZES:
            image.resize((w, h), Image.BILINEAR).save(folder / "resized" / f"{name}.{w}x{h}.png")
    (folder / "photos").mkdir()
    for number, photo in enumerate(sys.argv[2:]):
        ImageOps.exif_transpose(Image.open(photo)).convert("RGB").save(folder / "photos" / f"{number}.png", compress_level=1)


if __name__ == "__main__":
    main()
