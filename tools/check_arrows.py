#!/usr/bin/env python3
"""Holds the sources to the rooms of CMakeLists.txt.

  tools/check_arrows.py [ROOT]     checks a source tree, prints what breaks a rule, exits 1 if anything does

1. A file of src/limn/ROOM may include "limn/..." headers of its own room and of the rooms its USES lists reach.
   A public header (include/limn/x.h) belongs to the room named in PUBLIC_HEADERS and obeys the same rule.
2. Each third-party library is seen by one room (THIRD_PARTY), oneDNN by one file of that room.
3. Public headers name the standard library and limn, nothing else.
"""
import re
import sys
from pathlib import Path

PUBLIC_HEADERS = {
    "base": ["error", "export", "names", "tensor", "version"],
    "graph": ["graph"],
    "autodiff": ["autodiff"],
    "onnx": ["export_onnx", "model"],
    "checkpoint": ["checkpoint"],
    "zoo": ["zoo"],
    "runtime": ["runtime"],
    "methods": ["averages", "explain", "occlusion", "patches", "target"],
    "compile": ["compile"],
    "image": ["card", "geometry", "heatmap", "image", "mask", "overlay", "preprocess"],
    "datasets": ["dataset"],
    "metrics": ["metrics", "statistics"],
}

# (pattern of the included path, rooms that may, files that may in all of them)
THIRD_PARTY = [
    (r"(onnx|google)/", {"onnx"}, None),
    (r"(oneapi/)?dnnl", {"runtime"}, 1),
    (r"(opencv2/|jpeglib|png\.h|libdeflate|webp/|tiff|jerror|jconfig)", {"image"}, None),
    (r"zlib\.h", {"datasets"}, 1),
    (r"sqlite3", {"study"}, 1),
    (r"xxhash\.h", {"runtime"}, 1),
    (r"Eigen/", {"methods"}, None),
    (r"nlohmann/", {"checkpoint", "image", "cli"}, None),
    (r"CLI/", {"cli"}, None),
    (r"mpi\.h", {"cli"}, 1),
]

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^">]+)[">]', re.MULTILINE)


def rooms_of(cmake_text):
    """Room -> every room it may use, itself included, by following the USES lists of limn_room(...)."""
    uses = {}
    for name, rest in re.findall(r"^limn_room\((\w+)([^)]*)\)", cmake_text, re.MULTILINE):
        keyword, uses[name] = None, []
        for word in rest.split():
            if word.isupper():
                keyword = word
            elif keyword == "USES":
                uses[name].append(word)
    reached = {}
    for name, direct in uses.items():  # a room is listed below those it uses, so that there is no circle
        unknown = [other for other in direct if other not in reached]
        if unknown:
            raise SystemExit(f"CMakeLists.txt: room {name} uses {unknown[0]}, which is not listed above it")
        reached[name] = {name}.union(*(reached[other] for other in direct))
    return reached


def included(path):
    """(line number, < or ", path) of every include of a file."""
    text = path.read_text(encoding="utf-8")
    for match in INCLUDE.finditer(text):
        yield text.count("\n", 0, match.start(2)) + 1, match.group(1), match.group(2)


def room_of_header(header, rooms):
    """The room of an include "limn/...": its folder, or the table's row for a public header; None if unknown."""
    parts = header.split("/")[1:]
    if len(parts) > 1:
        return parts[0] if parts[0] in rooms else None
    stem = parts[0].removesuffix(".h")
    return next((room for room, stems in PUBLIC_HEADERS.items() if stem in stems), None)


def files_by_room(root, rooms):
    for room in rooms:
        for path in sorted((root / "src/limn" / room).rglob("*")):
            if path.suffix in (".h", ".cpp"):
                yield room, path
    for path in sorted((root / "src/cli").rglob("*")):
        if path.suffix in (".h", ".cpp"):
            yield "cli", path
    for path in sorted((root / "include/limn").rglob("*.h")):
        yield room_of_header("limn/" + path.relative_to(root / "include/limn").as_posix(), rooms), path


def check(root):
    """One sentence per breach."""
    reached = rooms_of((root / "CMakeLists.txt").read_text(encoding="utf-8"))
    reached["cli"] = set(reached) | {"cli"}
    breaches = []
    users = {pattern: set() for pattern, _, _ in THIRD_PARTY}
    for room, path in files_by_room(root, [name for name in reached if name != "cli"]):
        name = path.relative_to(root).as_posix()
        public = name.startswith("include/")
        if room is None:
            breaches.append(f"{name}: belongs to no room; add it to PUBLIC_HEADERS in tools/check_arrows.py")
            continue
        for line, bracket, header in included(path):
            at = f"{name}:{line}: includes {header}"
            if header.startswith("limn/"):
                other = room_of_header(header, reached)
                if header == "limn/build_commit.h":
                    other = "cli"
                if other is None:
                    breaches.append(f"{at}, which belongs to no room")
                elif other not in reached[room]:
                    breaches.append(f"{at}: room {room} may not use room {other}")
                if public and header.count("/") > 1:
                    breaches.append(f"{at}: a public header may not name an internal one")
                if bracket == "<":
                    breaches.append(f'{at}: write "{header}"')
                continue
            if public and (bracket == '"' or not re.fullmatch(r"[a-z_]+", header)):
                breaches.append(f"{at}: a public header names the standard library and limn alone")
            for pattern, rooms, _ in THIRD_PARTY:
                if re.match(pattern, header):
                    users[pattern].add(name)
                    if room not in rooms:
                        breaches.append(f"{at}: only {' and '.join(sorted(rooms))} may")
    for pattern, _, limit in THIRD_PARTY:
        if limit and len(users[pattern]) > limit:
            breaches.append(f"{', '.join(sorted(users[pattern]))}: {limit} file may include {pattern}, "
                            f"not {len(users[pattern])}")
    return breaches


def main():
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    breaches = check(root)
    for breach in breaches:
        print(breach)
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
