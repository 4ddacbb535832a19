#!/usr/bin/python3
"""PyTorch's side of a comparison: pytorch_side.py NAME BATCH THREADS [SEED]

The torchvision network NAME with the parameters that tools/export_torchvision.py draws for SEED, and explanations of each
image's first class as they are usually written: hooks on modules, then loss.backward(), which computes the gradients of
all weights, too (WORK METHOD/backward); or torch.autograd.grad to the layer or the image (METHOD/autograd).
The first line is "ready" and the versions of PyTorch, torchvision and the BLAS. Then it answers "WORK COUNT" with the
milliseconds of COUNT runs, on one line, and "answer WORK FILE" with "done" when the class scores and the map are in FILE,
as floats. Without PyTorch it ends at once.
"""
import contextlib
import pathlib
import sys
import time

import numpy as np
import torch
import torchvision
from torch import nn

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tools"))
import export_torchvision  # noqa: E402
import sides  # noqa: E402

STEPS = 50  # of integrated gradients
# What limn's `auto` finds, as a module: before the last pooling, or the last layer that attention reads.
LAYERS = {"squeezenet1_0": "features.12", "squeezenet1_1": "features.12", "mobilenet_v2": "features.18",
          "googlenet": "inception5b", "resnet18": "layer4", "resnet50": "layer4", "vgg16": "features.29",
          "densenet121": "last_relu", "efficientnet_b0": "features.8", "vit_b_16": "encoder.layers.encoder_layer_11.ln_1"}


def pictures(batch, size):
    """The same numbers as the other sides' loops: s[n + 1] = a s[n] + c modulo 2^32, all at once."""
    count, a, c = batch * 3 * size * size, np.uint32(1664525), np.uint32(1013904223)
    powers = np.cumprod(np.full(count, a, np.uint32), dtype=np.uint32)
    sums = np.cumsum(np.concatenate(([np.uint32(1)], powers[:-1])), dtype=np.uint32)
    values = (powers + c * sums) >> np.uint32(8)
    return torch.from_numpy((values / 8388608.0 - 1.0).astype(np.float32).reshape(batch, 3, size, size))


def with_modules(network):
    """Hooks see modules only: rectifiers that torchvision calls as functions become modules."""
    if isinstance(network, torchvision.models.DenseNet):
        network.last_relu = nn.ReLU()
        network.forward = lambda x: network.classifier(
            torch.flatten(nn.functional.adaptive_avg_pool2d(network.last_relu(network.features(x)), (1, 1)), 1))
    if isinstance(network, torchvision.models.GoogLeNet):
        for module in list(network.modules()):
            if hasattr(module, "conv") and hasattr(module, "bn"):
                module.relu = nn.ReLU(inplace=True)
                module.forward = nn.Sequential(module.conv, module.bn, module.relu).forward
    return network


@contextlib.contextmanager
def hooks(handles):
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


class Works:
    def __init__(self, name, batch, seed):
        self.network = with_modules(export_torchvision.random_network(name, seed))
        self.layer = self.network.get_submodule(LAYERS[name]) if name in LAYERS else None
        if isinstance(self.layer, nn.ReLU):
            self.layer.inplace = False  # as hooks demand
        self.rectifiers = [m for m in self.network.modules() if isinstance(m, (nn.ReLU, nn.ReLU6))]
        self.images = pictures(batch, export_torchvision.input_size(name))

    def forward(self):
        with torch.no_grad():
            return self.network(self.images), None

    def scored(self, images, backward):
        """Class scores, and the sum of those of each image's first class, gone back from with loss.backward()."""
        logits = self.network(images)
        score = logits.amax(1).sum()
        if backward:
            self.network.zero_grad()
            score.backward()
        return logits.detach(), score

    def grad_cam(self, backward):
        kept = {}

        def forward_hook(module, inputs, output):
            kept["activation"] = output

        def backward_hook(module, grad_inputs, grad_outputs):
            kept["gradient"] = grad_outputs[0]

        handles = [self.layer.register_forward_hook(forward_hook)]
        if backward:
            handles.append(self.layer.register_full_backward_hook(backward_hook))
        with hooks(handles):
            logits, score = self.scored(self.images, backward)
        activation = kept["activation"]
        gradient = kept["gradient"] if backward else torch.autograd.grad(score, activation)[0]
        activation = activation.detach()
        if activation.dim() == 3:  # tokens without the class token, laid on their grid
            side = int((activation.shape[1] - 1) ** 0.5)
            activation, gradient = (t[:, 1:].transpose(1, 2).unflatten(2, (side, side)) for t in (activation, gradient))
        weights = gradient.mean((2, 3), keepdim=True)
        return logits, torch.relu((weights * activation).sum(1))

    def guided_backprop(self, backward):
        before = [m.inplace for m in self.rectifiers]
        for module in self.rectifiers:
            module.inplace = False  # as hooks demand
        handles = [m.register_full_backward_hook(lambda m, grad_inputs, _: (grad_inputs[0].clamp(min=0),))
                   for m in self.rectifiers]
        images = self.images.clone().requires_grad_()
        with hooks(handles):
            logits, score = self.scored(images, backward)
            gradient = images.grad if backward else torch.autograd.grad(score, images)[0]
        for module, inplace in zip(self.rectifiers, before):
            module.inplace = inplace
        return logits, gradient

    def integrated_gradients(self):
        """One batch of all steps for each image; Riemann's sum at midpoints, from a black image (zeros)."""
        maps = []
        for image in self.images:
            path = ((torch.arange(STEPS) + 0.5) / STEPS)[:, None, None, None] * image
            path.requires_grad_()
            logits, score = self.scored(path, False)
            maps.append(torch.autograd.grad(score, path)[0].mean(0) * image)
        return self.network(self.images).detach(), torch.stack(maps)

    def run(self, work):
        method, _, how = work.partition("/")
        if method == "forward":
            return self.forward()
        if method == "integrated-gradients":
            return self.integrated_gradients()
        return {"grad-cam": self.grad_cam, "guided-backprop": self.guided_backprop}[method](how == "backward")


def main():
    name, batch, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(threads)
    works = Works(name, batch, int(sys.argv[4]) if len(sys.argv) > 4 else 1)
    torch.ones(9, 9) @ torch.ones(9, 9)
    blas = "MKL" if torch.backends.mkl.is_available() else sides.blas_name()  # numpy may have one of its own
    print("ready", torch.__version__, torchvision.__version__, blas, flush=True)
    for line in sys.stdin:
        first, *rest = line.split()
        if first == "answer":
            logits, maps = works.run(rest[0])
            parts = [logits] if maps is None else [logits, maps]
            pathlib.Path(rest[1]).write_bytes(b"".join(p.contiguous().numpy().tobytes() for p in parts))
            print("done", flush=True)
            continue
        times = []
        for _ in range(int(rest[0])):
            start = time.perf_counter()
            works.run(first)
            times.append(f"{1000 * (time.perf_counter() - start):.4f}")
        print(*times, flush=True)


if __name__ == "__main__":
    main()
