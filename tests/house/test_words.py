#!/usr/bin/env python3
"""What is tracked names no folder of somebody's machine and leaves no note for later."""
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Written in pieces, so that this file passes its own check.
FOREIGN = re.compile("|".join([
    r"(?<![\w.}])/wo" + "rk/",
    r"/tm" + "p/limn",
    r"/ho" + r"me/\w",
    r"/Us" + r"ers/\w",
    r"\bTO" + r"DO\b",
    r"\bFIX" + r"ME\b",
    r"\bXX" + r"X\b",
]))


def foreign_words(root, names):
    """file:line: text, for each line that breaks the rule. Files that are not UTF-8 text are passed over."""
    for name in names:
        try:
            lines = (root / name).read_text(encoding="utf-8").splitlines()
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue
        for number, line in enumerate(lines, 1):
            if FOREIGN.search(line):
                yield f"{name}:{number}: {line.strip()[:100]}"


def tracked_files():
    listing = subprocess.run(["git", "-c", f"safe.directory={ROOT}", "-C", ROOT, "ls-files", "-z"],
                             capture_output=True, text=True)
    return [name for name in listing.stdout.split("\0") if name] if listing.returncode == 0 else None


class Words(unittest.TestCase):
    def test_this_tree(self):
        names = tracked_files()
        if names is None:
            self.skipTest("not a git checkout")
        self.assertGreater(len(names), 40)
        self.assertEqual(list(foreign_words(ROOT, names)), [])

    def test_each_word_is_caught(self):
        bad = ["see /wo" + "rk/shared", "x = '/tm" + "p/limn-1'", "/ho" + "me/ann/x", "// TO" + "DO: later",
               "# FIX" + "ME", "/* XX" + "X */"]
        good = ["build/network/work.h", "a todo list", "share/wor" + "k/x", "${folder}/wo" + "rk/"]
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            (root / "a.txt").write_text("\n".join(bad + good))
            (root / "b.bin").write_bytes(b"\xff\xfe TO" + b"DO")
            found = list(foreign_words(root, ["a.txt", "b.bin", "gone.txt"]))
        self.assertEqual([line.split(":")[1] for line in found], [str(n + 1) for n in range(len(bad))])


if __name__ == "__main__":
    unittest.main()
