"""Figures of whole runs of the program: how long one explanation takes from a cold start, how much memory it needs, and
how fast an evaluation goes beside pure computing."""
import os
import pathlib
import statistics
import subprocess
import tempfile
import threading
import time

import numpy as np
import PIL.Image

import sides

MEGA = 1e6
PHOTOGRAPHS = {  # of the folder that LIMN_SHARED_DATA names: networks with their preprocessing
    "squeezenet1_0_imagenet": "--resize 256 --crop 227 --order rgb --range 255 --mean 123,117,104 --std 1",
    "mobilenetv2_imagenet": "--resize 256 --crop 224 --order rgb --range 1 --mean .5 --std .5",
}
LARGER = ["resnet50", "vgg16"]  # exported with random parameters: what is decoded and measured costs the same


def photograph(path):
    """A picture of a photograph's size, smooth with some noise, as JPEG."""
    y, x = np.mgrid[0:375, 0:500]
    waves = [128 + 80 * np.sin(x / (17 + 9 * c)) * np.cos(y / (23 + 5 * c)) for c in range(3)]
    noise = np.random.default_rng(1).normal(0, 8, (375, 500, 3))
    PIL.Image.fromarray(np.clip(np.stack(waves, 2) + noise, 0, 255).astype(np.uint8)).save(path, quality=90)
    return path


def run(command, cache=None):
    """Seconds from start to end, and the most bytes that were resident."""
    environment = dict(os.environ) | ({"XDG_CACHE_HOME": str(cache)} if cache else {})
    null = os.open(os.devnull, os.O_WRONLY)
    begun = time.perf_counter()
    child = os.posix_spawnp(command[0], [str(c) for c in command], environment,
                           file_actions=[(os.POSIX_SPAWN_DUP2, null, 1)])
    _, status, usage = os.wait4(child, 0)
    seconds = time.perf_counter() - begun
    os.close(null)
    if status:
        raise SystemExit(f"{' '.join(map(str, command))} failed")
    return seconds, 1024 * usage.ru_maxrss


def offers(limn, *words):
    """Whether `limn WORDS --help` mentions the last word."""
    done = subprocess.run([limn, *words[:-1], "--help"], capture_output=True, text=True, check=False)
    return done.returncode == 0 and words[-1] in done.stdout


def start_up(limn, model, rounds=20):
    """Milliseconds of `limn explain` on one photograph; without and with what an earlier run left in the cache."""
    times = {"first run": []} | ({"second run": []} if offers(limn, "cache") else {})
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        command = [str(limn), "explain", model, photograph(folder / "photo.jpg"), "--preset", "imagenet", "--out",
                   folder / "maps"]
        run(command, folder / "warm")  # the page cache
        for k in range(rounds):
            cache = folder / f"cache{k}"
            for which in times:
                times[which].append(1000 * run(command, cache)[0])
    return {"milliseconds": times}


def memory(limn, model):
    """Bytes beyond the weights at the peak of `limn explain --method grad-cam` on one photograph, by precision."""
    modes = ("exact", "fast") if offers(limn, "explain", "--precision") else (None,)
    beyond = {}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        picture = photograph(folder / "photo.jpg")
        for mode in modes:
            command = [str(limn), "explain", model, picture, "--batch", 1, "--preset", "imagenet", "--method", "grad-cam",
                       "--out", folder / "maps", *(("--precision", mode) if mode else ())]
            beyond[mode or "default"] = run(command, folder / "cache")[1] - model.stat().st_size
    return {"bytes beyond weights": beyond}


def compute_rate(bench, model, threads, batch=8):
    """Images a second of Grad-CAM by as many single-threaded programs at once, as `limn evaluate` computes."""
    programs = [sides.limn(bench, model, batch, 1, ["grad-cam"]) for _ in range(threads)]
    rates = []

    def work(program):
        program.times("grad-cam", 2)
        times = program.times("grad-cam", max(5, int(2000 / program.times("grad-cam", 1)[0])))
        rates.append(1000 * batch / statistics.median(times))

    workers = [threading.Thread(target=work, args=(p,)) for p in programs]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    for p in programs:
        p.close()
    return sum(rates)


