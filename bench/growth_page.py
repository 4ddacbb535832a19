"""The page of growth, written from the results: curves, tables, where they bend, and what follows for large machines."""
import math
import statistics

import schedule
from chart import chart
from networks import TITLES

MIB = 1 << 20
AXES = {"batch": ("images of a batch", "Grows with the batch"), "size": ("pixels a side", "Grows with the image"),
        "classes": ("classes explained", "Grows with the classes"), "images": ("images", "Grows with the images")}


def series_of(data, axis):
    """{(network, work): [(x, milliseconds, bytes)]}"""
    found = {}
    for key, cell in data["cells"].items():
        kind, network, work, *x = key.split("/")[:4] if key.count("/") == 3 else (key, "", "")
        if kind == axis:
            found.setdefault((network, work), []).append((int(x[0]), statistics.median(cell["milliseconds"]), cell["bytes"]))
    return {k: sorted(v) for k, v in sorted(found.items())}


def exponents(points):
    """d log y / d log x from each point to the next."""
    return [math.log(b[1] / a[1]) / math.log(b[0] / a[0]) for a, b in zip(points, points[1:])]


def bend(points):
    """Where the exponent changes most, in words."""
    e = exponents(points)
    if len(e) < 2:
        return "too few points"
    k = max(range(1, len(e)), key=lambda i: abs(e[i] - e[i - 1]))
    if abs(e[k] - e[k - 1]) < 0.1:
        return f"none: exponents from {min(e):.2f} to {max(e):.2f}"
    return f"at {points[k][0]}: exponent {e[k - 1]:.2f} before, {e[k]:.2f} after"


def name_of(network, work):
    return f"{TITLES.get(network, network)}, {work}"


def section(data, axis, folder):
    found = series_of(data, axis)
    if not found:
        return ""
    label, title = AXES[axis]
    for what, column, unit in (("time", 1, "milliseconds"), ("memory", 2, "MiB at the peak")):
        curves = {name_of(*k): [(p[0], p[column] / (MIB if column == 2 else 1)) for p in v] for k, v in found.items()}
        (folder / f"growth-{axis}-{what}.svg").write_text(chart(f"{title}: {what}", label, unit, curves), encoding="utf-8")
    lines = [f"![Time against {label}](../images/growth-{axis}-time.svg)",
             f"![Memory against {label}](../images/growth-{axis}-memory.svg)", "", f"| network, work | {label} | ms | ms for each | MiB | time bends | memory bends |",
             "| --- | --- | --- | --- | --- | --- | --- |"]
    for key, points in found.items():
        for k, (x, ms, size) in enumerate(points):
            bends = f"{bend(points)} | {bend([(p[0], p[2]) for p in points])}" if k == 0 else " | "
            each = ms / x if axis != "size" else ms / (x / 224) ** 2
            lines.append(f"| {name_of(*key) if k == 0 else ''} | {x} | {ms:.1f} | {each:.2f} | {size / MIB:.0f} | {bends} |")
    return "\n".join(lines) + "\n\n"


def block_times(data):
    """Seconds of every block up to its result, and those that writing its rows takes."""
    blocks = data["cells"].get("schedule/blocks", {"blocks": []})["blocks"]
    return [sum(b[:3]) for b in blocks], statistics.fmean(b[3] for b in blocks) if blocks else 0.0


def check_rows(data, services, write):
    """(what, measured seconds, simulated seconds): the same blocks in the same order; starting up is what the runs over
    fewer images leave when the time for each image is taken off."""
    start = start_seconds(data, "threads 1")
    rows = []
    for (_, work), points in series_of(data, "images").items():
        threads = int(work.split()[1])
        rows.append((f"one process, {work}", points[-1][1] / 1000, schedule.simulate(services, threads, write, start)))
    cell = data["cells"].get("schedule/processes")
    if cell:
        rows.append(("two processes under mpirun, a thread each", cell["milliseconds"][0] / 1000,
                     schedule.simulate(services, 2, write, start, schedule.POLL, schedule.random.Random(1))))
    return rows


def start_seconds(data, series):
    """Where the line through the times over images meets zero images."""
    points = series_of(data, "images").get(("squeezenet1_0_imagenet", series), [])
    if len(points) < 2:
        return 0.0
    slope, cut = statistics.linear_regression([p[0] for p in points], [p[1] / 1000 for p in points])
    return max(cut, 0.0)


