"""One torchvision architecture, all parameters and buffers random: exported, imported by limn, and compared.

check() answers a dict of measurements, judged() what of decisions' parity statements does not hold.
"""
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import torch

from distances import of_largest, relative_l2
from onnx_torch import OnnxTorch, explain

SOURCE = pathlib.Path(os.environ.get("LIMN_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(SOURCE / "tools"))
import export_torchvision  # noqa: E402

# Networks of more multiplications with addition are left out of the runs in double, which take them minutes.
DOUBLE_LIMIT = float(os.environ.get("LIMN_PARITY_DOUBLE_LIMIT", "2.5e9"))


def inspect(build, model):
    done = subprocess.run([build / "bin/limn", "inspect", model, "--json"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def run_limn(build, model, x, targets, folder, options):
    np.save(folder / "input.npy", x)
    np.save(folder / "targets.npy", np.asarray(targets, np.float32))
    done = subprocess.run([build / "bin/limn_parity", model, folder / "input.npy", folder / "targets.npy", "auto",
                           folder, "--basics", *options], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip() or f"limn_parity ended with {done.returncode}")
    switched = [float(line.split()[n]) for line in done.stdout.splitlines() if line.startswith("switched")
                for n in (3, 5)]

    def load(kind, dtype):
        maps = {}
        for path in folder.glob(f"*.{kind}"):
            dims = [int(d) for d in pathlib.Path(f"{path}.dims").read_text().split()]
            maps[path.name[: -len(kind) - 1]] = np.fromfile(path, dtype).reshape([-1] + dims)
        return maps

    return load("native", np.float32), load("reference", np.float64), switched


def oracle(path, x, targets, layer, dtype):
    """One image at a time, as limn runs it."""
    net = OnnxTorch(str(path), dtype)
    parts = [explain(net, torch.from_numpy(x[n:n + 1]).to(dtype), [targets[n]], layer, only_basics=True)
             for n in range(len(x))]
    return {k: np.concatenate([p[k].numpy() for p in parts]) for k in parts[0]}


def signed_cam(maps):
    """Grad-CAM before its rectifier, which leaves nothing of a map that speaks against its class."""
    return maps["grad-cam"] - maps["counterfactual"]


def check(name, build, folder, images=2, seed=1):
    path = folder / f"{name}.onnx"
    network = export_torchvision.export(name, path, seed, False, 13)
    size = export_torchvision.input_size(name)
    facts = inspect(build, path)
    small = facts["multiply_adds"] <= DOUBLE_LIMIT
    x = np.random.default_rng(7).standard_normal((images if small else 1, 3, size, size)).astype(np.float32)
    with torch.no_grad():
        scores = network(torch.from_numpy(x)).numpy()
        scores64 = network.double()(torch.from_numpy(x).double()).numpy()
    del network
    targets = scores.argmax(1)
    layer = facts["auto_layer"]
    native, reference, switched = run_limn(build, path, x, targets, folder,
                                           ["--reference"] if small else ["--no-double"])
    exact = oracle(path, x, targets, layer, torch.float64)
    single = oracle(path, x, targets, layer, torch.float32)
    found = {
        "name": name, "parameters": facts["parameters"], "multiply_adds": facts["multiply_adds"], "layer": layer,
        "layer_shape": next((entry["shape"] for entry in facts["layers"] if entry["name"] == layer), None),
        "images": len(x),
        "oracle": float(of_largest(exact["logits"], scores64).max()),
        "logits": float(of_largest(native["logits"], scores64).max()),
        "logits_torch": float(of_largest(scores, scores64).max()),
        "gradient": float(np.median(relative_l2(native["gradient"], exact["gradient"]))),
        "gradient_torch": float(np.median(relative_l2(single["gradient"], exact["gradient"]))),
        "signed_cam": True,
        "cam": float(of_largest(signed_cam(native), signed_cam(exact)).max()),
        "cam_torch": float(of_largest(signed_cam(single), signed_cam(exact)).max()),
        "layer_gradient": float(np.abs(exact["layer-gradient"]).max()),
    }
    if small:
        found["reference"] = float(max(of_largest(reference["gradient"], exact["gradient"]).max(),
                                       of_largest(signed_cam(reference), signed_cam(exact)).max()))
        found["switched"] = max(switched)
    for f in folder.iterdir():
        f.unlink()
    return found


def judged(found):
    """What does not hold, in words; empty when all does."""
    wrong = []

    def expect(holds, text):
        if not holds:
            wrong.append(text)

    # The sqrt(2) of a GELU and the epsilon of a norm are float in the file and double in the module, which shows behind
    # all the norms of an EfficientNet-B6 (1.2e-7) or a MobileNet v3 (4.2e-7).
    expect(found["oracle"] <= 1e-6, f"PyTorch's module and the exported graph differ by {found['oracle']:.1e} in double")
    expect(found["logits"] <= 1e-4, f"logits {found['logits']:.1e}")
    expect(found["layer_gradient"] > 0, "nothing flows back to the layer that auto picked")
    if "reference" in found:
        # The scale of Swin's attention, 32 ** -0.5, is computed in the file: a float for limn, a double for the oracle.
        bound = 2e-7 if found["name"].startswith("swin") else 1e-8
        expect(found["reference"] <= bound, f"(a) reference {found['reference']:.1e}")
        expect(found["switched"] <= 1e-5, f"(b) with native switches {found['switched']:.1e}")
    # (c) is a statement on medians; one or two images are no sample, and kinks decide which of two runs is nearer.
    expect(found["gradient"] <= max(2 * found["gradient_torch"], 5e-2), f"(c) gradient {found['gradient']:.1e}")
    expect(found["cam"] <= max(1e-4, 2 * found["cam_torch"], 1e-2), f"(c) Grad-CAM {found['cam']:.1e}")
    return wrong
