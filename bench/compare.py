#!/usr/bin/python3
"""limn beside onnxruntime and PyTorch, as ratios measured side by side in one run.

All programs stay loaded; rounds are interleaved, so that whatever else the machine does troubles all alike. Before
anything is timed, answers are compared. A figure is the median of the ratios of the rounds, with the lowest and the
highest. Results are kept in OUT/speed.json cell by cell: what is there is not measured again, so that a run can be
stopped and go on. OUT/speed.md is written of it (--name: another name, for another machine). A program that is not
there (onnxruntime from npm, PyTorch from Debian) is left out with a message.

  bench/compare.py --build build/release [NETWORK|MODEL.onnx ...] [--quick]
"""
import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

import cells
import kernel_rates
import networks
import sides
import speed_table
import whole_runs
from results import Results, digest

# Two programs that add in different orders agree so far; Grad-CAM may differ more where a value lies next to a kink of
# a rectifier, and guided backpropagation, which passes all of them, much more.
AGREE = {"forward": 1e-4, "grad-cam": 1e-3, "guided-backprop": 0.1}
VERSIONS = {"onnxruntime": ["onnxruntime"], "pytorch": ["PyTorch", "torchvision", "BLAS of PyTorch"]}
SPIN = 0.25  # seconds after which the threads of a program no longer spin (libomp's do for 0.2)


PARTS = ["runs", "kernels", "cells"]  # whole runs of the program, single operators, networks beside the other programs


class Disagreement(Exception):
    pass


def apart(a, b, largest):
    """Largest difference in parts of the largest value, or L2 norm of the difference in parts of that of b."""
    if a.shape != b.shape:
        raise Disagreement(f"{a.size} numbers beside {b.size}")
    norm = (lambda v: float(np.abs(v).max())) if largest else (lambda v: float(np.linalg.norm(v)))
    return norm(a - b) / (norm(b) or 1.0)


def agreement(cell, programs, folder):
    """How far limn's scores and maps are from those of the others."""
    found = {}
    limn = programs["limn"]
    for other, theirs in (("onnxruntime", "forward"), ("pytorch", "forward"), ("pytorch", "grad-cam/autograd"),
                          ("pytorch", "guided-backprop/autograd")):
        work = theirs.split("/")[0]
        if other not in programs or (other == "pytorch" and theirs not in programs[other].works):
            continue
        if work == "guided-backprop" and cell.batch > 1:
            continue  # the sizes of the batch change nothing that the batch of one does not show
        a, b = limn.answer(work, folder / "limn"), programs[other].answer(theirs, folder / other)
        count = programs["limn"].answer("forward", folder / "scores").size if work != "forward" else 0
        found[f"{work} {other}"] = difference = apart(a[count:], b[count:], work != "guided-backprop")
        if not difference <= AGREE[work]:
            raise Disagreement(f"{work} differs from {other}'s by {difference:.1e}")
    return found


def warm_up(programs, longest):
    """How often each work runs in a round, and how often before: several times where it is short, and once without
    being timed unless it takes seconds, because caches hold another program's data, and a virtual machine may have put
    memory aside that lay idle. Works that take too long are left out."""
    counts, slow = {}, {}
    for program in programs.values():
        for work in list(program.works):
            t = program.times(work, 1)[0]
            t = min(t, program.times(work, 1)[0]) if t < 1000 * longest / 2 else t
            if t > 1000 * longest:
                slow[f"{program.name} {work}"] = t
                program.works.remove(work)
            counts[program.name, work] = max(1, min(10, int(100 / t))), int(t < 2000)
    return counts, slow


def measure(programs, counts, seconds, most):
    """Rounds of all works of all programs, at least three, until the time is up."""
    rounds = {f"{p.name} {w}": [] for p in programs.values() for w in p.works}
    begun = time.monotonic()
    for done in range(most):
        if done >= 3 and time.monotonic() - begun > seconds:
            break
        for program in programs.values():
            time.sleep(SPIN)
            for work in program.works:
                count, before = counts[program.name, work]
                times = program.times(work, count + before)[-count:]
                rounds[f"{program.name} {work}"].append(statistics.median(times))
    return rounds


def start(programs, cell, network, facts, args, results):
    """Adds the programs of a cell by name; those but limn that cannot start are left out with a message."""
    def add(make, works):
        try:
            program = make()
        except sides.SideFailed as e:
            if not programs:
                raise
            print(f"bench: {cell.key}: left out: {e}", flush=True)
            return
        program.works = list(works)
        programs[program.name] = program

    works = [w for w in cells.limn_works(cell, facts, args.quick, args.precisions)
             if w.split("*")[0].split(":")[-1] in args.methods]
    add(lambda: sides.limn(args.bench, network.path, cell.batch, cell.threads, works), works)
    if args.modules:
        add(lambda: sides.onnxruntime(network.path, cell.batch, cell.threads, args.modules), ["forward"])
    theirs = cells.pytorch_works(cell, facts, args.quick)
    if args.python and network.torchvision and theirs:
        add(lambda: sides.pytorch(args.python, network.name, cell.batch, cell.threads, networks.SEED), theirs)
    for name, keys in VERSIONS.items():
        if name in programs:
            results.data["versions"] |= dict(zip(keys, programs[name].versions))


