#!/usr/bin/python3
"""bench/compare.py beside PyTorch: both explain the same network the same way, or nothing would be timed."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(os.environ.get("LIMN_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("LIMN_BUILD_DIR", ROOT / "build/release"))


def main():
    try:
        import onnx  # noqa: F401
        import torch  # noqa: F401
        import torchvision  # noqa: F401
    except ImportError as e:
        print(f"skipped: needs python3-torch, python3-torchvision and python3-onnx ({e})")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, ROOT / "bench/compare.py", "squeezenet1_1", "--build", BUILD, "--out", out, "--models", out,
                   "--parts", "cells", "--batch", "1", "--threads", "2", "--rounds", "1", "--quick",
                   "--without", "onnxruntime", "openblas"]
        subprocess.run([str(c) for c in command], check=True)
        found = json.loads((pathlib.Path(out) / "speed.json").read_text())["cells"]["squeezenet1_1/batch 1/threads 2"]
    agreed = found["agreement"]
    assert set(agreed) == {"forward pytorch", "grad-cam pytorch", "guided-backprop pytorch"}, agreed
    assert agreed["forward pytorch"] < 1e-5 and agreed["grad-cam pytorch"] < 1e-4, agreed
    for how in ("backward", "autograd"):
        assert found["rounds"][f"pytorch grad-cam/{how}"][0] > 0, found["rounds"]


if __name__ == "__main__":
    main()
