#!/usr/bin/python3
"""Writes pictures in every format that limn reads, and beside each NAME the pixels that a reader must find in it:
NAME.rgb, 8-bit RGB row by row, after a line "WIDTH HEIGHT". The pixels are Pillow's, or follow from the format's
definition where Pillow reads 16 bits differently from limn (which divides by 257 and rounds).

    make_images.py FOLDER [WIDTH HEIGHT]
"""
import io
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

ORIENTATION_TAG = 0x0112


def picture(width, height):
    """Gradients, a grid and a disc: every corner differs from the others."""
    y, x = np.mgrid[0:height, 0:width]
    red = 255 * x // max(width - 1, 1)
    green = 255 * y // max(height - 1, 1)
    blue = np.where((x - width / 3) ** 2 + (y - height / 2) ** 2 < (height / 4) ** 2, 230, (x * 7 + y * 13) % 120)
    return np.stack([red, green, blue], -1).astype(np.uint8)


class Folder:
    def __init__(self, path):
        self.path = Path(path)
        self.path.mkdir(parents=True, exist_ok=True)

    def add(self, name, data, pixels=None):
        if pixels is None:
            pixels = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
        if pixels.ndim == 2:
            pixels = np.repeat(pixels[:, :, None], 3, 2)
        (self.path / name).write_bytes(data)
        height, width = pixels.shape[:2]
        (self.path / (name + ".rgb")).write_bytes(b"%d %d\n" % (width, height) + pixels.astype(np.uint8).tobytes())


def upright(rgb, orientation):
    """The pixels turned as a reader must turn a file with this orientation."""
    image = Image.fromarray(rgb)
    image.getexif()[ORIENTATION_TAG] = orientation
    return np.asarray(ImageOps.exif_transpose(image))


def encoded(image, format, **options):
    data = io.BytesIO()
    image.save(data, format, **options)
    return data.getvalue()


def exif_of(orientation):
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    return exif.tobytes()


def jpegs(folder, rgb):
    image = Image.fromarray(rgb)
    folder.add("plain.jpg", encoded(image, "JPEG", quality=85))
    folder.add("full-colour.jpg", encoded(image, "JPEG", quality=95, subsampling=0))
    folder.add("progressive.jpg", encoded(image, "JPEG", quality=70, progressive=True))
    folder.add("grey.jpg", encoded(image.convert("L"), "JPEG"))
    folder.add("cmyk.jpg", encoded(image.convert("CMYK"), "JPEG", quality=90))
    for orientation in range(1, 9):
        folder.add(f"orientation-{orientation}.jpg", encoded(image, "JPEG", quality=85, exif=exif_of(orientation)))


def rectangle(folder):
    """A bright rectangle on black, stored lying on its side: upright it is 320x480."""
    shown = np.zeros((480, 320, 3), np.uint8)
    shown[260:300, 96:192] = 255
    stored = Image.fromarray(shown).transpose(Image.Transpose.ROTATE_90)
    (folder.path / "rectangle.jpg").write_bytes(encoded(stored, "JPEG", quality=90, exif=exif_of(6)))


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def packed_rows(samples, bits):
    """[height, width, channels] as PNG rows with filter 0."""
    height = samples.shape[0]
    flat = samples.reshape(height, -1)
    if bits == 16:
        rows = flat.astype(">u2").view(np.uint8).reshape(height, -1)
    elif bits == 8:
        rows = flat.astype(np.uint8)
    else:
        planes = [(flat >> b) & 1 for b in range(bits - 1, -1, -1)]
        rows = np.packbits(np.stack(planes, -1).reshape(height, -1).astype(np.uint8), axis=1)
    return b"".join(b"\0" + row.tobytes() for row in rows)


ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def png(samples, bits, color_type, extra=(), interlaced=False):
    height, width = samples.shape[:2]
    parts = [samples[y0::dy, x0::dx] for x0, y0, dx, dy in ADAM7] if interlaced else [samples]
    raw = b"".join(packed_rows(part, bits) for part in parts if part.size)
    header = struct.pack(">IIBBBBB", width, height, bits, color_type, 0, 0, int(interlaced))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunk(*c) for c in extra)
            + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b""))


