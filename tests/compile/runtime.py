"""onnxruntime as a function, by way of node."""
import json
import os
import pathlib
import subprocess

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent


class OnnxRuntime:
    """`folder` is for numbers on their way. Raises FileNotFoundError where node or onnxruntime-node is missing."""

    def __init__(self, folder, environment=None):
        self.folder = pathlib.Path(folder)
        self.process = subprocess.Popen(["node", HERE / "run_onnxruntime.mjs", self.folder], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        env={**os.environ, **(environment or {})})
        if self.process.stdout.readline().strip() != "ready":
            self.close()
            raise FileNotFoundError("onnxruntime-node is not there (see LIMN_NODE_MODULES)")
        # What it warns about on standard error must not fill the pipe.
        self.process.stderr.close()

    def run(self, model, feeds, optimise=True, provider="cpu"):
        """Outputs by name."""
        asked = {"model": os.fspath(model), "optimise": optimise, "provider": provider, "feeds": {}}
        for i, (name, array) in enumerate(feeds.items()):
            array = np.ascontiguousarray(array)
            file = self.folder / f"input_{i}.bin"
            array.tofile(file)
            asked["feeds"][name] = {"type": str(array.dtype), "dims": list(array.shape), "file": str(file)}
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline() or '{"error": "node ended"}')
        if "error" in answer:
            raise RuntimeError(f"{model}: {answer['error']}")
        self.seconds = answer["seconds"]
        return {name: np.fromfile(o["file"], o["type"]).reshape(o["dims"]) for name, o in answer["outputs"].items()}

    def close(self):
        self.process.stdin.close()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
