"""The small conv nets and the images that several benchmarks share."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from tutelage import Rows, rows_of

IMAGES, SIDE, CLASSES, BATCH = 4096, 16, 10, 128


class Block(nn.Module):
    """Residual block of two 3 x 3 convolutions."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.one = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.norm_one = nn.BatchNorm2d(outside)
        self.two = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.norm_two = nn.BatchNorm2d(outside)
        self.pass_by = nn.Sequential()
        if stride > 1 or inside != outside:
            self.pass_by = nn.Sequential(nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside))

    def forward(self, x: Tensor) -> Tensor:
        inner = torch.relu(self.norm_one(self.one(x)))
        return torch.relu(self.norm_two(self.two(inner)) + self.pass_by(x))


def resnet8() -> nn.Module:
    """A teacher of about 78,000 parameters."""
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, 1, 1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        Block(16, 16, 1),
        Block(16, 32, 2),
        Block(32, 64, 2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, CLASSES),
    )


def tiny() -> nn.Module:
    """A student of about 24,000 parameters."""
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, 1, 1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, 2, 1),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, 2, 1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, CLASSES),
    )


def rows_of_images(images: int = IMAGES, seed: int = 0) -> Rows:
    """Pixels without meaning, for figures that depend on sizes alone; every row trains."""
    chance = np.random.default_rng(seed)
    pixels = chance.standard_normal((images, 3, SIDE, SIDE)).astype(np.float32)
    target = chance.integers(0, CLASSES, images)
    names = [str(number) for number in range(CLASSES)]
    none = np.zeros(0, dtype=np.int64)
    return rows_of({"image": pixels}, target, names=names, train=np.arange(images), validation=none, test=none)
