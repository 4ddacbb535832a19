"""The programs of a comparison, as processes that stay loaded and answer with milliseconds; and the neighbour that keeps
a core busy."""
import contextlib
import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
FETCHED = HERE.parent / "build/bench-openblas"


class SideFailed(Exception):
    pass


class Side:
    """A program that answers "WORK COUNT" with COUNT times in milliseconds, and "answer WORK FILE" with a file."""

    def __init__(self, name, command, environment=None):
        self.name = name
        self.process = subprocess.Popen([str(c) for c in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})})
        first = self.process.stdout.readline().split()
        if first[:1] != ["ready"]:
            raise SideFailed(f"{name} does not start: {self.last_words()}")
        self.versions = first[1:]

    def last_words(self):
        self.process.kill()
        lines = self.process.communicate()[1].strip().splitlines()
        return "; ".join(line.strip() for line in lines[-3:]) or "without a word"

    def ask(self, line):
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        answer = self.process.stdout.readline().split()
        if not answer:
            raise SideFailed(f"{self.name}, {line}: {self.last_words()}")
        return answer

    def times(self, work, count):
        return [float(t) for t in self.ask(f"{work} {count}")]

    def answer(self, work, path):
        self.ask(f"answer {work} {path}")
        return np.fromfile(path, np.float32)

    def peak_memory(self):
        """Most bytes that were resident, of the process so far."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        return 1024 * int(next(line for line in status.splitlines() if line.startswith("VmHWM:")).split()[1])

    def close(self):
        if self.process.returncode is None:  # otherwise its last words have been heard
            self.process.communicate()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def limn(bench, model, batch, threads, works):
    return Side("limn", [bench, model, batch, threads, *works])


def onnxruntime(model, batch, threads, modules):
    """onnxruntime-node in the folder `modules`/node_modules."""
    return Side("onnxruntime", ["node", HERE / "onnxruntime_side.mjs", model, batch, threads],
                {"LIMN_NODE_MODULES": str(modules)})


def openblas():
    """The folder of Debian's OpenBLAS in the build folder; None without it."""
    return next(FETCHED.glob("usr/lib/*/openblas-openmp"), None)


def fetch_openblas():
    """Gets it, where it is not there yet.

    PyTorch multiplies matrices with whatever BLAS the system has, and the reference BLAS, which is there when nothing else
    was installed, is a hundred times slower: no fair comparison. It is not installed, because every program that links
    a BLAS, limn's own through OpenCV, would load it from then on."""
    if openblas() or not shutil.which("apt-get") or not shutil.which("dpkg"):
        return
    FETCHED.mkdir(parents=True, exist_ok=True)
    for command in (["apt-get", "download", "-q", "libopenblas0-openmp"], ["sh", "-c", "dpkg -x libopenblas0-openmp_*.deb ."]):
        if subprocess.run(command, cwd=FETCHED, capture_output=True, check=False).returncode:
            print("bench: no OpenBLAS for PyTorch: apt-get download libopenblas0-openmp fails", flush=True)
            return


def blas_environment():
    """OpenBLAS for PyTorch, where it was fetched. 0.3.21 does not know the newest processors, so it is told their kind."""
    environment = {}
    if folder := openblas():
        environment["LD_LIBRARY_PATH"] = str(folder)
    if "avx512f" in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8"):
        environment["OPENBLAS_CORETYPE"] = "SkylakeX"
    return environment


def blas_name():
    """The library that multiplies matrices in this process, once it has."""
    maps = pathlib.Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    names = {pathlib.Path(line.split()[-1]).resolve().name for line in maps if "blas" in line.split()[-1]}
    return next((n for n in sorted(names) if "openblas" in n), ",".join(sorted(names)) or "unknown")


def use_blas():
    """The same for this process, which starts again with it: before PyTorch is loaded."""
    environment = blas_environment()
    if any(os.environ.get(k) != v for k, v in environment.items()) and "LIMN_BLAS_CHOSEN" not in os.environ:
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **environment, "LIMN_BLAS_CHOSEN": "1"})


def pytorch(python, name, batch, threads, seed):
    return Side("pytorch", [python, HERE / "pytorch_side.py", name, batch, threads, seed], blas_environment())


@contextlib.contextmanager
def busy_neighbour(wanted=True):
    """One process that computes without pause. It ends with the block, or by itself when this process is gone."""
    if not wanted:
        yield None
        return
    loop = f"import os\nwhile os.getppid() == {os.getpid()}:\n  for _ in range(10 ** 5): pass"
    process = subprocess.Popen([sys.executable, "-c", loop])
    try:
        yield process
    finally:
        process.kill()
        process.wait()
