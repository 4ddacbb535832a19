"""The page of measured speed, written from the results: every aim with every cell, met or missed."""
import datetime
import math
import statistics

import kernel_rates
import whole_runs
from networks import NAMES, TITLES
from results import ratio

METHODS = ["grad-cam", "guided-backprop", "gradient", "integrated-gradients"]
DOMINATED = 0.5  # share of the multiplications in 3x3 convolutions of stride 1 from which they dominate


class Figure:
    """A ratio of two series of a cell, of several in `b` the first that is there. `aim` is a function of (network, batch,
    share of 3x3), None where none is stated."""

    def __init__(self, title, a, b, aim, factor=1.0, where=lambda cell: True):
        self.title, self.a, self.b, self.aim, self.factor, self.where = title, a, b, aim, factor, where

    def value(self, cell):
        if not self.where(cell):
            return None
        choice = (self.b,) if isinstance(self.b, str) else self.b
        return ratio(cell["rounds"], self.a, next((b for b in choice if b in cell["rounds"]), ""), self.factor)


def by_kind(vgg, dominated, other):
    def aim(network, batch, share):
        if batch > 8:
            return None
        return vgg if network == "vgg16" else dominated if share >= DOMINATED else other
    return aim


def gradient_aim(network, batch, share):
    return 2.7 if network == "squeezenet1_0" else 2.2


def five_aim(network, batch, share):
    return 1.3 if network == "vgg16" and batch == 1 else 1.1


def always(value):
    return lambda network, batch, share: value


def with_rectifiers(cell):
    return cell["facts"]["rectifiers"]


def without(cell):
    return not cell["facts"]["rectifiers"]


EXACT = ("limn exact:forward", "limn forward")  # a build that knows one precision is exact

FIGURES = [
    Figure("limn forward / onnxruntime forward", "limn forward", "onnxruntime forward", by_kind(0.6, 0.95, 1.05)),
    Figure("limn Grad-CAM / onnxruntime forward", "limn grad-cam", "onnxruntime forward", by_kind(0.7, 1.0, 1.05)),
    Figure("limn Grad-CAM of five classes / own forward", "limn grad-cam*5", "limn forward", five_aim),
    Figure("limn Grad-CAM / PyTorch's by hooks and loss.backward()", "limn grad-cam", "pytorch grad-cam/backward",
           always(0.15)),
    Figure("limn Grad-CAM / PyTorch's by autograd.grad to the layer", "limn grad-cam", "pytorch grad-cam/autograd",
           always(0.5)),
    Figure("limn guided backpropagation / own forward, exact precision", "limn guided-backprop", EXACT, gradient_aim,
           where=with_rectifiers),
    Figure("limn guided backpropagation / own forward, fast precision", "limn fast:guided-backprop", "limn forward",
           gradient_aim, where=with_rectifiers),
    Figure("limn input gradient / own forward, exact precision (networks without rectifiers)", "limn gradient", EXACT,
           gradient_aim, where=without),
    Figure("limn input gradient / own forward, fast precision (networks without rectifiers)", "limn fast:gradient",
           "limn forward", gradient_aim, where=without),
    Figure("limn guided backpropagation / PyTorch's by loss.backward()", "limn guided-backprop",
           "pytorch guided-backprop/backward", always(0.35)),
    Figure("limn guided backpropagation / PyTorch's by autograd.grad", "limn guided-backprop",
           "pytorch guided-backprop/autograd", always(0.6)),
    Figure("limn integrated gradients of 50 steps / 50 x own gradient", "limn integrated-gradients", "limn gradient",
           always(1.0), factor=50),
    Figure("limn integrated gradients / PyTorch's", "limn integrated-gradients", "pytorch integrated-gradients",
           always(None)),
]
BUSY = 2.5  # how much worse a figure may be beside a busy process


def text(r, aim):
    if r is None:
        return ""
    spread = f"{r['median']:.2f} [{r['low']:.2f} {r['high']:.2f}]"
    return f"**{spread}**" if aim is not None and r["median"] > aim else spread


