"""Pages of `limn compile --web`, driven in chromium, beside what `limn explain` says."""
import contextlib
import functools
import http.server
import json
import os
import pathlib
import shutil
import subprocess
import sys
import threading

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import node  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
CLOSE = 1e-3  # of heat in 0..1


def limn(*arguments):
    ran = subprocess.run([os.environ["LIMN_CLI"], *map(str, arguments)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran


def runtime_or_skip():
    """The folder of onnxruntime-web's files."""
    modules = node.modules_or_skip("onnxruntime-web", "playwright-core", programs=("node", "chromium"))
    return modules / "onnxruntime-web/dist"


@contextlib.contextmanager
def served(folder):
    """The address of a server of the folder."""
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


def drive(job, folder):
    """Answers of the pages; fails with what is wrong."""
    path = folder / "job.json"
    path.write_text(json.dumps({**job, "shots": os.environ.get("LIMN_SCREENSHOTS")}))
    told = subprocess.run(["node", HERE / "web.mjs", path], capture_output=True, text=True, check=False)
    assert told.returncode == 0 and told.stdout, told.stderr
    result = json.loads(told.stdout.splitlines()[-1])
    assert not result["wrong"], "\n".join(result["wrong"])
    return result["answers"]


def own_heat(model, picture, target, folder, *flags):
    """limn's heatmap for a class index, and the class that it predicts."""
    out = folder / "own"
    shutil.rmtree(out, ignore_errors=True)
    said = limn("explain", model, picture, "--target", target, "--out", out, "--format", "npy", "--json", *flags)
    (path,) = out.glob("*.npy")
    return np.load(path), json.loads(said.stdout)["predictions"][0]["index"]


def compare(answers, expected):
    """`expected` (heatmap, class) in the order of the answers; prints distances and times."""
    assert len(answers) == len(expected), (len(answers), len(expected))
    worst = 0.0
    for answer, (heat, target) in zip(answers, expected):
        assert answer["target"] == target, f"class {answer['target']} in place of {target}"
        got = np.array(answer["heat"], np.float32).reshape(heat.shape)
        worst = max(worst, float(np.abs(got - heat).max()))
    times = sorted(answer["milliseconds"] for answer in answers)
    print(f"{len(answers)} heatmaps, at most {worst:.1e} from the command line's; {times[0]:.0f} to {times[-1]:.0f} ms a "
          f"picture ({answers[-1]['backend'].split(', ')[-1]})")
    assert worst <= CLOSE, worst
    assert max(float(heat.max()) for heat, _ in expected) == 1.0