def schedule_section(data):
    services, write = block_times(data)
    if not services:
        return ""
    parts = [sum(p[k] for p in data["cells"]["schedule/blocks"]["blocks"]) for k in range(3)]
    start = start_seconds(data, "threads 1")
    out = "| run | measured, s | simulated, s | measured / simulated |\n| --- | --- | --- | --- |\n"
    for what, measured, simulated in check_rows(data, services, write):
        out += f"| {what} | {measured:.1f} | {simulated:.1f} | {measured / simulated:.2f} |\n"
    out += ("\nA block of 8 photographs takes {:.0f} ms at the median, {:.0f} to {:.0f} ms; ".format(
                1000 * statistics.median(services), 1000 * min(services), 1000 * max(services))
            + "{:.0f} % of it decodes, {:.0f} % computes, {:.0f} % measures. ".format(*(100 * p / sum(parts) for p in parts))
            + f"One thread writes its rows in {1000 * write:.2f} ms, which keeps up with "
            f"{statistics.fmean(services) / write:.0f} cores. Starting up takes {start:.1f} s.\n\n")
    rows = schedule.table(services, write, start)
    out += ("| cores | 250 images | 5,000 images | 50,000 images |\n| --- | --- | --- | --- |\n")
    for workers, *cells in rows:
        texts = [f"{one:.1f} ({100 * one / workers:.0f} %)" for one, _, _ in cells]
        if workers > 64:
            texts = [f"{t}, by shards {many:.1f} ({100 * many / workers:.0f} %)" for t, (_, many, _) in zip(texts, cells)]
        out += f"| {workers} | " + " | ".join(texts) + " |\n"
    return out + "\n"


PAGE = """# How time and memory grow

Written by `bench/growth.py` on {date}; {cpu}, {cores} cores. Networks with random parameters, {threads} threads; every point is
a process of its own, so that memory is that of the whole process, weights included. Both axes of the curves are
logarithmic; the exponent is their slope: 1 is proportional, below 1 the next one is cheaper.

## Batch

{batch}What falls with the batch is what is done once for all its images: starting threads, and reading weights that do not fit the
cache. Memory is the program and the weights, which stay as they are, and the activations. Where layers of large images run image by
image, each thread has those of one image, whatever the batch; what a backward pass asks of the forward pass, and what layers
of many weights make, grows with the batch: the curve bends where that outweighs the rest.

## Image size

{size}Milliseconds for each are per 224 x 224 pixels. A convolution's work is proportional to the pixels, so the exponent over the
side tends to 2; it is below while the weights cost more than the maps, and above where maps leave the cache.

## Classes

{classes}All classes share the forward pass. Grad-CAM goes back from the score to the last layer only, so that another class costs
little beside it; a gradient at the pixels goes all the way back for each class, and its exponent tends to 1.

## Images

{images}After starting up, time is proportional to the images: blocks are independent. Memory does not grow with the images,
for rows are written block by block.

## Many cores, many sockets

The plan for a machine with 64 cores, or several sockets, or several machines:

- One process per socket, `numactl --cpunodebind=N --membind=N limn evaluate ... --threads CORES`, so that weights and
  activations lie in the memory next to the cores; under `mpirun --map-by socket --bind-to socket` the processes share the
  blocks as they become free, and write one run.
- Within a process one thread per block, not many threads per image: no thread waits for another within a network.
- `--shard I/N` and `limn merge` for machines that do not see each other.

How well blocks fill so many cores was simulated (`bench/schedule.py`) with the rules by which they are handed out and the
block times measured here, and the simulation compared with runs on this machine:

{schedule}Speed-up over one core, and in brackets its share of the cores. What is lost is starting up, which every core waits for; the
tail, when the last blocks run and other cores have nothing left; and, where blocks are done faster than one thread writes their
rows, writing. The first two are the same seconds whatever the number of images, so that large machines pay with many
images; with fewer than some ten blocks for each core, a smaller `--batch` makes the tail shorter. Shards write each for
themselves, but one that is done does not help the others. Not in the simulation: cores of one socket share its memory
bandwidth, and a network of which all cores together read more than that runs slower than these figures say.
"""


def write(data, docs):
    dates = sorted({c["date"] for c in data["cells"].values()}) or ["(nothing measured)"]
    images = docs / "images"
    text = PAGE.format(date=dates[-1], cpu=data["machine"]["cpu"], cores=data["machine"]["cores"], threads=2,
                       schedule=schedule_section(data),
                       **{axis: section(data, axis, images) for axis in AXES})
    (docs / "explanation/growth.md").write_text(text, encoding="utf-8")