def summary(rounds):
    parts = [f"{name} {statistics.median(v):.1f} ms" for name, v in rounds.items() if v]
    return ", ".join(parts)


def parse(key):
    network, batch, threads, *busy = key.split("/")
    return network, int(batch.split()[1]), int(threads.split()[1]), bool(busy)


def order(network):
    return (NAMES.index(network) if network in NAMES else len(NAMES), network)


class Page:
    def __init__(self, data):
        self.cells = {parse(k): v for k, v in data["cells"].items() if "rounds" in v}
        self.networks = sorted({k[0] for k in self.cells}, key=order)

    def columns(self, busy):
        return sorted({(k[1], k[2]) for k in self.cells if k[3] == busy})

    def judged(self, figure, busy=False):
        """[(key, ratio, aim)] of the cells that have the figure."""
        found = []
        for key, cell in sorted(self.cells.items(), key=lambda item: (order(item[0][0]), item[0])):
            r = figure.value(cell) if key[3] == busy else None
            if r is not None:
                found.append((key, r, figure.aim(key[0], key[1], cell["facts"]["three_by_three"])))
        return found

    def table(self, figure):
        found = {(key[0], key[1], key[2]): (r, aim) for key, r, aim in self.judged(figure)}
        columns = [c for c in self.columns(False) if any((n, *c) in found for n in self.networks)]
        if not found:
            return ""
        lines = ["| network | aim | " + " | ".join(f"batch {b}, {t} thread{'s' * (t > 1)}" for b, t in columns) + " |",
                 "| --- |" + " --- |" * (len(columns) + 1)]
        for network in self.networks:
            row = [found.get((network, *c)) for c in columns]
            if not any(row):
                continue
            aims = sorted({entry[1] for entry in row if entry and entry[1] is not None})
            lines.append(f"| {TITLES.get(network, network)} | " + (" / ".join(f"{a:g}" for a in aims) or "-") + " | "
                         + " | ".join(text(*entry) if entry else "" for entry in row) + " |")
        return f"## {figure.title}\n\n" + "\n".join(lines) + "\n\n"

    def busy_rows(self):
        """[(figure, key, idle, busy)]: what a figure grows to beside a busy process."""
        rows = []
        for figure in FIGURES[:5]:
            for key, r, _ in self.judged(figure, busy=True):
                idle = self.cells.get((*key[:3], False))
                idle = figure.value(idle) if idle else None
                if idle is not None:
                    rows.append((figure, key, idle["median"], r["median"]))
        return rows

    def summary_rows(self):
        for figure in FIGURES:
            found = [(r["median"], aim, key) for key, r, aim in self.judged(figure) if aim is not None]
            if found:
                met = sum(value <= aim for value, aim, _ in found)
                value, aim, key = max(found, key=lambda f: f[0] / f[1])
                aims = " / ".join(f"{a:g}" for a in sorted({a for _, a, _ in found}))
                worst = f"{value:.2f} of {aim:g}: {TITLES.get(key[0], key[0])}, batch {key[1]}, threads {key[2]}"
                yield figure.title, f"<= {aims}", f"{met} of {len(found)}", geometric([v for v, _, _ in found]), worst
        first = [r["median"] for key, r, _ in self.judged(FIGURES[0]) if key[1] <= 8 and key[0] != "vgg16"]
        if first:
            mean = geometric(first)
            yield ("the first figure without VGG-16, geometric mean", "<= 0.9", "yes" if float(mean) <= 0.9 else "no", mean, "")
        rows = self.busy_rows()
        if rows:
            worst = max(rows, key=lambda row: row[3] / row[2])
            met = sum(b <= BUSY * i for _, _, i, b in rows)
            yield ("the same figures beside a busy process / alone", f"<= {BUSY}", f"{met} of {len(rows)}",
                   geometric([b / i for _, _, i, b in rows]),
                   f"{worst[3] / worst[2]:.2f}: {worst[0].title}, {TITLES.get(worst[1][0], worst[1][0])}, batch {worst[1][1]}")


