"""Runs limn_bench_kernels and reads what it found: rates of operators beside the machine's peaks."""
import json
import pathlib
import subprocess
import tempfile
import time

from networks import TITLES

SHARES = ["resnet50", "vgg16", "densenet121", "googlenet"]  # networks whose convolutions are to run at the peak
AIM = 85  # percent


def run(program, threads, models, seconds):
    """The benchmarks by name: milliseconds, GFLOP/s, GB/s, multiply_adds, times, kernel."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "kernels.json"
        command = [program, threads, 1, *models, f"--benchmark_min_time={seconds}", f"--benchmark_out={path}"]
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{program} failed: {done.stderr.strip()}")
        found = {}
        for b in json.loads(path.read_text(encoding="utf-8"))["benchmarks"]:
            name = b["name"].removesuffix("/manual_time").removesuffix("/iterations:1")
            found[name] = {k: b[k] for k in ("GFLOP/s", "GB/s", "multiply_adds", "times") if k in b}
            found[name] |= {"milliseconds": b.get("fastest", b["real_time"]), "kernel": b.get("label", "")}
        return found


def peak(found, name, unit):
    return max(r[unit] for key, r in found.items() if key.startswith(f"peak/{name}"))


def share(found, network, direction):
    """Of the convolutions of a network that are computed directly: percent of the peak of multiplications, the mean
    weighted by multiplications; that of their total time; how many kinds and how many there are; and how many more take
    Winograd's transform, which multiplies less. None where there are none."""
    fma = peak(found, "fma", "GFLOP/s")
    rows = [r for name, r in found.items() if name.startswith(f"{network}/") and name.endswith(direction)]
    direct = [r for r in rows if "wino" not in r.get("kernel", "")]
    if not direct:
        return None
    work = [r["times"] * r["multiply_adds"] for r in direct]
    mean = sum(w * r["GFLOP/s"] for w, r in zip(work, direct)) / sum(work)
    total = sum(work) / sum(w / r["GFLOP/s"] for w, r in zip(work, direct))
    number = sum(int(r["times"]) for r in direct)
    return 100 * mean / fma, 100 * total / fma, len(direct), number, sum(int(r["times"]) for r in rows) - number


def measure(args, results, models):
    """Adds what is missing, for every number of threads."""
    for threads in args.threads:
        key = f"kernels/threads {threads}"
        if not results.has(key):
            begun = time.monotonic()
            paths = [models[n].path for n in SHARES if n in models]
            results.add(key, {"benchmarks": run(args.build / "bin/limn_bench_kernels", threads, paths, args.kernel_seconds)})
            print(f"{key} ({time.monotonic() - begun:.0f} s)", flush=True)


def found_by_threads(data):
    for key, cell in sorted(data["cells"].items()):
        if key.startswith("kernels/"):
            yield int(key.split()[-1]), cell["benchmarks"]


def rows(data):
    """Rows of the table of aims."""
    for threads, found in found_by_threads(data):
        shares = {(n, d): share(found, n, d) for n in SHARES for d in ("forward", "gradient")}
        shares = {k: v[0] for k, v in shares.items() if v}
        if shares:
            worst = min(shares, key=shares.get)
            met = sum(v >= AIM for v in shares.values())
            yield (f"share of the measured peak of multiplications in convolutions of stride 1, {threads} threads",
                   f">= {AIM} %", f"{met} of {len(shares)}", f"{sum(shares.values()) / len(shares):.0f} %",
                   f"{shares[worst]:.0f} %: {worst[0]}, {worst[1]}")


def share_text(c):
    if not c:
        return "all by Winograd's transform"
    text = f"{c[0]:.0f} / {c[1]:.0f}"
    return (f"**{text}**" if c[0] < AIM else text) + f" of {c[3]}" + (f"; {c[4]} by Winograd's transform" if c[4] else "")


def of_triad(found, r):
    in_cache = r["GB/s"] * r["milliseconds"] * 1e6 < 16 << 20
    most = peak(found, f"triad of {4 if in_cache else 128} MiB", "GB/s")
    return f"{100 * r['GB/s'] / most:.0f} %{' (cache)' if in_cache else ''}"


def section(data):
    """Peaks, shares and operators as Markdown."""
    out = ""
    for threads, found in found_by_threads(data):
        fma = peak(found, "fma", "GFLOP/s")
        out += (f"## Operators, {threads} thread{'s' * (threads > 1)}\n\nMeasured in the same run: {fma:.0f} GFLOP/s of fused "
                "multiply-add; from memory / from the cache, read {:.0f} / {:.0f}, copy {:.0f} / {:.0f}, triad {:.0f} / {:.0f} "
                "GB/s.\n\n".format(*(peak(found, f"{s} of {m} MiB", "GB/s") for s in ("read", "copy", "triad")
                                     for m in (128, 4))))
        lines = []
        for network in SHARES:
            row = [share(found, network, d) for d in ("forward", "gradient")]
            if any(row):
                lines.append(f"| {TITLES[network]} | " + " | ".join(share_text(c) for c in row) + " |")
        if lines:
            out += ("Convolutions of one group, stride 1 and at least 64 channels before and after, batch 1, as far as they are "
                    "computed directly: percent of that peak, mean weighted by multiplications "
                    f"(aim: {AIM}) / of their total time, and how many these are. Multiplications with padding count, as usual.\n\n"
                    "| network | forward | input gradient |\n| --- | --- | --- |\n" + "\n".join(lines) + "\n\n")
        out += ("Rates are of the fastest run. Bytes are those of inputs, outputs and constants, compared with triad from memory, "
                "or from the cache where they fit one of 16 MiB.\n\n"
                "| operator | size | ms | GFLOP/s | of the peak | GB/s | of triad | kernel |\n"
                "| --- | --- | --- | --- | --- | --- | --- | --- |\n")
        for name, r in found.items():
            if name.startswith("operator/"):
                op, size, direction = name.removeprefix("operator/").rsplit("/", 2)
                flops = r.get("GFLOP/s")
                out += (f"| {op}{', gradient' if direction == 'gradient' else ''} | {size} | {r['milliseconds']:.3f} | "
                        + (f"{flops:.0f} | {100 * flops / fma:.0f} %" if flops else " | ")
                        + f" | {r['GB/s']:.0f} | {of_triad(found, r)} | {r.get('kernel', '')} |\n")
        out += "\n"
    return out

