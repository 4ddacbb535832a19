"""Runs `limn convert` on checkpoints and compares what comes out with PyTorch."""
import os
import pathlib
import subprocess

import numpy as np

LIMN = os.environ["LIMN_CLI"]


def limn(*arguments):
    return subprocess.run([LIMN, *map(str, arguments)], capture_output=True, text=True)


def convert(architecture, checkpoint, model, *options):
    ran = limn("convert", architecture, checkpoint, "-o", model, *options)
    assert ran.returncode == 0, ran.stderr
    return ran


def predicted(model, images):
    """What limn makes of images that are tensors already."""
    folder = pathlib.Path(model).parent
    np.save(folder / "images.npy", images)
    ran = limn("predict", model, folder / "images.npy", "--save-logits", folder / "logits.npy")
    assert ran.returncode == 0, ran.stderr
    return np.load(folder / "logits.npy")


def apart(ours, theirs):
    """The largest difference, in shares of the largest logit."""
    assert ours.shape == theirs.shape, (ours.shape, theirs.shape)
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())
