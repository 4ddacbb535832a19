#!/usr/bin/python3
"""Trains the demo's network on rendered scenes and writes demo.onnx and demo.limn.json.

    python3 tools/demo/train.py --out data/demo

The network learns from class names alone: no box and no mask enters the loss.
"""
import argparse
import multiprocessing
import os
import time
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from garments import DATASET, LABELS, Wardrobe
from network import INPUT, MEAN, STD, Network, write_card, write_onnx
from scenes import CLOSE, SIDE, render, render_close


@dataclass
class Lesson:
    """What is learned from at a time: `count` pictures rendered by `draw`, from `first_seed` on."""
    name: str
    draw: object
    side: int
    first_seed: int
    count: int
    epochs: int
    rate: float  # the highest learning rate
    spread: float = 0.0  # weight of the even-spread term


# Close-ups first: a network that starts on whole scenes takes many times longer to learn what a garment is.
LESSONS = [
    Lesson("close-ups of one garment", render_close, CLOSE, 1_000_000, 10000, 6, 4e-3),
    Lesson("scenes of two garments", render, SIDE, 0, 12000, 5, 2e-3),
    Lesson("fresh scenes, evidence spread evenly", render, SIDE, 12000, 12000, 4, 2e-3, 0.003),
    Lesson("more fresh scenes", render, SIDE, 24000, 12000, 5, 1.5e-3, 0.003),
]

wardrobe = None  # one per rendering process


def open_wardrobe(dataset):
    global wardrobe
    wardrobe = Wardrobe("train", dataset)


def render_one(task):
    draw, seed = task
    scene = draw(seed, wardrobe)
    side = len(scene.image) * INPUT // SIDE
    present = np.zeros(len(LABELS), np.float32)
    present[[garment.label for garment in scene.garments]] = 1
    picture = Image.fromarray(scene.image).resize((side, side), Image.BILINEAR)
    return np.asarray(picture).transpose(2, 0, 1), present


def render_lesson(lesson, dataset, processes=2):
    """A lesson's pictures at the size the network takes: (images [count, 3, s, s] bytes, present [count, classes])."""
    count, side = lesson.count, lesson.side * INPUT // SIDE
    images = np.empty((count, 3, side, side), np.uint8)
    present = np.empty((count, len(LABELS)), np.float32)
    tasks = [(lesson.draw, lesson.first_seed + index) for index in range(count)]
    with multiprocessing.Pool(processes, open_wardrobe, (dataset,)) as pool:
        for index, pair in enumerate(pool.imap(render_one, tasks, 64)):
            images[index], present[index] = pair
    return torch.from_numpy(images), torch.from_numpy(present)


def vary(images, generator):
    """A batch of byte images as network input: mirrored, its colour channels permuted, brighter or darker."""
    count = len(images)
    images = images.float() / 255
    mirrored = torch.rand(count, generator=generator) < 0.5
    images[mirrored] = images[mirrored].flip(3)
    order = torch.rand(count, 3, generator=generator).argsort(1)
    images = images.gather(1, order[:, :, None, None].expand_as(images))
    images = (images * (0.8 + 0.4 * torch.rand(count, 1, 1, 1, generator=generator))).clamp(0, 1)
    return (images - MEAN) / STD


def loss_of(logits, maps, present, quiet, spread):
    """Is each class there (binary cross-entropy), plus two terms on the class maps, both from class names alone:
    an absent class finds nothing anywhere, and evidence spreads evenly rather than heaping up on one spot."""
    found = functional.relu(maps)
    noise = (found.mean((2, 3)) * (1 - present)).sum(1).mean()
    heaps = found.square().mean((2, 3)).sum(1).mean()
    return functional.binary_cross_entropy_with_logits(logits, present) + quiet * noise + spread * heaps


def train(network, images, present, lesson, options):
    """One lesson: all its epochs under a learning rate that rises to lesson.rate and falls to almost 0."""
    epochs, rate = lesson.epochs, lesson.rate
    generator = torch.Generator().manual_seed(options.seed)
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=options.decay)
    steps = epochs * (len(images) // options.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, steps, pct_start=0.2)
    network.train()
    start = time.time()
    for epoch in range(epochs):
        order = torch.randperm(len(images), generator=generator)
        total = right = 0
        for first in range(0, len(images) - options.batch + 1, options.batch):
            rows = order[first : first + options.batch]
            logits, maps = network(vary(images[rows], generator))
            loss = loss_of(logits, maps, present[rows], options.quiet, lesson.spread)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item()
            right += all_right(logits, present[rows]).sum().item()
        batches = len(images) // options.batch
        print(f"epoch {epoch + 1}: loss {total / batches:.4f}, all garments right "
              f"{right / batches / options.batch:.4f}, {time.time() - start:.0f} s", flush=True)


def all_right(logits, present):
    """True for each picture whose highest logits are its garments."""
    count = int(present[0].sum())
    return present.gather(1, logits.topk(count).indices).sum(1) == count


def main():
    parser = argparse.ArgumentParser(description="Train the demo's network on rendered scenes.")
    parser.add_argument("--out", default="data/demo", help="folder to write (default: %(default)s)")
    parser.add_argument("--dataset", default=DATASET, help="folder of the Fashion-MNIST files (default: %(default)s)")
    parser.add_argument("--share", type=float, default=1.0, help="use only this part of every lesson (default: 1)")
    parser.add_argument("--batch", type=int, default=64, help="scenes a step (default: %(default)s)")
    parser.add_argument("--decay", type=float, default=1e-2, help="weight decay (default: %(default)s)")
    parser.add_argument("--quiet", type=float, default=0.05, help="absent-class weight (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of weights, order and variation (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="PyTorch threads (default: %(default)s)")
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    network = Network().to(memory_format=torch.channels_last)
    for lesson in LESSONS:
        lesson.count = int(lesson.count * options.share)
        images, present = render_lesson(lesson, options.dataset)
        print(f"{lesson.count} {lesson.name}", flush=True)
        train(network, images, present, lesson, options)
    os.makedirs(options.out, exist_ok=True)
    write_onnx(network.eval(), os.path.join(options.out, "demo.onnx"))
    write_card(os.path.join(options.out, "demo.limn.json"))


if __name__ == "__main__":
    main()
