#!/usr/bin/python3
"""Checks limn against PyTorch on torchvision's classifiers and writes the table of docs/reference/torchvision.md.

  tools/torchvision_table.py --build build/release parity [NAME...]
  tools/torchvision_table.py --build build/release speed [NAME...]
  tools/torchvision_table.py write

`parity` exports each architecture with random parameters and buffers and compares logits, input gradient and Grad-CAM
(tests/parity/architecture.py); `speed` times forward passes of limn and of PyTorch in alternating rounds. Both add to
docs/reference/torchvision.json, architecture by architecture, and leave alone what it has. Without names: all of torchvision's
classifiers. Needs Debian's python3-torch, python3-torchvision and python3-onnx, a build with benchmarks and tests, and
for the largest networks 20 GB of memory.
"""
import argparse
import collections
import datetime
import json
import pathlib
import statistics
import sys
import tempfile
import time
import traceback

SOURCE = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(SOURCE / "tests/parity"), str(SOURCE / "bench")]
import sides  # noqa: E402
sides.use_blas()
import torch  # noqa: E402
import torchvision  # noqa: E402
from architecture import check, judged  # noqa: E402
import export_torchvision  # noqa: E402

NOT_EXPORTED = {"swin_v2_b", "swin_v2_s", "swin_v2_t"}


def architectures():
    return torchvision.models.list_models(module=torchvision.models)


class Results:
    def __init__(self, path):
        self.path = path
        self.rows = json.loads(path.read_text()) if path.exists() else {}

    def add(self, name, entries):
        self.rows.setdefault(name, {}).update(entries)
        self.path.write_text(json.dumps(self.rows, indent=1))


def parity(results, build, names):
    for name in names:
        if "logits" in results.rows.get(name, {}) or name in NOT_EXPORTED:
            continue
        start = time.monotonic()
        try:
            with tempfile.TemporaryDirectory() as folder:
                found = check(name, build, pathlib.Path(folder))
            found["wrong"] = judged(found)
            found["date"] = str(datetime.date.today())
            results.add(name, found)
        except Exception as e:  # one that fails must not cost the others
            traceback.print_exc()
            results.add(name, {"name": name, "error": str(e)})
            found = {"wrong": [str(e)]}
        print(f"{name}: {found['wrong'] or 'ok'}, {time.monotonic() - start:.0f} s", flush=True)


def pace(build, network, path, size, rounds, threads):
    """Milliseconds of one image by limn, and its time in parts of PyTorch's: medians of alternating rounds."""
    x = torch.randn(1, 3, size, size)

    def pytorch(count):
        times = []
        with torch.no_grad():
            for _ in range(count):
                start = time.perf_counter()
                network(x)
                times.append(1000 * (time.perf_counter() - start))
        return times

    with sides.limn(build / "bin/limn_bench", path, 1, threads, ["forward"]) as limn:
        slow = max(*limn.times("forward", 1), *pytorch(1)) > 3000  # warm-up
        ours, theirs = [], []
        for _ in range(min(rounds, 3) if slow else rounds):
            ours.append(min(limn.times("forward", 1 if slow else 2)))
            theirs.append(min(pytorch(1 if slow else 2)))
    return statistics.median(ours), statistics.median(a / b for a, b in zip(ours, theirs))


def speed(results, build, names, rounds, threads, minutes):
    """The smallest networks first, as far as the time goes."""
    begun = time.monotonic()
    torch.set_num_threads(threads)
    for name in sorted(names, key=lambda n: results.rows.get(n, {}).get("multiply_adds", float("inf"))):
        if "speed" in results.rows.get(name, {}) or name in NOT_EXPORTED:
            continue
        if time.monotonic() - begun > 60 * minutes:
            print(f"{name}: no time left; the same command goes on")
            return
        try:
            with tempfile.TemporaryDirectory() as folder:
                path = pathlib.Path(folder) / f"{name}.onnx"
                network = export_torchvision.export(name, path, 1, False, 13)
                milliseconds, ratio = pace(build, network, path, export_torchvision.input_size(name), rounds, threads)
        except Exception:  # one that fails must not cost the others
            traceback.print_exc()
            continue
        results.add(name, {"speed": ratio, "milliseconds": milliseconds, "blas": sides.blas_name()})
        print(f"{name}: limn {milliseconds:.1f} ms, {ratio:.2f} of PyTorch's time", flush=True)


def number(value):
    return "" if value is None else f"{value:.1e}"


