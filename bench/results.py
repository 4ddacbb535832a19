"""Where measurements are kept: one JSON file that grows cell by cell, so that a run which was stopped goes on."""
import datetime
import hashlib
import json
import os
import pathlib
import platform
import statistics


def machine():
    lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    facts = dict([part.strip() for part in line.split(":", 1)] for line in lines if ":" in line)
    cpu = facts.get("model name", platform.processor())
    return {"cpu": f"{cpu}, family {facts.get('cpu family', '?')}, model {facts.get('model', '?')}",
            "cores": os.cpu_count(), "system": platform.platform()}


def digest(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()[:12]


def rounded(value):
    """Four digits are more than any of these numbers has."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    return [rounded(v) for v in value] if isinstance(value, list) else value


class Results:
    def __init__(self, path):
        self.path = path
        self.data = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        here = machine()
        if any(self.data.setdefault("machine", here)[k] != here[k] for k in ("cpu", "cores")):
            raise SystemExit(f"{path} holds measurements of another machine ({self.data['machine']['cpu']}); "
                             "move it away, or give another --out")
        self.data.setdefault("versions", {})
        self.data.setdefault("cells", {})

    def has(self, key):
        return key in self.data["cells"]

    def add(self, key, cell):
        self.data["cells"][key] = rounded({**cell, "date": str(datetime.date.today())})
        self.save()

    def save(self):
        part = self.path.with_suffix(".part")
        part.write_text(text_of(self.data), encoding="utf-8")
        part.replace(self.path)


def text_of(data):
    """A line per cell."""
    cells = ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in sorted(data["cells"].items()))
    rest = json.dumps({k: v for k, v in data.items() if k != "cells"}, indent=1)
    return rest[:-2] + ',\n "cells": {\n' + cells + "\n }\n}\n"


def ratio(rounds, a, b, factor=1.0):
    """Median of a / (factor b), with the lowest and the highest of the rounds; None where one was not measured."""
    if not rounds.get(a) or not rounds.get(b):
        return None
    each = [x / (factor * y) for x, y in zip(rounds[a], rounds[b])]
    return {"median": statistics.median(each), "low": min(each), "high": max(each)}
