"""Checkpoints of torchvision's networks with everything in them random, and what PyTorch makes of images with them."""
import warnings

import torch
import torchvision


def randomise(module, seed):
    """Every parameter and buffer random; scaled so that signals neither die nor explode on their way."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(like, low, high):
        return torch.rand(like.shape, generator=generator) * (high - low) + low

    with torch.no_grad():
        for m in module.modules():
            if isinstance(m, torch.nn.BatchNorm2d):
                m.weight.copy_(uniform(m.weight, 0.6, 1.2))
                m.bias.copy_(uniform(m.bias, -0.3, 0.3))
                m.running_mean.copy_(uniform(m.running_mean, -0.3, 0.3))
                m.running_var.copy_(uniform(m.running_var, 0.5, 2.0))
                m.num_batches_tracked.fill_(seed + 7)
            elif isinstance(m, (torch.nn.Conv2d, torch.nn.Linear)):
                fan_in = m.weight[0].numel()
                m.weight.copy_(torch.randn(m.weight.shape, generator=generator) * (2 / fan_in) ** 0.5)
                if m.bias is not None:
                    m.bias.copy_(uniform(m.bias, -0.2, 0.2))
    return module.eval()


def network(name, classes, seed=0):
    """A randomised network as `limn convert NAME` understands it by default."""
    options = {"transform_input": True, "init_weights": False} if name in ("googlenet", "inception_v3") else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Nothing of its own initialisation is kept; leaving it out saves most of the time.
        kept = torch.nn.init.kaiming_normal_, torch.nn.init.normal_, torch.nn.init.kaiming_uniform_
        torch.nn.init.kaiming_normal_ = torch.nn.init.normal_ = torch.nn.init.kaiming_uniform_ = lambda t, *a, **k: t
        try:
            module = getattr(torchvision.models, name)(weights=None, num_classes=classes, **options)
        finally:
            torch.nn.init.kaiming_normal_, torch.nn.init.normal_, torch.nn.init.kaiming_uniform_ = kept
    return randomise(module, seed)


class CheXNet(torch.nn.Module):
    """The module that CheXNet's checkpoint was saved from."""

    def __init__(self, findings=14):
        super().__init__()
        self.densenet121 = torchvision.models.densenet121(weights=None)
        self.densenet121.classifier = torch.nn.Sequential(
            torch.nn.Linear(self.densenet121.classifier.in_features, findings), torch.nn.Sigmoid())

    def forward(self, x):
        return self.densenet121(x)

    def without_sigmoid(self):
        """The same weights, to be asked for logits."""
        twin = CheXNet()
        twin.load_state_dict(self.state_dict())
        del twin.densenet121.classifier[1]
        return twin.eval()


class Digits(torch.nn.Module):
    """One convolution and two dense layers."""

    def __init__(self):
        super().__init__()
        self.conv_layers = torch.nn.Sequential(torch.nn.Conv2d(1, 20, 5), torch.nn.MaxPool2d(2), torch.nn.ReLU())
        self.fc_layers = torch.nn.Sequential(torch.nn.Linear(2880, 50), torch.nn.ReLU(), torch.nn.Linear(50, 10))

    def forward(self, x):
        return self.fc_layers(self.conv_layers(x).flatten(1))


def image(size, channels=3, count=2, seed=1):
    """Blotches and noise: what is only noise, pooling averages out."""
    generator = torch.Generator().manual_seed(seed)
    blotches = torch.randn(count, channels, 5, 5, generator=generator)
    blotches = torch.nn.functional.interpolate(blotches, size=(size, size), mode="bilinear", align_corners=False)
    return 3 * blotches + torch.randn(count, channels, size, size, generator=generator)


def logits(module, x):
    with torch.no_grad():
        return module(x).numpy()


def save(weights, path, zip_format):
    torch.save(weights, path, _use_new_zipfile_serialization=zip_format)
