"""What is asked of a compiled file: it is valid, the model in it is untouched, and its maps are limn's own.

judge() compiles one network with one method and answers what does not hold, with the distances measured.
"""
import json
import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import onnx

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from standard_noise import standard_noise

BUILD = pathlib.Path(os.environ.get("LIMN_BUILD_DIR", "build/release"))
LIMN = os.environ.get("LIMN_CLI", str(BUILD / "bin/limn"))
# Few points: all of them are one batch.
OPTIONS = {"integrated-gradients": ["--steps", 4], "smooth-grad": ["--samples", 3]}
NEWEST_CHECKED = 17  # Debian's onnx 1.12 knows no newer opset
CLOSE = 1e-4  # of the largest value
AVERAGED = 2e-2  # L2, for means over points where a rectifier's input lies next to zero at some
UNSTEADY = 4  # times what onnxruntime's own maps differ by, optimised and not
ROUNDING = 1e-6  # of a pixel


def run(program, *arguments):
    done = subprocess.run([str(program), *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    return done.stdout


def limn(*arguments):
    return run(LIMN, *arguments)


def tool(name, *arguments):
    return run(BUILD / "bin" / name, *arguments)


def methods():
    """Names of the methods that can be compiled."""
    rows = [line.split() for line in limn("compile", "--list").splitlines()]
    return [row[0] for row in rows if row[1] == "yes"]


def kinds():
    """cam or attribution, by method."""
    return {m["name"]: m["kind"] for m in map(json.loads, limn("methods", "--json").splitlines())}


def own_maps(model, images, method, folder, raw):
    """limn's maps and classes for every image [C, H, W]: [(class, map)]."""
    found = []
    for n, image in enumerate(images):
        out = folder / f"own{n}"
        np.save(folder / f"x{n}.npy", image)
        limn("explain", model, folder / f"x{n}.npy", "--method", method, "--out", out, "--format", "npy",
             *OPTIONS.get(method, []), *(["--raw"] if raw else []))
        (path,) = out.glob("*.npy")
        found.append((int(re.search(r"\.(\d+)(\.[^.]*)?(\.raw)?\.npy$", path.name)[1]), np.load(path)))
        path.unlink()
    return found


def same_nodes(before, after):
    """Whether every node, weight, input and output of the model comes first, byte by byte."""
    def starts(old, new):
        return len(old) <= len(new) and all(a.SerializeToString() == b.SerializeToString() for a, b in zip(old, new))
    a, b = before.graph, after.graph
    return all(starts(getattr(a, part), getattr(b, part)) for part in ("node", "initializer", "input", "output"))


def valid(path):
    """What onnx's checker and strict shape inference say; nothing when they are content."""
    model = onnx.load(path)
    if {o.domain: o.version for o in model.opset_import}.get("", 0) > NEWEST_CHECKED:
        return None
    try:
        onnx.checker.check_model(model)
        onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    except Exception as e:  # whatever onnx throws is the finding
        return str(e)
    return None


def distance(a, b):
    """Largest difference, as a part of the largest value."""
    return float(np.abs(a - b).max() / max(np.abs(b).max(), 1e-30))


def norm_of(a):
    return float(np.linalg.norm(a))


def min_max(a):
    return (a - a.min()) / max(float(a.max() - a.min()), 1e-30)


class Network:
    """A model, images for it, and what onnxruntime says of it uncompiled."""

    def __init__(self, model, images, runtime, folder):
        self.model, self.images, self.runtime, self.folder = model, images, runtime, folder
        self.proto = onnx.load(model)
        self.image = self.proto.graph.input[0].name
        self.decided = {}
        self.plain = {(n, on): runtime.run(model, self.feeds(n), on) for n in (1, 3) for on in (False, True)}

    def feeds(self, count):
        return {self.image: self.images[:count]}

    def as_limn(self, n):
        """Image n as [C, H, W]."""
        image = self.images[n]
        return image.transpose(2, 0, 1) if image.shape[0] > 4 else image

    def noise_for(self, method):
        """What smooth-grad is fed beside images."""
        if method != "smooth-grad":
            return {}
        dims = self.images.shape[1:]
        return {"noise": np.stack([standard_noise(0, m, int(np.prod(dims))).reshape(dims) for m in range(OPTIONS[method][1])])}

    def outputs_hold(self, path, more):
        """Findings about the model's own outputs in the compiled file."""
        findings = []
        for (count, on), plain in self.plain.items():
            results = self.runtime.run(path, self.feeds(count) | more, on)
            for name, numbers in plain.items():
                if not on and results[name].tobytes() != numbers.tobytes():
                    findings.append(f"output {name} has other bits at batch {count}")
                if on and distance(results[name], numbers) > 1e-5:
                    findings.append(f"output {name} is {distance(results[name], numbers):.1e} off, optimised")
        return findings

    def deciding(self, method):
        """Names of the values that masks and pools of the method's backward pass read, with the model that tells them."""
        if method not in self.decided:
            names = tool("limn_given", self.model, method).splitlines()
            proto = onnx.ModelProto.FromString(self.proto.SerializeToString())
            proto.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in names
                                      if name not in {o.name for o in proto.graph.output})
            path = self.folder / f"deciding.{method}.onnx"
            onnx.save(proto, path)
            self.decided[method] = names, path
        return self.decided[method]

    def given(self, method, n, count, chosen):
        """limn's own raw map of image n where its masks and pools are those of onnxruntime with `count` images."""
        names, path = self.deciding(method)
        results = self.runtime.run(path, self.feeds(count), False)
        for i, name in enumerate(names):
            np.save(self.folder / f"{i}.npy", results[name][n:n + 1])
        np.save(self.folder / "image.npy", self.as_limn(n)[None])
        tool("limn_given", self.model, method, self.folder / "image.npy", chosen, self.folder,
             self.folder / "given.npy")
        return np.load(self.folder / "given.npy")[0]

    def unsteadiness(self, n, method, raw, own):
        """How far (L2) limn's own map of image n moves when pixels are off by rounding."""
        random, image = np.random.default_rng(n), self.as_limn(n)
        near = [image * (1 + ROUNDING * random.standard_normal(image.shape)).astype(np.float32) for _ in range(4)]
        return max(norm_of(moved - own) / norm_of(own) for _, moved in own_maps(self.model, near, method, self.folder, raw))

    def judge(self, method, kind, whole=True):
        """(findings, distances by what was compared, kinks). Not `whole`: maps alone.

        Derivatives at the pixels jump where the input of a rectifier lies next to zero, or two values of a window next to
        each other: two programs that round differently may land on either side. Where a map is off by more than
        rounding, limn's own is computed again given what onnxruntime decided, and that distance counts; the first one is
        listed among the kinks. Means over points are held to AVERAGED instead, or to how far limn's own move with pixels
        off by rounding. A class activation map may be ill conditioned (xgrad-cam divides by sums of numbers of both signs,
        where there is no rectifier): no farther from limn's than UNSTEADY allows is listed there too.
        """
        cam = kind == "cam"
        findings, distances, kinks = [], {}, []
        for raw in (True, False):
            path = self.folder / "compiled.onnx"
            flags = ["--normalize"] if not raw else ["--size", "layer"] if cam else ["--raw"]
            limn("compile", self.model, "--method", method, "-o", path, *OPTIONS.get(method, []), *flags)
            if whole and raw:
                if complaint := valid(path):
                    findings.append(complaint)
                if not same_nodes(self.proto, onnx.load(path)):
                    findings.append("the model's own nodes have changed")
                growth = path.stat().st_size / pathlib.Path(self.model).stat().st_size - 1
                distances["growth"] = growth
                findings += self.outputs_hold(path, self.noise_for(method))
            own = own_maps(self.model, [self.as_limn(n) for n in range(3)], method, self.folder, raw)
            for count in (1, 3):
                # What onnxruntime decides must be the same in both files, so nothing is optimised where it matters.
                results = self.runtime.run(path, self.feeds(count) | self.noise_for(method), cam)
                rounding = None
                for n in range(count):
                    chosen, expected = own[n]
                    if results["target"][n] != chosen:
                        findings.append(f"class {results['target'][n]} in place of {chosen}")
                    got = results["attribution" if raw and not cam else "heatmap"][n]
                    name = f"{'raw' if raw else 'heatmap'} of image {n} in {count}"
                    distances[name] = distance(got.reshape(expected.shape), expected)
                    if distances[name] > CLOSE and cam:
                        if rounding is None:
                            other = self.runtime.run(path, self.feeds(count), False)["heatmap"]
                            rounding = max(map(distance, results["heatmap"], other))
                        if distances[name] <= UNSTEADY * rounding:
                            kinks.append(f"{name}: {distances.pop(name):.0e}, onnxruntime by itself {rounding:.0e}")
                    elif distances[name] > CLOSE:
                        kinks.append(f"{name}: {distances[name]:.0e}")
                        if method in OPTIONS:  # a mean over points, each with kinks of its own
                            off = norm_of(got.reshape(expected.shape) - expected) / norm_of(expected)
                            if off > AVERAGED and off > 2 * self.unsteadiness(n, method, raw, expected):
                                findings.append(f"{name} is {off:.1e} off (L2)")
                            del distances[name]
                            continue
                        again = self.given(method, n, count, chosen)
                        if not raw:
                            again = min_max(np.abs(again).max(0))
                        distances[name] = distance(got.reshape(again.shape), again)
        return findings, distances, kinks
