#!/usr/bin/env python3
"""Writes the Markdown tables of docs/explanation/localization-numbers.md and occlusion-numbers.md from runs of limn evaluate.

  tools/evaluation_table.py NAME=RUN...   one line per method and run; NAME is what the network is called
"""
import json
import sys
from pathlib import Path


def cell(part, key):
    return f"{100 * part[key]:.1f} ({100 * part['low']:.1f}-{100 * part['high']:.1f})"


def error(part):
    return cell(part, "error")


def localization(name, summary):
    headline = summary["compared_by"].split("_")[1]
    for entry in summary["methods"]:
        for box in entry["boxes"]:
            if box["rule"] != headline or box["threshold"] != entry["boxes"][0]["threshold"]:
                continue
            calibrated = entry["calibrated"]
            yield [name, entry["name"], error(box["top1"]), error(box["top5"]), cell(box["known_class"], "rate"),
                   cell(box["given_top1_correct"], "rate"), f"{box['iou']['mean']:.3f}",
                   f"{100 * entry['max_box_accuracy']:.1f}", f"{100 * entry['max_box_accuracy_v2']:.1f}",
                   f"{cell(calibrated['box_accuracy'], 'rate')} at {calibrated['threshold']:.2f}"]


def pointing_game(name, summary):
    for entry in summary["methods"]:
        rejection = entry["rejection"]
        yield [name, entry["name"], cell(entry["accuracy"], "rate"), cell(entry["accuracy_with_tolerance"], "rate"),
               cell(entry["accuracy_of_predicted_class"], "rate"), f"{entry['energy_inside']['mean']:.3f}",
               f"{rejection['published_threshold']['agreement']:.3f} / {rejection['reject_everything']:.3f}"]


def mean(part):
    return f"{part['mean']:+.3f} ({part['low']:+.3f} to {part['high']:+.3f})" if part else "-"


def occlusion(name, summary):
    for entry in summary["methods"]:
        yield [name, entry["name"], mean(entry["spearman"]), mean(entry["argsort"]), f"{entry['argsort']['sd']:.3f}"]


def comparison(c):
    if "control" in c:
        return f"{c['method']} against {c['control']}: {100 * c['difference']:+.1f} points"
    return f"{c['method']} against {c['against']}: {mean(c['difference'])}"


HEADS = {
    "localization": (localization, ["network", "method", "top-1 loc. error", "top-5 loc. error", "known class",
                                    "given top-1", "IoU", "MaxBoxAcc", "V2", "calibrated"]),
    "pointing-game": (pointing_game, ["network", "method", "accuracy", "within 15 pixels", "predicted class",
                                      "energy inside", "agreement at .5 / rejecting all"]),
    "occlusion": (occlusion, ["network", "method", "rank correlation", "of sorting orders", "its sd"]),
}


def main():
    tables = {}
    for argument in sys.argv[1:]:
        name, run = argument.split("=", 1)
        summary = json.loads((Path(run) / "summary.json").read_text())
        tables.setdefault((summary["experiment"], summary["protocol"]), []).append((name, summary))
    for (experiment, protocol), runs in tables.items():
        rows, head = HEADS[experiment]
        print(f"### {experiment}, {protocol}\n")
        for name, summary in runs:
            errors = summary["classification"]
            print(f"{name}: {summary['images']['used']} images, top-1 error {error(errors['top1'])} %, top-5 "
                  f"{error(errors['top5'])} %.\n")
        print(f"| {' | '.join(head)} |\n|{' --- |' * len(head)}")
        for name, summary in runs:
            for row in rows(name, summary):
                print(f"| {' | '.join(row)} |")
        print()
        for name, summary in runs:
            for c in summary["comparisons"]:
                print(f"- {name}, {comparison(c)}, p = {c['p_holm']:.2g}")
        print()


if __name__ == "__main__":
    main()
