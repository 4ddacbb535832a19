#!/usr/bin/python3
"""Gradients through maximum pools of every form, compiled and run by onnxruntime: they are limn's own, ties included.

Needs Debian's python3-onnx and python3-numpy, and npm's onnxruntime-node; skipped with a message otherwise.
"""
import pathlib
import sys
import tempfile

try:
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    import compiled
    import node
    from runtime import OnnxRuntime
except ImportError as e:
    print(f"skipped: needs python3-numpy and python3-onnx ({e})")
    sys.exit(77)

CLOSE = 1e-5  # of the largest value
OPEN = ("H", "W")
USUAL = {
    "side by side": {"kernel_shape": [2, 2], "strides": [2, 2]},
    "overlapping": {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]},
    "stride 1": {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]},
    "overhanging": {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1},
    "last window dropped": {"kernel_shape": [2, 2], "strides": [3, 3], "ceil_mode": 1},
    "asymmetric": {"kernel_shape": [2, 3], "strides": [3, 1], "pads": [1, 0, 0, 1], "ceil_mode": 1},
    "dilated, with gaps": {"kernel_shape": [2, 2], "strides": [4, 1], "dilations": [2, 2]},
}
LARGE = {
    "larger than the map": {"kernel_shape": [5, 4], "strides": [1, 2], "pads": [2, 1, 1, 3]},
    "larger than the map, stride 1": {"kernel_shape": [5, 5], "pads": [2, 2, 2, 2]},
}


def network(pool, opset, sizes):
    random = np.random.default_rng(0)
    weights = {"w1": (16, 3, 3, 3), "w2": (16, 16, 3, 3), "w3": (10, 16)}
    nodes = [helper.make_node(op, ins, [out], **attrs) for op, ins, out, attrs in (
        ("Conv", ["x", "w1"], "a", {"pads": [1] * 4}), ("Relu", ["a"], "b", {}), ("MaxPool", ["b"], "p", pool),
        ("Conv", ["p", "w2"], "c", {"pads": [1] * 4}), ("Relu", ["c"], "d", {}),
        ("GlobalAveragePool", ["d"], "e", {}), ("Flatten", ["e"], "f", {}), ("Gemm", ["f", "w3"], "y", {"transB": 1}))]
    graph = helper.make_graph(
        nodes, "pools", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, *sizes])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 10])],
        [numpy_helper.from_array(random.standard_normal(dims).astype(np.float32), name)
         for name, dims in weights.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def image(height, width):
    """Few different values, and a patch of one: many windows have several maxima."""
    x = np.round(2 * np.random.default_rng(1).standard_normal((3, height, width))).astype(np.float32) / 2
    x[:, height // 4:height // 2, width // 4:width // 2] = 0.5
    return x


def difference(runtime, pool, opset, sizes, x, method, folder):
    """The largest, as a part of the largest value, with and without onnxruntime's optimisations."""
    onnx.save(network(pool, opset, sizes), folder / "m.onnx")
    compiled.limn("compile", folder / "m.onnx", "--method", method, "--raw", "-o", folder / "c.onnx")
    ((_, own),) = compiled.own_maps(folder / "m.onnx", [x], method, folder, True)
    return max(compiled.distance(runtime.run(folder / "c.onnx", {"x": x[None]}, on)["attribution"].reshape(own.shape), own)
               for on in (False, True))


def main():
    node.modules_or_skip("onnxruntime-node")
    failed = False
    cases = [(pools, hw, sizes) for pools, hw in ((USUAL, (21, 18)), (LARGE, (2, 2))) for sizes in (hw, OPEN)]
    with tempfile.TemporaryDirectory() as temporary, OnnxRuntime(temporary) as runtime:
        for pools, hw, sizes in cases:
            for name, pool in pools.items():
                for opset, method in ((13, "guided-backprop"), (17, "gradient"), (21, "gradient")):
                    off = difference(runtime, pool, opset, sizes, image(*hw), method, pathlib.Path(temporary))
                    print(f"{name:32} {str(sizes):12} opset {opset} {method:16} {off:.1e}", flush=True)
                    failed |= not off <= CLOSE
    sys.exit(failed)


if __name__ == "__main__":
    main()
