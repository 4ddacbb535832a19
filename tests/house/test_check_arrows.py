#!/usr/bin/env python3
"""tools/check_arrows.py: this tree keeps the rules, and a tree that breaks one is caught."""
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import check_arrows  # noqa: E402

ROOMS = """
limn_room(base)
limn_room(graph   USES base)
limn_room(ops     USES graph)
limn_room(onnx    USES ops LIBRARIES limn_onnx_library)
limn_room(runtime USES ops)
limn_room(image   USES base)
"""


class Arrows(unittest.TestCase):
    def breaches(self, files, rooms=ROOMS):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            (root / "CMakeLists.txt").write_text(rooms)
            for name, text in files.items():
                path = root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return check_arrows.check(root)

    def assert_breach(self, words, files):
        found = self.breaches(files)
        self.assertEqual(len(found), 1, found)
        self.assertIn(words, found[0])

    def test_this_tree_keeps_the_rules(self):
        self.assertEqual(check_arrows.check(ROOT), [])

    def test_this_tree_is_really_read(self):
        rooms = check_arrows.rooms_of((ROOT / "CMakeLists.txt").read_text())
        self.assertIn("graph", rooms["methods"])
        self.assertNotIn("onnx", rooms["ops"])
        self.assertGreater(len(list(check_arrows.files_by_room(ROOT, rooms))), 40)

    def test_downward_arrows_are_followed_all_the_way(self):
        self.assertEqual(self.breaches({
            "include/limn/error.h": "#include <string>\n",
            "src/limn/base/npy.h": '#include "limn/error.h"\n',
            "src/limn/onnx/import.cpp": '#include <onnx/onnx_pb.h>\n#include "limn/base/npy.h"\n',
        }), [])

    def test_upward_arrow(self):
        self.assert_breach("src/limn/graph/a.cpp:2: includes limn/ops/op.h: room graph may not use room ops",
                           {"src/limn/graph/a.cpp": '// why\n  #  include "limn/ops/op.h"\n'})

    def test_sideways_arrow(self):
        self.assert_breach("room runtime may not use room onnx",
                           {"src/limn/runtime/a.h": '#include "limn/onnx/import.h"\n'})

    def test_public_header_counts_as_its_room(self):
        self.assert_breach("room ops may not use room onnx", {"src/limn/ops/a.h": '#include "limn/model.h"\n'})
        self.assert_breach("room base may not use room graph", {"include/limn/error.h": '#include "limn/graph.h"\n'})

    def test_public_header_of_no_room(self):
        self.assert_breach("belongs to no room", {"include/limn/novel.h": "#include <string>\n"})

    def test_public_header_stays_clean(self):
        self.assert_breach("standard library and limn alone", {"include/limn/error.h": "#include <fmt/format.h>\n"})
        self.assert_breach("may not name an internal one", {"include/limn/graph.h": '#include "limn/base/npy.h"\n'})

    def test_unknown_folder(self):
        self.assert_breach("belongs to no room", {"src/limn/graph/a.h": '#include "limn/secret/a.h"\n'})

    def test_angle_brackets(self):
        self.assert_breach('write "limn/error.h"', {"src/limn/graph/a.h": "#include <limn/error.h>\n"})

    def test_third_party_libraries_stay_in_their_rooms(self):
        for header in ["onnx/onnx_pb.h", "google/protobuf/message.h", "dnnl.hpp", "oneapi/dnnl/dnnl.hpp",
                       "opencv2/core.hpp", "jpeglib.h", "png.h", "webp/decode.h", "tiffio.h", "Eigen/Dense",
                       "nlohmann/json.hpp", "CLI/CLI.hpp"]:
            with self.subTest(header):
                self.assert_breach("may", {"src/limn/ops/a.cpp": f"#include <{header}>\n"})

    def test_onednn_has_one_door(self):
        include = "#include <dnnl.hpp>\n"
        self.assertEqual(self.breaches({"src/limn/runtime/a.h": include}), [])
        self.assert_breach("1 file may include", {"src/limn/runtime/a.h": include, "src/limn/runtime/b.h": include})

    def test_circle_of_rooms(self):
        with self.assertRaises(SystemExit):
            self.breaches({}, "limn_room(base USES graph)\nlimn_room(graph USES base)\n")


if __name__ == "__main__":
    unittest.main()
