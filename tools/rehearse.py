#!/usr/bin/python3
"""Rehearses a long evaluation: a dataset of ILSVRC's layout, its images listed again and again, up to so many rows.

  tools/rehearse.py LIMN ROOT FOLDER [--rows 50000] EXPERIMENT OPTION...

LIMN is the program, ROOT the dataset; FOLDER becomes the listing and the run. What follows goes to `limn evaluate`, but for
--dataset, --root and --out. Prints by CPU time, which other work on the machine disturbs little, what a row costs in each
tenth of the run, the last tenth against the first, how the resident memory grows, and how large the database becomes.
"""
import argparse
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

TENTHS = 10


def listing(root, folder, rows):
    """The dataset in `folder` with `rows` lines in its list."""
    source, target = root / "ILSVRC", folder / "data/ILSVRC"
    shutil.rmtree(folder, ignore_errors=True)
    (target / "ImageSets/CLS-LOC").mkdir(parents=True)
    for name in ("Data", "Annotations"):
        (target / name).symlink_to((source / name).resolve())
    (folder / "data/LOC_synset_mapping.txt").symlink_to((root / "LOC_synset_mapping.txt").resolve())
    names = [line.split()[0] for line in (source / "ImageSets/CLS-LOC/val.txt").read_text().splitlines()]
    lines = (f"{names[i % len(names)]} {i + 1}\n" for i in range(rows))
    (target / "ImageSets/CLS-LOC/val.txt").write_text("".join(lines))
    return folder / "data"


def written(database):
    """How many rows of images are there."""
    try:
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=1) as rows:
            return (rows.execute("SELECT max(position) FROM images").fetchone()[0] or -1) + 1
    except sqlite3.OperationalError:
        return 0


def usage(process):
    """Seconds of CPU and MB of memory so far."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return seconds, int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def watch(process, database, rows):
    """(rows, CPU seconds, MB) at each tenth, or as soon after it as it was seen."""
    seen = []
    while process.poll() is None:
        done = written(database)
        if done >= len(seen) * rows / TENTHS and done > 0:
            try:
                seen.append((done, *usage(process)))
            except (FileNotFoundError, ProcessLookupError):
                break
        time.sleep(0.02)
    return seen


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("limn")
    parser.add_argument("root", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=50_000)
    asked, options = parser.parse_known_args()
    data = listing(asked.root, asked.folder, asked.rows)
    run = asked.folder / "run"
    process = subprocess.Popen([asked.limn, "evaluate", *options, "--dataset", "ilsvrc", "--root", data, "--out", run],
                               stdout=subprocess.DEVNULL)
    seen = watch(process, run / "rows.sqlite", asked.rows)
    if process.returncode not in (0, None):
        sys.exit(f"limn ended with {process.returncode}")
    costs = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in zip(seen, seen[1:])]
    print("ms of CPU a row, by tenths: " + " ".join(f"{1000 * c:.3f}" for c in costs))
    print(f"rate of the last tenth: {costs[0] / costs[-1]:.3f} of the first's")
    print(f"resident: {seen[0][2]:.1f} MB after {seen[0][0]} rows, {seen[-1][2]:.1f} MB after {seen[-1][0]}")
    print(f"database: {os.path.getsize(run / 'rows.sqlite') / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
