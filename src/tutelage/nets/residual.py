"""Residual nets for images, in any width and number of blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from ..core import InputError
from .conv import channels_first, check_halvings, convolution


class Residual(nn.Module):
    """Two 3x3 convolutions beside a way past them, which is widened by a 1x1 convolution where widths differ."""

    def __init__(self, before: int, width: int) -> None:
        super().__init__()
        last, norm, _ = convolution(width, width)
        self.body = nn.Sequential(*convolution(before, width), last, norm)
        self.past = nn.Identity() if before == width else nn.Conv2d(before, width, 1, bias=False)

    def forward(self, hidden: Tensor) -> Tensor:
        """[B, width, H, W] from [B, before, H, W]."""
        return torch.relu(self.body(hidden) + self.past(hidden))


@final
class ResNet(nn.Module):
    """A convolution and a max pool, then stages of residual blocks with a max pool between them; then a linear head.

    He et al. 2016, for small images: resolution is halved before the first stage, which costs a quarter of the paper's
    nets for CIFAR, and by pools instead of strides.

    Args:
        channels: input channels; [B, H, W] input counts as one channel.
        outputs: number of outputs.
        widths: channels of the stages.
        blocks: residual blocks in each stage.
        dropout: share of the averaged features that are dropped while training.
        scale: inputs are multiplied by it (1/255 for bytes).

    Raises:
        InputError: there is no stage, or a number is below 1.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        widths: Sequence[int] = (32, 64, 128),
        blocks: int = 1,
        dropout: float = 0.0,
        scale: float = 1.0,
    ) -> None:
        super().__init__()
        if not widths or min(*widths, blocks, channels, outputs) < 1:
            raise InputError(
                "ResNet needs at least one stage, and widths, blocks, channels and outputs from 1; "
                f"got {channels=}, {outputs=}, widths={tuple(widths)}, {blocks=}"
            )
        self.stem = nn.Sequential(*convolution(channels, widths[0]), nn.MaxPool2d(2))
        self.stages = nn.Sequential()
        before = widths[0]
        for width in widths:
            pool = [nn.MaxPool2d(2)] if len(self.stages) else []
            inside = [Residual(before if number == 0 else width, width) for number in range(blocks)]
            self.stages.append(nn.Sequential(*pool, *inside))
            before = width
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(before, outputs)
        self.scale = scale

    def forward(self, image: Tensor) -> Tensor:
        """[B, outputs] from images [B, H, W], [B, C, H, W], or bytes [B, H, W, 3].

        Raises:
            InputError: the images are too small to be halved by every stage.
        """
        image = channels_first(image)
        check_halvings(image, len(self.stages), f"a ResNet of {len(self.stages)} stages")
        hidden = self.stages(self.stem(image.float() * self.scale))
        return self.head(self.dropout(torch.mean(hidden, dim=(2, 3))))
