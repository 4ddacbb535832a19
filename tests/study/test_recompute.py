#!/usr/bin/env python3
"""Evaluations of a real network on photographs, recomputed from their saved maps by a script that shares no code."""
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

try:
    import numpy  # noqa: F401
except ImportError:
    print("skipped: needs python3-numpy")
    sys.exit(77)

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("LIMN_SHARED_DATA", HERE / "../../../shared/data"))
IMAGES = 8


class Recompute(unittest.TestCase):
    def check(self, experiment, protocol):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([os.environ["LIMN_CLI"], "evaluate", experiment, "--model",
                            DATA / "models/squeezenet1_0_imagenet.onnx", "--dataset", "ilsvrc", "--root",
                            DATA / "ilsvrc-val-250", "--limit", str(IMAGES), "--protocol", protocol, "--method",
                            "grad-cam,layer-cam", "--resize", "256", "--crop", "227", "--range", "255", "--mean",
                            "123,117,104", "--save-maps", "--out", folder + "/run"],
                           check=True, stdout=subprocess.DEVNULL)
            done = subprocess.run([sys.executable, HERE / "recompute.py", folder + "/run"], capture_output=True,
                                  text=True)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertIn(f"of {IMAGES} images agree", done.stdout)

    def test_localization(self):
        self.check("localization", "correct")

    def test_localization_as_published(self):
        self.check("localization", "as-published")

    def test_pointing_game(self):
        self.check("pointing-game", "correct")

    def test_pointing_game_as_published(self):
        self.check("pointing-game", "as-published")

    def test_xray(self):
        self.check("xray", "correct")

    def test_xray_as_published(self):
        self.check("xray", "as-published")


if __name__ == "__main__":
    if not (DATA / "ilsvrc-val-250").exists():
        print(f"skipped: the photographs are not at {DATA}")
        sys.exit(77)
    unittest.main()
