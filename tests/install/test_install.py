#!/usr/bin/env python3
"""An installed limn, moved elsewhere, serves foreign projects: by find_package, by pkg-config, and as a program."""
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(os.environ["LIMN_SOURCE_DIR"])
BUILD = Path(os.environ["LIMN_BUILD_DIR"])
FOREIGN = Path(__file__).resolve().parent / "foreign"
CACHE = dict(re.findall(r"^(\w+):\w+=(.*)$", (BUILD / "CMakeCache.txt").read_text(), re.MULTILINE))
# A library built with a sanitizer or for coverage needs the same of whoever links it.
FLAGS = ([f"-fsanitize={CACHE['LIMN_SANITIZE']}"] if CACHE.get("LIMN_SANITIZE") else []) \
    + (["--coverage"] if CACHE.get("LIMN_COVERAGE") == "ON" else [])


def run(*command, env=None):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          env={**os.environ, **(env or {})})
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}\nexited with {done.returncode}:\n{done.stdout}")
    return done.stdout


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        root = Path(cls.folder.name)
        run("cmake", "--install", BUILD, "--prefix", root / "first")
        cls.prefix = (root / "first").rename(root / "moved")
        cls.work = root / "build"
        cls.libdir = next(cls.prefix.rglob("cmake/limn")).parents[1]
        networks = sorted((SOURCE / "data/demo").glob("*.onnx"))
        assert networks, "data/demo holds no network"
        cls.network = networks[0]

    def assert_explains(self, program):
        printed = run(program, self.network)
        self.assertRegex(printed, r"caught: .*\n")
        self.assertRegex(printed, rf"limn {CACHE['CMAKE_PROJECT_VERSION']}: class \d+ of \d+ by \S+, map \d+x\d+\n")

    def test_find_package(self):
        run("cmake", "-S", FOREIGN, "-B", self.work, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={self.prefix}",
            f"-DCMAKE_CXX_COMPILER={CACHE['CMAKE_CXX_COMPILER']}", f"-DCMAKE_CXX_FLAGS={' '.join(FLAGS)}")
        run("cmake", "--build", self.work)
        self.assert_explains(self.work / "look")

    def test_pkg_config(self):
        flags = run("pkg-config", "--cflags", "--libs", "limn",
                    env={"PKG_CONFIG_PATH": str(self.libdir / "pkgconfig")}).split()
        program = self.work.parent / "look"
        run(CACHE["CMAKE_CXX_COMPILER"], *FLAGS, FOREIGN / "look.cpp", "-o", program, *flags)
        self.assert_explains(program)

    def test_program(self):
        self.assertIn(CACHE["CMAKE_PROJECT_VERSION"], run(self.prefix / "bin/limn", "version"))

    def test_nothing_installed_names_the_build(self):
        for path in self.libdir.rglob("*"):
            if path.suffix in (".cmake", ".pc"):
                text = path.read_text()
                self.assertNotIn(str(BUILD), text, path.name)
                self.assertNotIn(str(SOURCE), text, path.name)
                self.assertNotIn(f"{self.prefix.parent}/", text, path.name)

    def test_headers_are_the_public_ones(self):
        installed = {path.name for path in (self.prefix / "include/limn").rglob("*")}
        public = {path.name for path in (SOURCE / "include/limn").rglob("*.h")}
        self.assertEqual(installed, public | {"version.h"})


if __name__ == "__main__":
    unittest.main()