GREY, COLOR, PALETTE, GREY_ALPHA, COLOR_ALPHA = 0, 2, 3, 4, 6


def to_8_bits(samples16):
    return (samples16.astype(np.uint32) + 128) // 257


def pngs(folder, rgb):
    height, width = rgb.shape[:2]
    luma = np.asarray(Image.fromarray(rgb).convert("L")).astype(np.uint32)
    alpha = ((np.arange(width)[None, :] * 11 + np.arange(height)[:, None] * 5) % 256).astype(np.uint32)
    for bits in (1, 2, 4, 8, 16):
        samples = luma * 257 + 3 * alpha % 256 if bits == 16 else luma >> (8 - bits)
        samples = np.minimum(samples, 2 ** bits - 1)
        shown = to_8_bits(samples) if bits == 16 else samples * 255 // (2 ** bits - 1)
        folder.add(f"grey-{bits}.png", png(samples[:, :, None], bits, GREY), shown)
    for bits in (1, 2, 4, 8):
        colors = np.random.default_rng(bits).integers(0, 256, (2 ** bits, 3), dtype=np.uint8)
        index = luma >> (8 - bits)
        transparency = (b"tRNS", bytes([0, 128]))
        folder.add(f"palette-{bits}.png",
                   png(index[:, :, None], bits, PALETTE, [(b"PLTE", colors.tobytes()), transparency]), colors[index])
    folder.add("rgb-8.png", png(rgb, 8, COLOR))
    folder.add("interlaced.png", png(rgb, 8, COLOR, interlaced=True), rgb)
    folder.add("orientation-6.png", png(rgb, 8, COLOR, [(b"eXIf", exif_of(6)[6:])]))
    folder.add("rgba-8.png", png(np.concatenate([rgb, alpha[:, :, None]], -1), 8, COLOR_ALPHA), rgb)
    folder.add("grey-alpha-8.png", png(np.stack([luma, alpha], -1), 8, GREY_ALPHA), luma)
    wide = np.minimum(rgb.astype(np.uint32) * 257 + alpha[:, :, None] % 200, 65535)
    folder.add("rgb-16.png", png(wide, 16, COLOR), to_8_bits(wide))
    folder.add("rgba-16.png", png(np.concatenate([wide, alpha[:, :, None] * 257], -1), 16, COLOR_ALPHA), to_8_bits(wide))


def webps(folder, rgb):
    image = Image.fromarray(rgb)
    folder.add("lossless.webp", encoded(image, "WEBP", lossless=True))
    folder.add("lossy.webp", encoded(image, "WEBP", quality=80))
    with_alpha = image.copy()
    with_alpha.putalpha(Image.fromarray(rgb[:, :, 0]))
    folder.add("alpha.webp", encoded(with_alpha, "WEBP", lossless=True, exact=True))
    folder.add("orientation-8.webp", encoded(image, "WEBP", lossless=True, exif=exif_of(8)))


