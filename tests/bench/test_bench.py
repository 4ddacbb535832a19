#!/usr/bin/env python3
"""The instruments of bench/: what they compute from measurements, and one small run of them on the demo network."""
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree
from pathlib import Path

ROOT = Path(os.environ.get("LIMN_SOURCE_DIR", Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(ROOT / "bench"))
try:
    import numpy  # noqa: F401 the modules below need it
    import PIL  # noqa: F401
except ImportError as e:
    print(f"skipped: needs python3-numpy and python3-pil ({e})")
    sys.exit(77)
sys.path.insert(0, str(ROOT / "tests/support"))
import node  # noqa: E402
import cells  # noqa: E402
import chart  # noqa: E402
import growth_page  # noqa: E402
import kernel_rates  # noqa: E402
import results  # noqa: E402
import schedule  # noqa: E402
import sides  # noqa: E402
import speed_table  # noqa: E402


def cell(rounds, share=0.3, rectifiers=True):
    return {"rounds": rounds, "facts": {"rectifiers": rectifiers, "three_by_three": share}, "build": "b", "date": "d"}


def data(**found):
    return {"machine": results.machine(), "versions": {}, "cells": found}


class Kept(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = Path(self.folder.name) / "speed.json"

    def test_a_stopped_run_goes_on(self):
        first = results.Results(self.path)
        first.add("a", {"rounds": {"x": [1.23456789]}})
        again = results.Results(self.path)
        self.assertTrue(again.has("a"))
        self.assertFalse(again.has("b"))
        self.assertEqual(again.data["cells"]["a"]["rounds"], {"x": [1.235]})

    def test_another_machine_is_refused(self):
        self.path.write_text(json.dumps({"machine": results.machine() | {"cores": 0}, "cells": {}}))
        with self.assertRaises(SystemExit):
            results.Results(self.path)

    def test_ratio_is_of_the_rounds(self):
        r = results.ratio({"a": [1, 2, 9], "b": [1, 1, 3]}, "a", "b")
        self.assertEqual(r, {"median": 2, "low": 1, "high": 3})
        self.assertIsNone(results.ratio({"a": [1]}, "a", "b"))


class Table(unittest.TestCase):
    def page(self, **found):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "speed.md"
            speed_table.write(data(**found), path)
            return path.read_text()

    def test_missed_aims_are_bold_and_counted(self):
        page = self.page(**{"resnet50/batch 1/threads 1": cell({"limn forward": [10.0], "onnxruntime forward": [10.0]}),
                            "vgg16/batch 1/threads 1": cell({"limn forward": [7.0], "onnxruntime forward": [10.0]}, 1.0),
                            "googlenet/batch 1/threads 1": cell({"limn forward": [9.6], "onnxruntime forward": [10.0]}, 0.6)})
        self.assertIn("| ResNet-50 | 1.05 | 1.00 [1.00 1.00] |", page)
        self.assertIn("| VGG-16 | 0.6 | **0.70 [0.70 0.70]** |", page)
        self.assertIn("| GoogLeNet | 0.95 | **0.96 [0.96 0.96]** |", page)
        self.assertIn("| limn forward / onnxruntime forward | <= 0.6 / 0.95 / 1.05 | 1 of 3 |", page)
        self.assertIn("| the first figure without VGG-16, geometric mean | <= 0.9 | no | 0.98 |", page)

    def test_batches_without_an_aim_are_not_judged(self):
        page = self.page(**{"resnet50/batch 32/threads 1": cell({"limn forward": [20.0], "onnxruntime forward": [10.0]})})
        self.assertIn("| ResNet-50 | - | 2.00 [2.00 2.00] |", page)

    def test_beside_a_busy_process(self):
        page = self.page(**{"resnet50/batch 1/threads 2": cell({"limn forward": [10.0], "onnxruntime forward": [10.0]}),
                            "resnet50/batch 1/threads 2/busy": cell({"limn forward": [30.0], "onnxruntime forward": [10.0]})})
        self.assertIn("| limn forward / onnxruntime forward | ResNet-50 | 1 | 1.00 | 3.00 | **3.00** |", page)
        self.assertIn("| the same figures beside a busy process / alone | <= 2.5 | 0 of 1 |", page)

    def test_both_sides_of_a_ratio_have_one_precision(self):
        page = self.page(**{"resnet50/batch 1/threads 2": cell({
            "limn forward": [10.0], "limn exact:forward": [20.0], "limn guided-backprop": [40.0],
            "limn fast:guided-backprop": [30.0]})})
        exact, fast = page.split("exact precision\n")[1], page.split("fast precision\n")[1]
        self.assertIn("| ResNet-50 | 2.2 | 2.00 [2.00 2.00] |", exact.split("##")[0])
        self.assertIn("| ResNet-50 | 2.2 | **3.00 [3.00 3.00]** |", fast.split("##")[0])

    def test_integrated_gradients_are_compared_with_fifty_gradients(self):
        page = self.page(**{"resnet50/batch 1/threads 2": cell({"limn integrated-gradients": [100.0], "limn gradient": [4.0]})})
        self.assertIn("| ResNet-50 | 1 | 0.50 [0.50 0.50] |", page)

    def test_whole_runs_and_operators(self):
        page = self.page(**{
            "start/squeezenet1_0": {"milliseconds": {"first run": [90.0], "second run": [40.0]}, "date": "d"},
            "memory/vgg16": {"bytes beyond weights": {"exact": 90e6, "fast": 200e6}, "date": "d"},
            "kernels/threads 1": {"date": "d", "benchmarks": {
                "peak/fma/before": {"GFLOP/s": 90.0}, "peak/fma/after": {"GFLOP/s": 100.0},
                **{f"peak/{s} of {m} MiB": {"GB/s": 10.0} for s in ("read", "copy", "triad") for m in (128, 4)},
                "vgg16/a/forward": {"GFLOP/s": 90.0, "times": 1, "multiply_adds": 3.0, "milliseconds": 1.0},
                "vgg16/b/forward": {"GFLOP/s": 50.0, "times": 1, "multiply_adds": 1.0, "milliseconds": 1.0},
                "vgg16/b/gradient": {"GFLOP/s": 200.0, "times": 1, "multiply_adds": 1.0, "milliseconds": 1.0, "kernel": "jit_wino"},
                "vgg16/a/gradient": {"GFLOP/s": 90.0, "times": 1, "multiply_adds": 3.0, "milliseconds": 1.0}}}})
        self.assertIn("first run | <= 80 ms | no | 90 ms", page)
        self.assertIn("second run | <= 50 ms | yes | 40 ms", page)
        self.assertIn("exact precision | <= 80 MB | no | 90 MB", page)
        self.assertIn("fast precision | <= 260 MB | yes | 200 MB", page)
        self.assertIn("| VGG-16 | **80 / 75** of 2 | 90 / 90 of 1; 1 by Winograd's transform |", page)  # (3 x 90 + 50) / 4; 4 / (3 / 90 + 1 / 50)


class Plan(unittest.TestCase):
    def test_each_cell_once_and_the_important_ones_first(self):
        plan = cells.cells(["a", "b"], [1, 8, 32], [1, 2], False)
        self.assertEqual(len(plan), len(set(c.key for c in plan)))
        self.assertEqual(plan[0].key, "a/batch 1/threads 2")
        self.assertEqual(speed_table.parse(plan[-1].key), ("b", 32, 2, True))

    def test_networks_without_rectifiers_get_no_guided_backpropagation(self):
        one = cells.Cell("a", 1, 2)
        self.assertNotIn("guided-backprop", cells.limn_works(one, {"rectifiers": False}, True))
        self.assertFalse(any("guided" in w for w in cells.pytorch_works(one, {"rectifiers": False}, False)))


class Schedule(unittest.TestCase):
    def test_blocks_go_to_whoever_is_free(self):
        self.assertEqual(schedule.simulate([1, 1, 1, 1], 2), 2)
        self.assertEqual(schedule.simulate([3, 1, 1, 1], 2), 3)
        self.assertEqual(schedule.simulate([1, 1, 3], 2), 4)  # the tail
        self.assertEqual(schedule.simulate([1] * 8, 1, start=2), 10)

    def test_one_thread_writes(self):
        self.assertEqual(schedule.simulate([1] * 8, 8, write=1), 9)

    def test_workers_run_ahead_by_two_blocks_each_only(self):
        # The first block holds back the rows of all others; its neighbour may finish three more, and then waits.
        self.assertEqual(schedule.simulate([10] + [1] * 8, 2), 13)

    def test_many_blocks_fill_many_workers(self):
        speed_up, _ = schedule.predict([1.0, 1.1], 10000, 64)
        self.assertGreater(speed_up, 60)
        self.assertLess(speed_up, 64)
        few, _ = schedule.predict([1.0], 32, 64)
        self.assertAlmostEqual(few, 32, delta=0.2)


class Growth(unittest.TestCase):
    def test_bends(self):
        self.assertEqual(growth_page.bend([(1, 1), (2, 1), (4, 2), (8, 4)]), "at 2: exponent 0.00 before, 1.00 after")
        self.assertEqual(growth_page.bend([(1, 1), (2, 2), (4, 4)]), "none: exponents from 1.00 to 1.00")

    def test_curves_are_well_formed(self):
        svg = chart.chart("a < b", "x", "y", {"one & two": [(1, 2.0), (10, 20.0)], "three": [(1, 3.0)]})
        root = xml.etree.ElementTree.fromstring(svg)
        self.assertEqual(len(root.findall("{*}circle")), 3)

    def test_page_of_few_points(self):
        found = data(**{f"batch/resnet50/forward/{b}": {"milliseconds": [10.0 * b], "bytes": 1 << 20, "date": "d"}
                        for b in (1, 2, 4)},
                     **{"schedule/blocks": {"blocks": [[0.1, 0.2, 0.3, 0.001]] * 5, "date": "d"}})
        with tempfile.TemporaryDirectory() as folder:
            docs = Path(folder)
            (docs / "explanation").mkdir()
            (docs / "images").mkdir()
            growth_page.write(found, docs)
            page = (docs / "explanation/growth.md").read_text()
            self.assertTrue((docs / "images/growth-batch-time.svg").exists())
        self.assertIn("| ResNet-50, forward | 1 | 10.0 | 10.00 | 1 | none: exponents from 1.00 to 1.00 |", page)
        self.assertIn("600 ms at the median", page)


class Neighbour(unittest.TestCase):
    def test_it_ends_with_the_block(self):
        with self.assertRaises(ZeroDivisionError):
            with sides.busy_neighbour() as process:
                self.assertIsNone(process.poll())
                raise ZeroDivisionError
        self.assertIsNotNone(process.poll())

    def test_it_ends_with_whoever_started_it(self):
        script = "import os, sides\nwith sides.busy_neighbour() as p:\n  print(p.pid, flush=True)\n  os._exit(0)"
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT / "bench")
        until = time.monotonic() + 30
        while Path(f"/proc/{done.stdout.strip()}").exists() and time.monotonic() < until:
            time.sleep(0.05)
        self.assertFalse(Path(f"/proc/{done.stdout.strip()}").exists())


class Run(unittest.TestCase):
    """bench/compare.py on the demo network, limn beside onnxruntime where LIMN_NODE_MODULES names it."""

    def test_demo_network(self):
        build = Path(os.environ.get("LIMN_BUILD_DIR", ROOT / "build/release"))
        if not (build / "bin/limn_bench").exists():
            self.skipTest("limn_bench is not built")
        try:
            import onnx  # noqa: F401
        except ImportError:
            self.skipTest("needs python3-onnx")
        has_onnxruntime = node.modules("onnxruntime-node") is not None
        with tempfile.TemporaryDirectory() as out:
            command = [sys.executable, ROOT / "bench/compare.py", ROOT / "data/demo/demo.onnx", "--build", build, "--out", out,
                       "--parts", "cells", "--batch", "1", "--threads", "1", "--rounds", "1", "--without", "pytorch",
                       *([] if has_onnxruntime else ["onnxruntime"])]
            for _ in range(2):  # the second run has nothing left to measure
                done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False)
                self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
            self.assertNotIn("batch 1", done.stdout)
            found = json.loads((Path(out) / "speed.json").read_text())["cells"]["demo/batch 1/threads 1"]
            self.assertGreater(found["rounds"]["limn grad-cam"][0], 0)
            self.assertTrue(found["facts"]["rectifiers"])
            self.assertGreater(found["facts"]["three_by_three"], 0)
            self.assertIn("| demo |", (Path(out) / "speed.md").read_text())
            if has_onnxruntime:
                self.assertLess(found["agreement"]["forward onnxruntime"], 1e-4)
                self.assertGreater(found["rounds"]["onnxruntime forward"][0], 0)


if __name__ == "__main__":
    unittest.main()