def evaluation_rate(limn, model, flags, data, threads):
    """Images a second of `limn evaluate localization`, from runs over few and over all photographs: what starting and
    summing up take falls out."""
    few, all_of_them = 50, 250
    with tempfile.TemporaryDirectory() as name:
        def seconds(limit):
            command = [str(limn), "evaluate", "localization", "--model", model, "--dataset", "ilsvrc", "--root",
                       data / "ilsvrc-val-250", "--limit", limit, "--threads", threads, "--batch", 8, "--out",
                       pathlib.Path(name) / str(limit), *flags.split()]
            return run(command, pathlib.Path(name) / "cache")[0]
        seconds(8)
        return (all_of_them - few) / (seconds(all_of_them) - seconds(few))


def evaluation(limn, bench, data, model, flags, threads, rounds):
    series = {"evaluate": [], "compute": []}
    for _ in range(rounds):
        series["compute"].append(compute_rate(bench, model, threads))
        series["evaluate"].append(evaluation_rate(limn, model, flags, data, threads))
    return {"images a second": series}


def measure(args, results, models):
    """Adds what is missing. `models` are the exported networks by name."""
    limn, bench = args.build / "bin/limn", args.bench
    data = pathlib.Path(os.environ.get("LIMN_SHARED_DATA", pathlib.Path(__file__).resolve().parents[2] / "shared/data"))
    plan = {}
    if "squeezenet1_0" in models:
        plan["start/squeezenet1_0"] = lambda: start_up(limn, models["squeezenet1_0"].path)
    if "vgg16" in models:
        plan["memory/vgg16"] = lambda: memory(limn, models["vgg16"].path)
    rounds = 2 if args.quick else 3
    evaluated = {name: (data / f"models/{name}.onnx", flags) for name, flags in PHOTOGRAPHS.items()}
    evaluated |= {name: (models[name].path, "--preset imagenet") for name in LARGER if name in models}
    for name, (model, flags) in evaluated.items():
        for threads in [max(args.threads)] if args.quick else args.threads:
            plan[f"evaluate/{name}/threads {threads}"] = (
                lambda model=model, flags=flags, threads=threads:
                evaluation(limn, bench, data, model, flags, threads, rounds))
    if not (data / "ilsvrc-val-250").exists():
        print("bench: evaluations are left out: LIMN_SHARED_DATA names no folder with photographs", flush=True)
        plan = {k: v for k, v in plan.items() if not k.startswith("evaluate")}
    for key, work in plan.items():
        if not results.has(key):
            begun = time.monotonic()
            results.add(key, work())
            print(f"{key} ({time.monotonic() - begun:.0f} s)", flush=True)


def verdict(value, aim, at_least=False):
    met = value >= aim if at_least else value <= aim
    return "yes" if met else "no"


def rows(data):
    """Rows of the table of aims: figure, aim, met, value, spread."""
    for key, cell in sorted(data["cells"].items()):
        if key == "start/squeezenet1_0":
            for which, times in cell["milliseconds"].items():
                aim, value = (80, 50)[which == "second run"], statistics.median(times)
                yield (f"`limn explain`, SqueezeNet 1.0, whole process, {which}", f"<= {aim} ms", verdict(value, aim),
                       f"{value:.0f} ms", f"{min(times):.0f} to {max(times):.0f} ms")
        elif key == "memory/vgg16":
            for mode, value in cell["bytes beyond weights"].items():
                aim = 260 if mode == "fast" else 80
                yield (f"peak memory beyond the weights, VGG-16 Grad-CAM, {mode} precision", f"<= {aim} MB",
                       verdict(value / MEGA, aim), f"{value / MEGA:.0f} MB", "")
        elif key.startswith("evaluate/"):
            both = cell["images a second"]
            each = [a / b for a, b in zip(both["evaluate"], both["compute"])]
            value = statistics.median(each)
            yield (f"`limn evaluate localization` / pure computing, {key.split('/', 1)[1].replace('/', ', ')}", ">= 0.9",
                   verdict(value, 0.9, True), f"{value:.2f}",
                   f"{min(each):.2f} to {max(each):.2f}; {statistics.median(both['evaluate']):.0f} images a second")