def bmp(rows, width, height, bits, header_size=40, compression=0, palette=b"", masks=b""):
    rows = [row + b"\0" * (-len(row) % 4) for row in rows]
    if header_size == 12:
        header = struct.pack("<IHHHH", 12, width, abs(height), 1, bits)
    else:
        header = struct.pack("<IiiHHIIiiII", header_size, width, height, 1, bits, compression, 0, 2835, 2835,
                             len(palette) // 4, 0) + masks
        header += b"\0" * (header_size - len(header))
    body = b"".join(rows)
    offset = 14 + len(header) + len(palette)
    return b"BM" + struct.pack("<IHHI", offset + len(body), 0, 0, offset) + header + palette + body


def bmps(folder, rgb):
    height, width = rgb.shape[:2]
    luma = np.asarray(Image.fromarray(rgb).convert("L"))
    bgr = rgb[::-1, :, ::-1]
    for bits in (1, 4, 8):
        colors = np.random.default_rng(bits).integers(0, 256, (2 ** bits, 3), dtype=np.uint8)
        index = luma >> (8 - bits)
        planes = np.stack([(index[::-1] >> b) & 1 for b in range(bits - 1, -1, -1)], -1).reshape(height, -1)
        rows = [row.tobytes() for row in np.packbits(planes, axis=1)]
        entries = b"".join(bytes(c[::-1]) + b"\0" for c in colors)
        folder.add(f"palette-{bits}.bmp", bmp(rows, width, height, bits, palette=entries), colors[index])
        if bits == 8:
            core = b"".join(bytes(c[::-1]) for c in colors)
            folder.add("core.bmp", bmp(rows, width, height, bits, header_size=12, palette=core), colors[index])
    rows = [row.tobytes() for row in bgr]
    folder.add("rgb-24.bmp", bmp(rows, width, height, 24))
    folder.add("top-down.bmp", bmp(rows[::-1], width, -height, 24))
    four = np.concatenate([bgr, np.full((height, width, 1), 77, np.uint8)], -1)
    folder.add("rgb-32.bmp", bmp([row.tobytes() for row in four], width, height, 32))
    swapped = np.concatenate([np.full((height, width, 1), 77, np.uint8), bgr[:, :, ::-1]], -1)
    masks = struct.pack("<IIII", 0xFF00, 0xFF0000, 0xFF000000, 0xFF)
    folder.add("fields-32.bmp", bmp([r.tobytes() for r in swapped], width, height, 32, header_size=108,
                                    compression=3, masks=masks), rgb)
    r, g, b = (rgb[::-1, :, c].astype(np.uint16) for c in range(3))
    pixels555 = (r >> 3) << 10 | (g >> 3) << 5 | b >> 3
    shown = lambda v, n: (v >> (8 - n)).astype(np.uint32) * 255 // (2 ** n - 1)
    folder.add("rgb-555.bmp", bmp([row.tobytes() for row in pixels555.astype("<u2")], width, height, 16), shown(rgb, 5))
    pixels565 = (r >> 3) << 11 | (g >> 2) << 5 | b >> 3
    masks = struct.pack("<III", 0xF800, 0x07E0, 0x001F)
    shown565 = np.stack([shown(rgb[:, :, 0], 5), shown(rgb[:, :, 1], 6), shown(rgb[:, :, 2], 5)], -1)
    folder.add("rgb-565.bmp", bmp([row.tobytes() for row in pixels565.astype("<u2")], width, height, 16,
                                  header_size=56, compression=3, masks=masks), shown565)


def tiffs(folder, rgb):
    image = Image.fromarray(rgb)
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"):
        name = compression.replace("tiff_", "").replace("_", "-")
        folder.add(f"{name}.tif", encoded(image, "TIFF", compression=compression))
    folder.add("grey.tif", encoded(image.convert("L"), "TIFF"))
    folder.add("bilevel.tif", encoded(image.convert("1"), "TIFF", compression="group4"))
    folder.add("palette.tif", encoded(image.quantize(16), "TIFF"))
    alpha = image.copy()
    alpha.putalpha(Image.fromarray(rgb[:, :, 1]))
    folder.add("rgba.tif", encoded(alpha, "TIFF"))
    for orientation in range(2, 9):
        folder.add(f"orientation-{orientation}.tif",
                   encoded(image, "TIFF", compression="tiff_lzw", tiffinfo={ORIENTATION_TAG: orientation}),
                   upright(rgb, orientation))
    luma = np.asarray(image.convert("L")).astype(np.uint16)
    wide = luma * 256 + rgb[:, :, 2]
    folder.add("grey-16.tif", encoded(Image.fromarray(wide), "TIFF"), to_8_bits(wide))


def main():
    folder = Folder(sys.argv[1])
    width, height = (int(v) for v in sys.argv[2:4]) if len(sys.argv) > 2 else (13, 9)
    rgb = picture(width, height)
    for write in (jpegs, pngs, webps, bmps, tiffs):
        write(folder, rgb)
    rectangle(folder)


if __name__ == "__main__":
    main()
