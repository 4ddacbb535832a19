"""Where npm's packages are, for tests that need them."""
import os
import pathlib
import shutil
import sys


def modules(*packages, programs=("node",)):
    """The folder node_modules that has these packages; None where one of them, or a program, is missing."""
    folder = pathlib.Path(os.environ.get("LIMN_NODE_MODULES") or "none") / "node_modules"
    complete = all((folder / package).exists() for package in packages) and all(map(shutil.which, programs))
    return folder if complete else None


def modules_or_skip(*packages, programs=("node",)):
    """The same; ends a test that cannot be without them."""
    if folder := modules(*packages, programs=programs):
        return folder
    print(f"skipped: needs {', '.join(programs)}, and npm's {', '.join(packages)} in the folder LIMN_NODE_MODULES")
    sys.exit(77)