def row(name, r):
    if name in NOT_EXPORTED:
        return f"| {name} | | | | | | | | | Debian's PyTorch cannot export it |"
    if "logits" not in r:
        return f"| {name} | | | | | | | | | {r.get('error', 'not run')} |"
    shape = "x".join(str(d) for d in (r["layer_shape"] or [])[1:])
    pace = f"{r['speed']:.2f}" if "speed" in r else ""
    return (f"| {name} | {r['parameters'] / 1e6:.1f} | {r['multiply_adds'] / 1e9:.2f} | {shape} | {number(r['logits'])} / "
            f"{number(r['logits_torch'])} | {number(r.get('reference'))} | {number(r.get('switched'))} | {number(r['gradient'])} / "
            f"{number(r['gradient_torch'])} | {number(r['cam'])} / {number(r['cam_torch'])}{'' if r.get('signed_cam') else ' *'} | "
            f"{pace}{' ' + '; '.join(r['wrong']) if r.get('wrong') else ''} |")


HEADING = """# torchvision's classifiers, against PyTorch

Written by `tools/torchvision_table.py`, with PyTorch {torch} and torchvision {torchvision} of Debian 12.
Every parameter and buffer of every network was drawn at random; inputs are random, too.
Of {total} architectures {measured} were measured ({dates}), and {passed} of those meet all statements.

| Column | What it says |
| --- | --- |
| M par., G mul. | parameters in millions; multiplications with addition of one image, in 10^9 |
| layer | what `auto` picks, as [K, h, w], [h, w, K] or [tokens, K] |
| logits | largest difference of limn (float) from torchvision's own module in double / of that module in float, in parts of the largest logit |
| (a) | double-precision reference of input gradient and Grad-CAM against PyTorch in double, in parts of the largest value; empty where it would take too long (2.5 G multiplications; the environment variable LIMN_PARITY_DOUBLE_LIMIT sets another limit) |
| (b) | native input gradient and layer gradient against double with the native run's own rectifier masks and pool indices, relative L2 |
| (c) gradient | native input gradient against PyTorch in double / PyTorch in float against PyTorch in double, relative L2, median over the images |
| (c) Grad-CAM | the same for Grad-CAM before its rectifier (* behind it, in parts of the maximum), largest difference in parts of the largest value |
| time | forward pass of one image, limn's time in parts of PyTorch's, two threads, median of alternating rounds{blas} |

Gradients of random networks with rectifiers and max-pooling differ between any two float implementations wherever a
value lies next to a kink; column (c) says how much they do so within PyTorch itself, and (b) how much is left when
both take the same branches.

| architecture | M par. | G mul. | layer | logits | (a) | (b) | (c) gradient | (c) Grad-CAM | time |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
"""


def write(results, path):
    rows = results.rows
    blas = sorted({r["blas"] for r in rows.values() if "blas" in r})
    passed = sum("logits" in r and not r["wrong"] for r in rows.values())
    days = collections.Counter(r["date"] for r in rows.values() if "date" in r)
    text = HEADING.format(dates=", ".join(f"{days[day]} on {day}" for day in sorted(days)), torch=torch.__version__,
                          torchvision=torchvision.__version__,
                          blas=f"; PyTorch multiplies matrices with {' or '.join(blas)}" if blas else "",
                          passed=passed, measured=len(rows), total=len(architectures()))
    done = [n for n in architectures() if n in rows or n in NOT_EXPORTED]
    left = [n for n in architectures() if n not in done]
    text += "\n".join(row(n, rows.get(n, {})) for n in done) + "\n"
    if left:
        text += "\nNot measured yet: " + ", ".join(left) + ".\n"
    path.write_text(text)
    print(f"{path}: {passed} of {len(architectures())}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("what", choices=["parity", "speed", "write"])
    parser.add_argument("names", nargs="*", help="torchvision model names (default: all classifiers)")
    parser.add_argument("--build", type=pathlib.Path, help="build folder with limn, limn_parity and limn_bench")
    parser.add_argument("--results", type=pathlib.Path, default=SOURCE / "docs/reference/torchvision.json",
                        help="JSON file that collects measurements")
    parser.add_argument("--out", type=pathlib.Path, default=SOURCE / "docs/reference/torchvision.md")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="of `speed`: begin no other network after that")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    results = Results(options.results)
    names = options.names or architectures()
    torch.set_num_threads(options.threads)
    if options.what == "parity":
        parity(results, options.build, names)
    elif options.what == "speed":
        speed(results, options.build, names, options.rounds, options.threads, options.minutes)
    else:
        write(results, options.out)


if __name__ == "__main__":
    main()
