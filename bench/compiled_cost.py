#!/usr/bin/python3
"""What an explanation costs in a compiled file: its time over the model's own, in one onnxruntime process.

Both sessions stay loaded and runs are interleaved. A figure is the ratio of the fastest runs, then that of the medians,
then that of the least processor time, which does not count waiting: on a machine that others use, a long run is
interrupted more often than a short one. The growth of the file stands behind them. Needs npm's onnxruntime-node (npm
install --ignore-scripts onnxruntime-node, in the folder that LIMN_NODE_MODULES names). On a graphics processor
(--provider webgpu, which needs a Vulkan driver) processor time says nothing.

  bench/compiled_cost.py --limn build/release/bin/limn MODEL.onnx [MODEL.onnx ...] [--batch 1 8] [--threads 2]
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent


def compiled(limn, model, method, folder):
    """The compiled file, or why there is none."""
    out = folder / f"{method}.onnx"
    done = subprocess.run([limn, "compile", model, "--method", method, "-o", out], capture_output=True, text=True,
                          check=False)
    return (out, None) if done.returncode == 0 else (None, done.stderr.strip().splitlines()[0])


def times(batch, args, models):
    done = subprocess.run(["node", HERE / "compiled_cost.mjs", str(batch), str(args.threads), str(args.rounds),
                           args.provider, *models],
                          capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def ratio(two):
    explained, plain = two
    return explained / plain


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=pathlib.Path)
    parser.add_argument("--limn", type=pathlib.Path, required=True)
    parser.add_argument("--methods", nargs="+", default=["grad-cam", "guided-backprop"])
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--provider", default="cpu", help="onnxruntime's execution provider: cpu, webgpu")
    args = parser.parse_args()
    print(f"{'':20}{'':18}{'batch':>6}{'model, ms':>11}{'ratio':>8}{'medians':>9}{'processor':>11}"
          f"{'file':>10}")
    for model in args.models:
        with tempfile.TemporaryDirectory() as temporary:
            for method in args.methods:
                path, why = compiled(args.limn, model, method, pathlib.Path(temporary))
                if path is None:
                    print(f"{model.stem:20}{method:18}{why}")
                    continue
                growth = 100 * (path.stat().st_size / model.stat().st_size - 1)
                for batch in args.batch:
                    plain, explained = times(batch, args, [model, path])
                    clock = [t["clock"] for t in (explained, plain)]
                    processor = [min(t["processor"]) for t in (explained, plain)]
                    print(f"{model.stem:20}{method:18}{batch:6}{min(clock[1]):11.1f}{ratio(map(min, clock)):8.2f}"
                          f"{ratio(map(statistics.median, clock)):9.2f}{ratio(processor):11.2f}{growth:+9.2f}%",
                          flush=True)


if __name__ == "__main__":
    main()
