#!/usr/bin/python3
"""The page of `limn report` in a browser: opened from disk without a network, sorted, in light, dark and narrow.

Needs Debian's chromium and npm's playwright-core (tests/support/node.py).
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import large_run

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import node  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
SOURCES = pathlib.Path(os.environ.get("LIMN_SOURCE_DIR", HERE.parents[1]))
NAMES = ["Trouser", "Pullover", "Dress", "Sandal", "Bag", "Boot"]


def limn(*arguments):
    ran = subprocess.run([os.environ["LIMN_CLI"], *map(str, arguments)], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def lay_out(root):
    """The demo's scenes as ILSVRC lays out its own; a class is one word there."""
    pictures, truth = root / "ILSVRC/Data/CLS-LOC/val", root / "ILSVRC/Annotations/CLS-LOC/val"
    pictures.mkdir(parents=True)
    truth.mkdir(parents=True)
    for path in (SOURCES / "data/demo/scenes").iterdir():
        if path.suffix == ".png":
            shutil.copy(path, pictures / f"{path.stem}.JPEG")
        else:
            (truth / path.name).write_text(path.read_text().replace("Ankle boot", "Boot"))
    (root / "LOC_synset_mapping.txt").write_text("\n".join(NAMES) + "\n")


def evaluate(folder, out, experiment, *more):
    limn("evaluate", experiment, "--model", SOURCES / "data/demo/demo.onnx", "--dataset", "ilsvrc", "--root",
         folder / "data", "--labels", folder / "data/LOC_synset_mapping.txt", "--method", "grad-cam,layer-cam",
         "--out", folder / out, *more)
    return folder / out


def main():
    node.modules_or_skip("playwright-core", programs=("node", "chromium"))
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        lay_out(folder / "data")
        runs = [evaluate(folder, "boxes", "localization", "--save-maps"),
                evaluate(folder, "published", "localization", "--protocol", "as-published"),
                evaluate(folder, "points", "pointing-game", "--save-maps")]
        (folder / "nasty.txt").write_bytes(
            b"</script><script>window.broken = 1</script>\n<img src=x onerror=window.broken=1>\nDr\xffss\nA & \"B\"\nBag\n"
            b"Boot\n")
        limn("report", *runs, "--labels", folder / "nasty.txt", "--out", folder / "page.html")
        large_run.write(folder / "large")
        limn("report", folder / "large", "--out", folder / "large.html")
        large = (folder / "large.html").read_text()
        assert "ILSVRC2012_val_0" not in large, "the page names single images of a large run"
        told = subprocess.run(["node", HERE / "page.mjs", folder / "page.html", folder / "large.html"],
                              capture_output=True, text=True)
        print(told.stdout + told.stderr)
        if told.returncode != 0:
            raise SystemExit("the page is not as it should be")
        seconds = json.loads(told.stdout.splitlines()[-1])["seconds"]
        print(f"a page of {large_run.IMAGES} images, {len(large) / 1e6:.1f} MB, opens in {seconds:.2f} s")


if __name__ == "__main__":
    main()
