"""The networks of the benchmark: torchvision's with random parameters, exported here, or ONNX files that are named."""
import dataclasses
import os
import pathlib
import subprocess

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[1]
NAMES = ["squeezenet1_0", "mobilenet_v2", "googlenet", "resnet50", "vgg16", "densenet121", "efficientnet_b0", "vit_b_16"]
TITLES = {"squeezenet1_0": "SqueezeNet 1.0", "mobilenet_v2": "MobileNet v2", "googlenet": "GoogLeNet",
          "resnet50": "ResNet-50", "vgg16": "VGG-16", "densenet121": "DenseNet-121",
          "efficientnet_b0": "EfficientNet-B0", "vit_b_16": "ViT-B/16"}
SEED = 1
PYTHON = os.environ.get("LIMN_PYTHON", "/usr/bin/python3")  # one that has PyTorch; Debian's, where none is named


@dataclasses.dataclass
class Network:
    name: str
    path: pathlib.Path
    torchvision: bool  # whether PyTorch can build it

    def facts(self):
        """Read from the file: whether there are rectifiers for guided backpropagation, and what share of the
        convolutions' multiplications is in 3x3 ones of stride 1 (the aims depend on it)."""
        import onnx
        model = onnx.shape_inference.infer_shapes(onnx.load(self.path))
        shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim]
                  for v in [*model.graph.value_info, *model.graph.input, *model.graph.output]}
        weights = {w.name: list(w.dims) for w in model.graph.initializer}
        small = total = 0
        for node in model.graph.node:
            if node.op_type != "Conv" or not shapes.get(node.output[0]):
                continue
            kernel = weights[node.input[1]]
            work = int(np.prod(shapes[node.output[0]][1:])) * int(np.prod(kernel[1:]))
            attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            total += work
            if kernel[2:] == [3, 3] and attributes.get("strides", [1, 1]) == [1, 1] and attributes.get("group", 1) == 1:
                small += work
        return {"rectifiers": any(n.op_type in ("Relu", "Clip") for n in model.graph.node),
                "three_by_three": small / total if total else 0.0}


def find(names, folder):
    """Exports what `folder` does not hold yet. A name that ends in .onnx is a file."""
    networks = []
    for name in names:
        if name.endswith(".onnx"):
            networks.append(Network(pathlib.Path(name).stem, pathlib.Path(name), False))
            continue
        path = folder / f"{name}.onnx"
        if not path.exists():
            print(f"bench: exporting {name}", flush=True)
            subprocess.run([PYTHON, ROOT / "tools/export_torchvision.py", "--out", folder / "part", "--seed", str(SEED),
                            name], check=True, stdout=subprocess.DEVNULL)
            (folder / "part" / path.name).replace(path)
        networks.append(Network(name, path, True))
    return networks
