"""Nets in the manner of VGG, in any depth and width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from ..core import InputError
from .conv import channels_first, check_halvings, convolution


@final
class VGG(nn.Module):
    """Blocks of 3x3 convolutions, each block ending in a max pool that halves the resolution; then a linear head.

    Simonyan and Zisserman 2015, with batch norm behind each convolution (Ioffe and Szegedy 2015), and with the average
    over all places in front of one linear layer where the paper has three wide ones: most of its parameters are there.
    The convolutions of VGG-16 are `widths=(64, 128, 256, 512, 512), depth=(2, 2, 3, 3, 3)`.

    Args:
        channels: input channels; [B, H, W] input counts as one channel.
        outputs: number of outputs.
        widths: channels of the blocks.
        depth: convolutions in each block: one number for all, or one per block.
        dropout: share of the averaged features that are dropped while training.
        scale: inputs are multiplied by it (1/255 for bytes).

    Raises:
        InputError: there is no block, a number is below 1, or depths and widths differ in number.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        widths: Sequence[int] = (16, 32, 64),
        depth: int | Sequence[int] = 2,
        dropout: float = 0.0,
        scale: float = 1.0,
    ) -> None:
        super().__init__()
        depths = [depth] * len(widths) if isinstance(depth, int) else list(depth)
        if not depths or len(depths) != len(widths) or min(*depths, *widths, channels, outputs) < 1:
            raise InputError(
                "VGG needs at least one block, for each a width and a depth from 1, and channels and outputs from 1; "
                f"got {channels=}, {outputs=}, widths={tuple(widths)}, {depth=}"
            )
        self.blocks = nn.Sequential()
        before = channels
        for width, number in zip(widths, depths, strict=True):
            layers: list[nn.Module] = []
            for _ in range(number):
                layers += convolution(before, width)
                before = width
            self.blocks.append(nn.Sequential(*layers, nn.MaxPool2d(2)))
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(before, outputs)
        self.scale = scale

    def forward(self, image: Tensor) -> Tensor:
        """[B, outputs] from images [B, H, W], [B, C, H, W], or bytes [B, H, W, 3].

        Raises:
            InputError: the images are too small to be halved by every block.
        """
        image = channels_first(image)
        check_halvings(image, len(self.blocks), f"a VGG of {len(self.blocks)} blocks")
        hidden = self.blocks(image.float() * self.scale)
        return self.head(self.dropout(torch.mean(hidden, dim=(2, 3))))