def run_cell(cell, network, facts, args, results):
    begun = time.monotonic()
    programs = {}
    try:
        start(programs, cell, network, facts, args, results)
        with tempfile.TemporaryDirectory() as folder:
            agreed = {} if cell.busy else agreement(cell, programs, pathlib.Path(folder))
        with sides.busy_neighbour(cell.busy):
            counts, slow = warm_up(programs, args.longest)
            rounds = measure(programs, counts, args.seconds, args.rounds)
        entry = {"agreement": agreed, "rounds": rounds, "facts": facts, "build": digest(args.bench)}
        results.add(cell.key, entry | ({"too slow": slow} if slow else {}))
    except (Disagreement, sides.SideFailed) as e:  # costs this cell, not the others
        print(f"bench: {cell.key}: not timed: {e}", flush=True)
        return False
    finally:
        for program in programs.values():
            program.close()
    print(f"{cell.key}: {speed_table.summary(rounds)} ({time.monotonic() - begun:.0f} s)", flush=True)
    return True


def node_modules(folder):
    """The folder with onnxruntime-node: LIMN_NODE_MODULES, or `folder`, where npm puts it; None without it."""
    if os.environ.get("LIMN_NODE_MODULES"):
        return pathlib.Path(os.environ["LIMN_NODE_MODULES"])
    subprocess.run([networks.ROOT / "tools/install_node_modules.sh", folder], check=True)
    return folder if (folder / "node_modules/onnxruntime-node").exists() else None


def pytorch_python(without):
    """The Python that has PyTorch, None without one."""
    done = subprocess.run([networks.PYTHON, "-c", "import torch, torchvision"], capture_output=True, check=False)
    if done.returncode:
        print(f"bench: PyTorch is left out: {networks.PYTHON} has none (python3-torch, python3-torchvision)", flush=True)
        return None
    if "openblas" not in without:
        sides.fetch_openblas()
    return networks.PYTHON


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", default=networks.NAMES, help="torchvision names or ONNX files")
    parser.add_argument("--build", type=pathlib.Path, default=networks.ROOT / "build/release",
                        help="build folder with limn_bench")
    parser.add_argument("--out", type=pathlib.Path, default=networks.ROOT / "build/bench", help="folder of the results")
    parser.add_argument("--name", default="speed", help="of the results in their folder: NAME.json, NAME.md")
    parser.add_argument("--models", type=pathlib.Path, default=networks.ROOT / "build/bench-models",
                        help="folder of the exported networks")
    parser.add_argument("--batch", type=int, nargs="+", help="default 1 8 32, with --quick 1 8")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=7, help="most rounds of a cell; at least three are made")
    parser.add_argument("--seconds", type=float, help="rounds begin for so long in a cell (default 30, --quick 8)")
    parser.add_argument("--kernel-seconds", type=float, default=0.1, help="of each benchmark of an operator")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="what to measure (default: all)")
    parser.add_argument("--without", nargs="+", default=[], choices=["onnxruntime", "pytorch", "openblas"],
                        help="leave these out")
    parser.add_argument("--longest", type=float, help="works that take longer are left out (default 60 s, --quick 20)")
    parser.add_argument("--quick", action="store_true", help="leave out what no aim is stated for")
    parser.add_argument("--fresh", action="store_true", help="forget what was measured before")
    args = parser.parse_args()
    args.bench = args.build / "bin/limn_bench"
    args.batch = args.batch or ([1, 8] if args.quick else [1, 8, 32])
    args.longest = args.longest or (20 if args.quick else 60)
    args.seconds = args.seconds or (8 if args.quick else 30)
    listed = subprocess.run([args.build / "bin/limn", "methods", "--json"], capture_output=True, text=True, check=True)
    args.methods = {"forward", *(m for m in speed_table.METHODS if f'"{m}"' in listed.stdout)}
    args.precisions = whole_runs.offers(args.build / "bin/limn", "explain", "--precision")
    return args


def measure_cells(args, results, found):
    args.modules = None if "onnxruntime" in args.without else node_modules(networks.ROOT / "build/node")
    plan = [c for c in cells.cells(list(found), args.batch, args.threads, args.quick) if not results.has(c.key)]
    facts = {name: found[name].facts() for name in {c.network for c in plan}}
    good = True
    for cell in plan:
        good = run_cell(cell, found[cell.network], facts[cell.network], args, results) and good
        speed_table.write(results.data, args.out / f"{args.name}.md")
    return good


def main():
    args = arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / f"{args.name}.json"
    if args.fresh:
        path.unlink(missing_ok=True)
    results = Results(path)
    args.python = None if "pytorch" in args.without else pytorch_python(args.without)
    found = {n.name: n for n in networks.find(args.networks, args.models)}
    version = subprocess.run([args.build / "bin/limn", "version"], capture_output=True, text=True, check=True).stdout
    results.data["versions"]["limn"] = version.splitlines()[0].removeprefix("limn ")
    good = True
    if "runs" in args.parts:
        whole_runs.measure(args, results, found)
    if "kernels" in args.parts:
        kernel_rates.measure(args, results, found)
    if "cells" in args.parts:
        good = measure_cells(args, results, found)
    speed_table.write(results.data, args.out / f"{args.name}.md")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
