"""A finished run of 50,000 images and eight methods, made up: what a report of all of ILSVRC's images has to read."""
import json
import random
import sqlite3
import struct

METHODS = ["grad-cam", "grad-cam++", "layer-cam", "hires-cam"]
CONTROLS = ["centre-box", "whole-image", "centred-gaussian", "random-map"]
IMAGES, CLASSES = 50_000, 1000


def rate(p):
    return {"successes": p * IMAGES, "of": IMAGES, "rate": p, "low": p - .004, "high": p + .004}


def mean(m):
    return {"n": IMAGES, "mean": m, "sd": .2, "low": m - .003, "high": m + .003}


def entry(name):
    error = {"failures": 1, "of": 2, "error": .5, "low": .4, "high": .6}
    box = {"threshold": .15, "rule": "region", "top1": error, "top5": error, "known_class": rate(.6),
           "given_top1_correct": rate(.65), "given_top5_correct": rate(.63), "iou": mean(.55)}
    return {"name": name, "control": name in CONTROLS, "images": IMAGES, "degenerate": 0, "boxes": [box],
            "max_box_accuracy": .66, "max_box_accuracy_v2": .64}


def write(folder):
    folder.mkdir(parents=True)
    manifest = {"format": "limn.run/1", "limn": "0", "experiment": "localization", "protocol": "correct",
                "thresholds": [.15], "tolerance": 15, "seed": 0, "methods": [{"name": m} for m in METHODS],
                "controls": CONTROLS, "preprocessing": {"resize": 256}, "shard": {"number": 1, "of": 1},
                "model": {"path": "gone/network.onnx", "sha256": "0" * 64, "classes": CLASSES, "auto_layer": "conv"},
                "dataset": {"kind": "ilsvrc", "root": "gone", "split": "val", "images": IMAGES, "sha256": "1" * 64}}
    summary = {"format": "limn.summary/1", "experiment": "localization", "protocol": "correct",
               "images": {"all": IMAGES, "used": IMAGES, "excluded": 0, "failed": 0},
               "classification": {"top1": {"error": .3, "low": .29, "high": .31}},
               "methods": [entry(m) for m in METHODS + CONTROLS], "compared_by": "known_region_15", "comparisons": []}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "summary.json").write_text(json.dumps(summary))
    rows = sqlite3.connect(folder / "rows.sqlite")
    rows.execute("CREATE TABLE images(position INTEGER PRIMARY KEY, id TEXT NOT NULL, error TEXT, width, height, "
                 "classes, boxes, predicted, top1, top5, excluded)")
    rows.execute("CREATE TABLE maps(position INTEGER NOT NULL, method TEXT NOT NULL, known_region_15, iou_region_15, "
                 "curve_largest, PRIMARY KEY(position, method)) WITHOUT ROWID")
    draw = random.Random(1)
    curve = struct.pack("<100H", *(max(0, 40_000 - 500 * i) for i in range(100)))
    rows.executemany("INSERT INTO images VALUES(?,?,NULL,500,375,?,?,?,?,1,0)", (
        (i, f"ILSVRC2012_val_{i:08}", f"[{i % CLASSES}]", f"[[{i % CLASSES},10,10,100,100]]", f"[{i % CLASSES},1,2,3,4]",
         int(draw.random() < .7)) for i in range(IMAGES)))
    rows.executemany("INSERT INTO maps VALUES(?,?,?,?,?)", (
        (i, m, int(draw.random() < .6), draw.random(), curve) for i in range(IMAGES) for m in METHODS + CONTROLS))
    rows.commit()
    rows.close()
