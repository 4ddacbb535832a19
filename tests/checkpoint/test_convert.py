#!/usr/bin/python3
"""limn convert on small networks of each family, on CheXNet's layout, and on files that must be refused."""
import io
import json
import os
import pathlib
import pickle
import struct
import sys
import tempfile
import unittest
import zipfile

try:
    import numpy
    import onnx
    import torch

    import torch_checkpoints as samples
except ImportError as e:
    print(f"skipped: needs python3-torch, python3-torchvision and python3-onnx ({e})")
    sys.exit(77)

from harness import apart, convert, limn, predicted

TOLERANCE = 1e-4
AUTO_LAYERS = {"squeezenet1_1": "features.12", "mobilenet_v2": "features.18", "resnet18": "layer4",
               "googlenet": "inception5b", "vgg11_bn": "features.27", "mnist_cnn": "conv_layers",
               "chexnet": "features.relu5"}


def auto_layer(model):
    return json.loads(limn("inspect", model, "--json").stdout)["auto_layer"]


class Case(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.addCleanup(self.temporary.cleanup)
        self.folder = pathlib.Path(self.temporary.name)
        self.model = self.folder / "model.onnx"

    def compare(self, architecture, weights, module, size, channels=3, options=()):
        """Converts a checkpoint that holds `weights` and compares with what `module` says."""
        checkpoint = self.folder / "weights.pth"
        samples.save(weights, checkpoint, zip_format=True)
        convert(architecture, checkpoint, self.model, *options)
        x = samples.image(size, channels)
        self.assertLess(apart(predicted(self.model, x.numpy()), samples.logits(module, x)), TOLERANCE)


class Networks(Case):
    def one(self, architecture, zip_format, size=224, classes=7):
        module = samples.network(architecture, classes)
        checkpoint = self.folder / "weights.pth"
        samples.save(module.state_dict(), checkpoint, zip_format)
        convert(architecture, checkpoint, self.model)
        onnx.checker.check_model(str(self.model))
        self.assertEqual(auto_layer(self.model), AUTO_LAYERS[architecture])
        x = samples.image(size)
        self.assertLess(apart(predicted(self.model, x.numpy()), samples.logits(module, x)), TOLERANCE)

    def test_squeezenet(self):
        self.one("squeezenet1_1", zip_format=True)

    def test_mobilenet_legacy(self):
        self.one("mobilenet_v2", zip_format=False)

    def test_resnet18(self):
        self.one("resnet18", zip_format=True)

    def test_googlenet_transforms_its_input(self):
        self.one("googlenet", zip_format=False)

    def test_googlenet_from_scratch(self):
        module = samples.network("googlenet", 5)
        module.transform_input = False
        self.compare("googlenet", module.state_dict(), module, 224, options=["--transform-input", "off"])

    def test_vgg11_bn_of_a_few_classes(self):
        self.one("vgg11_bn", zip_format=True, classes=3)

    def test_digits(self):
        module = samples.randomise(samples.Digits(), 3)
        self.compare("mnist_cnn", module.state_dict(), module, 28, channels=1)
        self.assertEqual(auto_layer(self.model), AUTO_LAYERS["mnist_cnn"])

    def test_nested_parallel_half_precision(self):
        module = samples.network("squeezenet1_0", 6)
        half = {k: v.half() for k, v in module.state_dict().items()}
        module.load_state_dict(half)
        nested = {"epoch": 3, "best": numpy.float64(0.7), "seen": {1, 2}, "lr": [0.1, 0.01],
                  "state_dict": {"module." + k: v for k, v in half.items()}}
        self.compare("squeezenet1_0", nested, module, 224)

    def test_views_of_one_storage(self):
        module = samples.network("squeezenet1_1", 4)
        weights = module.state_dict()
        shared = torch.cat([t.flatten() for t in weights.values()])
        views, at = {}, 0
        for name, t in weights.items():
            views[name] = shared[at:at + t.numel()].view(t.shape)
            at += t.numel()
        first = "features.0.weight"
        views[first] = weights[first].transpose(2, 3).contiguous().transpose(2, 3)
        self.assertFalse(views[first].is_contiguous())
        views["classifier.1.bias"] = torch.nn.Parameter(views["classifier.1.bias"].double())
        self.compare("squeezenet1_1", views, module, 224)


class Chexnet(Case):
    def test_layout_of_the_published_file(self):
        module = samples.randomise(samples.CheXNet(), 5)
        old = {}
        for name, tensor in module.state_dict().items():
            for part in ("norm", "conv"):
                for n in "12":
                    if "denselayer" in name:
                        name = name.replace(f".{part}{n}.", f".{part}.{n}.")
            if not name.endswith("num_batches_tracked"):  # older than these
                old["module." + name] = tensor
        self.assertIn("module.densenet121.features.denseblock1.denselayer1.norm.1.weight", old)
        self.assertIn("module.densenet121.classifier.0.weight", old)
        checkpoint = self.folder / "model.pth.tar"
        samples.save({"epoch": 12, "best_loss": 0.15, "state_dict": old}, checkpoint, zip_format=False)
        convert("chexnet", checkpoint, self.model)
        graph = onnx.load(str(self.model)).graph
        self.assertEqual([o.name for o in graph.output], ["probabilities"])
        self.assertEqual(auto_layer(self.model), AUTO_LAYERS["chexnet"])
        x = samples.image(224)
        theirs = samples.logits(module.without_sigmoid(), x)
        self.assertLess(apart(predicted(self.model, x.numpy()), theirs), TOLERANCE)
        self.assertIn("Cardiomegaly", (self.folder / "model.limn.json").read_text())


class Sizes(Case):
    def test_the_file_is_hardly_larger_than_its_weights(self):
        module = samples.network("resnet18", 1000)
        samples.save(module.state_dict(), self.folder / "w.pth", zip_format=True)
        convert("resnet18", self.folder / "w.pth", self.model)
        weights = sum(4 * t.numel() for t in module.state_dict().values())
        self.assertLess(self.model.stat().st_size, 1.01 * weights)
        self.assertFalse(pathlib.Path(str(self.model) + ".data").exists())


class System:
    """Pickled as a call of os.system."""

    def __reduce__(self):
        return os.system, ("touch called",)


class Refusals(Case):
    def setUp(self):
        super().setUp()
        self.module = samples.network("squeezenet1_1", 4)
        self.weights = self.module.state_dict()

    def refused(self, data, *expected, architecture="squeezenet1_1"):
        checkpoint = self.folder / "weights.pth"
        if isinstance(data, bytes):
            checkpoint.write_bytes(data)
        else:
            samples.save(data, checkpoint, zip_format=True)
        ran = limn("convert", architecture, checkpoint, "-o", self.model)
        self.assertEqual(ran.returncode, 1, ran.stderr)
        for text in expected:
            self.assertIn(text, ran.stderr)
        self.assertFalse(self.model.exists())
        self.assertFalse((self.folder / "model.limn.json").exists())

    def saved(self, weights, zip_format=True):
        buffer = io.BytesIO()
        samples.save(weights, buffer, zip_format)
        return buffer.getvalue()

    def test_code_in_a_zip(self):
        self.refused({**self.weights, "x": System()}, "'posix.system'", "runs no code")
        self.assertFalse(pathlib.Path("called").exists())

    def test_code_in_a_legacy_file(self):
        self.refused(self.saved({"x": System()}, zip_format=False), "'posix.system'")
        self.assertFalse(pathlib.Path("called").exists())

    def test_code_spelt_by_hand(self):
        body = b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R."
        whole = self.saved({"x": 1}, zip_format=False)
        start = whole.index(b"\x80\x02}q", whole.index(b"little_endian"))  # the object, behind the sys_info
        self.refused(whole[:start] + body, "'os.system'")

    def test_a_bare_pickle_of_code(self):
        self.refused(pickle.dumps(System(), 4), "'posix.system'")

    def test_a_whole_module(self):
        self.refused(self.module, "'torchvision.models.squeezenet.SqueezeNet'", "state_dict()")

    def test_truncated(self):
        for zip_format in (True, False):
            whole = self.saved(self.weights, zip_format)
            for share in (0.02, 0.5, 0.9, 0.9999):
                self.refused(whole[:int(share * len(whole))], "damaged" if zip_format else "cannot read")

    def test_a_compressed_archive(self):
        whole = self.saved(self.weights)
        buffer = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(whole)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
            for name in old.namelist():
                new.writestr(name, old.read(name))
        self.refused(buffer.getvalue(), "compressed")

    def test_a_zip_bomb(self):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as bomb:
            bomb.writestr("archive/data.pkl", pickle.dumps({}), zipfile.ZIP_STORED)
            with bomb.open("archive/data/0", "w", force_zip64=True) as entry:
                for _ in range(200):
                    entry.write(bytes(1 << 20))
        self.refused(buffer.getvalue(), "compressed", "archive/data/0")

    def test_sizes_beyond_the_storage(self):
        whole = self.saved({"classifier.1.bias": torch.zeros(4)}, zip_format=False)
        self.assertIn(b"K\x04\x85q", whole)  # the sizes (4,)
        self.refused(whole.replace(b"K\x04\x85q", b"K\x05\x85q", 1), "reaches beyond its storage")

    def test_an_expanded_view_is_bounded(self):
        self.refused({"x": torch.zeros(1).expand(1 << 40)}, "several times the size of the file")

    def test_no_weights(self):
        self.refused({"epoch": 3, "lr": 0.1}, "no weights", "'epoch', 'lr'")

    def test_other_files(self):
        self.refused(b"", "neither a checkpoint")
        self.refused(b"P6 8 8 255\n" + bytes(192), "neither a checkpoint")
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("readme.txt", "hello")
        self.refused(buffer.getvalue(), "no data.pkl")
        self.refused(pickle.dumps([1, 2]), "not one of PyTorch's")

    def test_missing_unexpected_and_wrong_sizes(self):
        less = {k: v for k, v in self.weights.items() if k not in ("features.3.squeeze.bias", "features.0.weight")}
        self.refused(less, "2 weights are missing", "features.0.weight [64, 3, 3, 3]", "features.3.squeeze.bias [16]")
        self.refused({**self.weights, "head.weight": torch.zeros(2)}, "1 weight is not known: head.weight")
        wrong = {**self.weights, "features.0.bias": torch.zeros(63)}
        self.refused(wrong, "1 weight has another size", "features.0.bias is float32 [63], not [64]")

    def test_another_architecture(self):
        self.refused(self.weights, "the weights are not those of alexnet", "weights are missing",
                     "weights are not known", architecture="alexnet")
        self.refused(self.weights, "does not know the architecture 'squeezenet1.1'", "did you mean squeezenet1_1?",
                     architecture="squeezenet1.1")

    def test_usage(self):
        self.assertEqual(limn("convert", "vgg16").returncode, 2)
        checkpoint = self.folder / "w.pth"
        samples.save(self.weights, checkpoint, zip_format=True)
        self.assertEqual(limn("convert", "squeezenet1_1", checkpoint, "-o", checkpoint).returncode, 2)
        self.assertTrue(zipfile.is_zipfile(checkpoint))
        ran = limn("convert", "vgg16", "w.pth", "-o", "m.onnx", "--transform-input", "on")
        self.assertEqual(ran.returncode, 2)
        self.assertIn("vgg16 does not transform its input", ran.stderr)


class Safetensors(Case):
    def write(self, header, data):
        text = header if isinstance(header, bytes) else header.encode()
        path = self.folder / "weights.safetensors"
        path.write_bytes(struct.pack("<Q", len(text)) + text + data)
        return path

    def test_a_network(self):
        module = samples.network("squeezenet1_1", 4)
        entries, data = ['"__metadata__":{"format":"pt"}'], b""
        for name, tensor in module.state_dict().items():
            raw = tensor.numpy().tobytes()
            entries.append(f'"{name}":{{"dtype":"F32","shape":{list(tensor.shape)},'
                           f'"data_offsets":[{len(data)},{len(data) + len(raw)}]}}')
            data += raw
        checkpoint = self.write("{" + ",".join(entries) + "}", data)
        convert("squeezenet1_1", checkpoint, self.model)
        x = samples.image(224)
        self.assertLess(apart(predicted(self.model, x.numpy()), samples.logits(module, x)), TOLERANCE)


if __name__ == "__main__":
    unittest.main()
