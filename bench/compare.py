#!/usr/bin/python3
"""limn against onnxruntime, as ratios measured side by side in one run.

Both programs stay loaded; rounds are interleaved, so that whatever else the machine does troubles both. Each figure
is a ratio of medians, with the spread of the ratio over the rounds. onnxruntime comes from npm
(npm install --ignore-scripts onnxruntime-node, in the folder that LIMN_NODE_MODULES names); without it limn is
compared with its own forward pass alone.

  bench/compare.py --bench build/release/bin/limn_bench MODEL.onnx [MODEL.onnx ...] [--batch 1 8] [--threads 2]
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
FOUR = "grad-cam,grad-cam++,guided-backprop,guided-grad-cam"


class Side:
    """A program that answers "WORK COUNT" with COUNT times in milliseconds."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ready = self.process.stdout.readline().strip() == "ready"

    def times(self, work, count):
        self.process.stdin.write(f"{work} {count}\n")
        self.process.stdin.flush()
        return [float(t) for t in self.process.stdout.readline().split()]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def measure(args, model, batch):
    works = ["forward", *args.works]
    limn = Side([str(args.bench), model, str(batch), str(args.threads), *works])
    if not limn.ready:
        raise SystemExit(f"{model}: limn_bench did not start")
    ort = Side(["node", str(HERE / "onnxruntime_side.mjs"), model, str(batch), str(args.threads)])
    sides = [(f"limn {w}", limn, w) for w in works] + ([("onnxruntime", ort, "forward")] if ort.ready else [])
    for _, side, work in sides:
        side.times(work, 3)  # warm-up
    rounds = {name: [] for name, _, _ in sides}
    for _ in range(args.rounds):
        for name, side, work in sides:
            time.sleep(0.1)  # the threads of the program before may still be spinning
            side.times(work, 1)
            rounds[name].append(statistics.median(side.times(work, args.repeat)))
    limn.close()
    ort.close()
    return rounds


def ratio(rounds, a, b):
    each = [x / y for x, y in zip(rounds[a], rounds[b])]
    return {"ratio": statistics.median(rounds[a]) / statistics.median(rounds[b]), "low": min(each), "high": max(each)}


def text(r):
    return f"{r['ratio']:.2f} [{r['low']:.2f} {r['high']:.2f}]" if r else "-"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--bench", type=pathlib.Path, required=True, help="the limn_bench program")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeat", type=int, default=5, help="runs per round")
    parser.add_argument("--works", nargs="*", default=["grad-cam", "guided-backprop", FOUR])
    parser.add_argument("--json", type=pathlib.Path, help="write every figure here")
    args = parser.parse_args()
    results = []
    header = ["model", "batch", "limn forward ms", "forward / onnxruntime", *(f"{w} / forward" for w in args.works)]
    print("| " + " | ".join(header) + " |\n|" + " --- |" * len(header))
    for model in args.models:
        for batch in args.batch:
            rounds = measure(args, model, batch)
            row = {"model": pathlib.Path(model).stem, "batch": batch, "rounds": rounds,
                   "forward": ratio(rounds, "limn forward", "onnxruntime") if "onnxruntime" in rounds else None}
            row |= {w: ratio(rounds, f"limn {w}", "limn forward") for w in args.works}
            results.append(row)
            print(f"| {row['model']} | {batch} | {statistics.median(rounds['limn forward']):.2f} | {text(row['forward'])} | "
                  + " | ".join(text(row[w]) for w in args.works) + " |", flush=True)
    if args.json:
        cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo", encoding="utf-8") if "model name" in l), "")
        args.json.write_text(json.dumps({"date": str(datetime.date.today()), "cpu": cpu, "cores": os.cpu_count(),
                                         "system": platform.platform(), "threads": args.threads, "results": results},
                                        indent=1))


if __name__ == "__main__":
    sys.exit(main())