def geometric(values):
    return f"{math.exp(statistics.fmean(math.log(v) for v in values)):.2f}"


HEADING = """# Speed, beside onnxruntime and PyTorch

Written by `make bench` ([how to run and read it](../how-to/measure-speed.md)) on {date}; {cpu}, {cores} cores, {system}.
{versions}.

Networks are torchvision's with random parameters, images 3 x 224 x 224. A figure is the median of the ratios of interleaved
rounds, with the lowest and the highest round. **Bold** figures miss their aim. Where 3x3 convolutions of stride 1 hold half
of the multiplications or more, aims are stricter. All rounds are in [{json}]({json}).
"""


def milliseconds(page):
    """Medians of every series, for orientation; times of different cells were taken minutes apart."""
    series = sorted({s for cell in page.cells.values() for s in cell["rounds"]})
    lines = ["| network | batch | threads | " + " | ".join(series) + " |", "| --- |" + " --- |" * (len(series) + 2)]
    for key, cell in sorted(page.cells.items(), key=lambda item: (order(item[0][0]), item[0])):
        values = [cell["rounds"].get(s) for s in series]
        lines.append(f"| {TITLES.get(key[0], key[0])} | {key[1]} | {key[2]}{', beside a busy process' if key[3] else ''} | "
                     + " | ".join(f"{statistics.median(v):.3g}" if v else "" for v in values) + " |")
    return "## Milliseconds\n\nMedians, for orientation.\n\n" + "\n".join(lines) + "\n\n"


def busy_table(page):
    rows = page.busy_rows()
    if not rows:
        return ""
    lines = [f"| {f.title} | {TITLES.get(k[0], k[0])} | {k[1]} | {i:.2f} | {b:.2f} | "
             + (f"**{b / i:.2f}**" if b > BUSY * i else f"{b / i:.2f}") + " |" for f, k, i, b in rows]
    return ("## Beside one busy process\n\nThe same figures while another process keeps one of the cores busy.\n\n"
            "| figure | network | batch | alone | busy | busy / alone |\n| --- | --- | --- | --- | --- | --- |\n"
            + "\n".join(lines) + "\n\n")


def agreement(page):
    worst = {}
    for key, cell in page.cells.items():
        for what, value in cell.get("agreement", {}).items():
            if value >= worst.get(what, (-1, None))[0]:
                worst[what] = (value, key)
    if not worst:
        return ""
    lines = [f"| {what.replace(' ', ', ')} | {value:.1e} | {TITLES.get(key[0], key[0])} |"
             for what, (value, key) in sorted(worst.items())]
    return ("## Agreement\n\nLargest difference of limn's answers from the others' over all cells, in parts of the largest "
            "value (guided backpropagation: relative L2). A cell whose answers differ is not timed.\n\n"
            "| answer, beside | difference | network |\n| --- | --- | --- |\n" + "\n".join(lines) + "\n\n")


def write(data, path):
    page = Page(data)
    machine = data["machine"]
    dates = sorted({c["date"] for c in data["cells"].values()}) or [str(datetime.date.today())]
    builds = {c["build"] for c in page.cells.values()}
    out = HEADING.format(date=dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}", **machine,
                         json=path.with_suffix(".json").name,
                         versions=", ".join(f"{k} {v}" for k, v in data["versions"].items()) or "limn alone")
    if len(builds) > 1:
        out += f"\nThe cells were measured with {len(builds)} builds of limn.\n"
    out += ("\n## Aims\n\n| figure | aim | met | geometric mean, or value | farthest from its aim, or spread |\n"
            "| --- | --- | --- | --- | --- |\n")
    rows = [*page.summary_rows(), *kernel_rates.rows(data), *whole_runs.rows(data)]
    out += "".join("| " + " | ".join(row) + " |\n" for row in rows) + "\n"
    out += "".join(page.table(figure) for figure in FIGURES)
    out += busy_table(page) + agreement(page) + kernel_rates.section(data) + milliseconds(page)
    path.write_text(out.rstrip() + "\n", encoding="utf-8")
