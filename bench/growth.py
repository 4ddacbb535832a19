#!/usr/bin/python3
"""How time and memory grow with the batch, the image's size, the number of classes and the number of images.

Networks are torchvision's with random parameters and open height and width. Every point is a process of its own, whose
peak memory the system tells. Results are kept in DOCS/explanation/growth.json point by point; what is there is not
measured again. DOCS/explanation/growth.md and DOCS/images/growth-*.svg are written of it.

  bench/growth.py --build build/release [--docs docs] [--quick]
"""
import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import growth_page
import networks
import sides
import whole_runs
from results import Results, digest

NETWORKS = ["squeezenet1_0", "resnet50"]
BATCHES, SIZES, CLASSES = [1, 2, 4, 8, 16, 32], [224, 320, 448, 640, 1024], [1, 2, 5, 10, 20]
IMAGES = [25, 50, 100, 250]
PHOTOGRAPHED = "squeezenet1_0_imagenet"  # of the folder that LIMN_SHARED_DATA names


def open_network(name, folder):
    """With open height and width."""
    path = folder / f"{name}.onnx"
    if not path.exists():
        (folder / "part").mkdir(parents=True, exist_ok=True)
        subprocess.run([networks.PYTHON, networks.ROOT / "tools/export_torchvision.py", "--open", "--out", folder / "part",
                        name], check=True, stdout=subprocess.DEVNULL)
        (folder / "part" / path.name).replace(path)
    return path


def point(args, model, batch, size, work, seconds):
    """Milliseconds of some runs, and the most memory of a process that does nothing else."""
    with sides.limn(args.bench, model, f"{batch}x{size}", args.threads, [work]) as program:
        once = min(program.times(work, 2))
        times = program.times(work, max(3, min(50, int(1000 * seconds / once))))
        return {"milliseconds": times, "bytes": program.peak_memory()}


def plan(args):
    """(key, what measures it) of every point."""
    for name in args.networks:
        model = open_network(name, args.models)
        for work in ("forward", "grad-cam", "guided-backprop"):
            for batch in BATCHES:
                yield f"batch/{name}/{work}/{batch}", lambda b=batch, w=work, m=model: point(args, m, b, 224, w, args.seconds)
            for size in SIZES:
                yield f"size/{name}/{work}/{size}", lambda s=size, w=work, m=model: point(args, m, 1, s, w, args.seconds)
        for work in ("grad-cam", "guided-backprop"):
            for classes in CLASSES:
                yield (f"classes/{name}/{work}/{classes}",
                       lambda c=classes, w=work, m=model: point(args, m, 1, 224, f"{w}*{c}", args.seconds))
    if (args.data / "ilsvrc-val-250").exists():
        for threads in (1, 2):
            for images in IMAGES:
                yield f"images/{PHOTOGRAPHED}/threads {threads}/{images}", lambda n=images, t=threads: evaluation(args, n, t)
        yield "schedule/blocks", lambda: blocks(args)
        if args.mpi:
            yield "schedule/processes", lambda: evaluation(args, max(IMAGES), 1, ["mpirun", "--allow-run-as-root", "-np", "2"])
    else:
        print("growth: evaluations are left out: LIMN_SHARED_DATA names no folder with photographs", flush=True)


def evaluation(args, images, threads, launcher=()):
    """Seconds and peak memory of a whole `limn evaluate localization`."""
    with tempfile.TemporaryDirectory() as folder:
        command = [args.build / "bin/limn", "evaluate", "localization", "--model", args.data / f"models/{PHOTOGRAPHED}.onnx",
                   "--dataset", "ilsvrc", "--root", args.data / "ilsvrc-val-250", "--limit", images, "--threads", threads,
                   "--batch", 8, "--out", f"{folder}/run", *whole_runs.PHOTOGRAPHS[PHOTOGRAPHED].split()]
        seconds, memory = whole_runs.run([*launcher, *map(str, command)])
        return {"milliseconds": [1000 * seconds], "bytes": memory}


def blocks(args):
    """Seconds of every block of that evaluation in one thread: decoding, computing, measuring, writing."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([args.build / "bin/limn_bench_blocks", args.data / f"models/{PHOTOGRAPHED}.onnx",
                               args.data / "ilsvrc-val-250", f"{folder}/rows", str(max(IMAGES))],
                              capture_output=True, text=True, check=True)
    return {"blocks": [[float(v) for v in line.split()] for line in done.stdout.splitlines()]}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=networks.ROOT / "build/release")
    parser.add_argument("--docs", type=pathlib.Path, default=networks.ROOT / "build/bench", help="folder to write into")
    parser.add_argument("--models", type=pathlib.Path, default=networks.ROOT / "build/bench-models/open")
    parser.add_argument("--networks", nargs="+", default=NETWORKS)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=1.0, help="how long a point is measured")
    parser.add_argument("--quick", action="store_true", help="ResNet-50 alone, half a second a point")
    args = parser.parse_args()
    if args.quick:
        args.networks, args.seconds = ["resnet50"], 0.5
    args.bench = args.build / "bin/limn_bench"
    args.data = pathlib.Path(os.environ.get("LIMN_SHARED_DATA", networks.ROOT.parent / "shared/data"))
    args.mpi = subprocess.run(["sh", "-c", "command -v mpirun"], capture_output=True, check=False).returncode == 0
    return args


def main():
    args = arguments()
    for folder in ("explanation", "images"):
        (args.docs / folder).mkdir(parents=True, exist_ok=True)
    results = Results(args.docs / "explanation/growth.json")
    for key, work in plan(args):
        if results.has(key):
            continue
        begun = time.monotonic()
        found = work()
        results.add(key, found | {"build": digest(args.bench)})
        took = f"{statistics.median(found['milliseconds']):.1f} ms" if "milliseconds" in found else ""
        print(f"{key}: {took} ({time.monotonic() - begun:.0f} s)", flush=True)
    growth_page.write(results.data, args.docs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
