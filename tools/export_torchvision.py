#!/usr/bin/python3
"""Writes torchvision architectures with random parameters as ONNX files.

Every parameter AND buffer is drawn at random (batch-norm variances in [0.5, 2], means, scales, biases), because the
default initialisation hides a converter that ignores batch norm. In networks whose gates (squeeze and excitation)
multiply activations, batch-norm statistics are those of random images times such a factor: drawn freely, activations
grow from block to block until the gates make the network chaotic (EfficientNet-B7: logits of PyTorch's own float and
double runs differed by their whole size; now by 1.2e-5). Needs Debian's python3-torch and python3-torchvision.

  tools/export_torchvision.py --out build/models alexnet vgg16 googlenet resnet50 densenet121
"""
import argparse
import inspect
import pathlib
import warnings

import torch
import torchvision


def build(name: str) -> torch.nn.Module:
    extra = {"aux_logits": False, "init_weights": False} if name in ("googlenet", "inception_v3") else {}
    return getattr(torchvision.models, name)(weights=None, **extra).eval()


def randomise(model: torch.nn.Module, seed: int) -> None:
    g = torch.Generator().manual_seed(seed)

    def uniform(tensor, low, high):
        tensor.data.copy_(torch.rand(tensor.shape, generator=g) * (high - low) + low)

    for key, parameter in model.named_parameters():
        if key.endswith("in_proj_weight"):  # the queries, keys and values of an attention
            parameter.data.copy_(torch.randn(parameter.shape, generator=g) * (1.0 / parameter.shape[1]) ** 0.5)
        elif key.endswith("layer_scale"):
            uniform(parameter, 0.1, 0.5)
        else:  # tokens, positions, biases of attention; layers with a rule of their own are drawn again below
            uniform(parameter, -0.5, 0.5)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            uniform(module.running_var, 0.5, 2.0)
            uniform(module.running_mean, -0.5, 0.5)
        if isinstance(module, (torch.nn.BatchNorm2d, torch.nn.LayerNorm)):
            uniform(module.weight, 0.5, 1.5)
            uniform(module.bias, -0.3, 0.3)
        elif isinstance(module, (torch.nn.Conv2d, torch.nn.Linear)):
            fan_in = module.weight[0].numel()
            module.weight.data.copy_(torch.randn(module.weight.shape, generator=g) * (2.0 / fan_in) ** 0.5)
            if module.bias is not None:
                uniform(module.bias, -0.1, 0.1)


def has_gates(model: torch.nn.Module) -> bool:
    return any(isinstance(module, torchvision.ops.SqueezeExcitation) for module in model.modules())


def near_statistics(model: torch.nn.Module, size: int, seed: int) -> None:
    """Batch-norm statistics of random images, variances times [0.5, 2], means off by up to half a deviation; each norm
    sees what those before it, so drawn, let through. Fewer images would leave out how channels vary between images."""
    g = torch.Generator().manual_seed(seed)

    def draw(norm, inputs):
        x = inputs[0]
        deviation = torch.maximum(x.std((0, 2, 3)), 0.1 * x.square().mean((0, 2, 3)).sqrt())
        norm.running_var.copy_(deviation ** 2 * (torch.rand(deviation.shape, generator=g) * 1.5 + 0.5))
        norm.running_mean.copy_(x.mean((0, 2, 3)) + (torch.rand(deviation.shape, generator=g) - 0.5) * deviation)

    hooks = [module.register_forward_pre_hook(draw) for module in model.modules()
             if isinstance(module, torch.nn.BatchNorm2d)]
    with torch.no_grad():
        model(torch.randn(8, 3, size, size, generator=g))
    for hook in hooks:
        hook.remove()


def input_size(name: str) -> int:
    """The size that the architecture is built for."""
    return 299 if name == "inception_v3" else 224


def random_network(name: str, seed: int) -> torch.nn.Module:
    model = build(name)
    randomise(model, seed)
    if has_gates(model):
        near_statistics(model, input_size(name), seed)
    return model


def export(name: str, path: pathlib.Path, seed: int, fuse: bool, opset: int, open_size: bool = False) -> torch.nn.Module:
    """Returns the network that was written; `open_size` leaves height and width open."""
    model = random_network(name, seed)
    size = input_size(name)
    mode = torch.onnx.TrainingMode.EVAL if fuse else torch.onnx.TrainingMode.PRESERVE
    # Newer PyTorch has a second exporter, which writes files of another make and knows no opset below 18.
    tracing = {"dynamo": False} if "dynamo" in inspect.signature(torch.onnx.export).parameters else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model, torch.zeros(2, 3, size, size), str(path), opset_version=opset, training=mode,
                          do_constant_folding=fuse, input_names=["image"], output_names=["logits"],
                          dynamic_axes={"image": {0: "N"} | ({2: "H", 3: "W"} if open_size else {}), "logits": {0: "N"}},
                          **tracing)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("names", nargs="+", help="torchvision model names")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder to write NAME.onnx into")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--opset", type=int, default=13)
    parser.add_argument("--fuse", action="store_true", help="let the exporter fold batch norms into convolutions")
    parser.add_argument("--open", action="store_true", help="leave height and width open")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for name in args.names:
        path = args.out / f"{name}.onnx"
        export(name, path, args.seed, args.fuse, args.opset, args.open)
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB", flush=True)


if __name__ == "__main__":
    main()
