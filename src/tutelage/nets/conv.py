"""A small convolutional net for images."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..core import InputError


class ConvNet(nn.Module):
    """Two stages of 3x3 convolution, batch norm and ReLU, halving the resolution, then a linear head.

    Args:
        channels: input channels; [B, H, W] input counts as one channel.
        outputs: number of outputs.
        widths: channels of the stages.
        scale: inputs are multiplied by it (1/255 for bytes).
        places: rows and columns of places that the head tells apart; each is the mean of its part of the image. With
            (1, 1) it does not matter where something is.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        widths: tuple[int, ...] = (16, 32),
        scale: float = 1.0,
        places: tuple[int, int] = (1, 1),
    ) -> None:
        super().__init__()
        stages: list[nn.Module] = []
        before = channels
        for width in widths:
            stages += [*convolution(before, width), nn.MaxPool2d(2)]
            before = width
        self.stages = nn.Sequential(*stages)
        self.head = nn.Linear(before * places[0] * places[1], outputs)
        self.scale, self.places = scale, places

    def forward(self, image: Tensor) -> Tensor:
        """[B, outputs] from images [B, H, W], [B, C, H, W], or bytes [B, H, W, 3]."""
        hidden = self.stages(channels_first(image).float() * self.scale)
        return self.head(torch.flatten(nn.functional.adaptive_avg_pool2d(hidden, self.places), 1))


def convolution(before: int, width: int) -> tuple[nn.Module, ...]:
    """3x3 convolution that keeps the resolution, batch norm, ReLU."""
    return nn.Conv2d(before, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()


def channels_first(image: Tensor) -> Tensor:
    """[B, C, H, W] from that, from [B, H, W], or from [B, H, W, C] with 1 or 3 channels."""
    if image.dim() == 3:
        return image.unsqueeze(1)
    if image.shape[-1] in (1, 3) and image.shape[1] not in (1, 3):
        return image.permute(0, 3, 1, 2)
    return image


def check_halvings(image: Tensor, count: int, who: str) -> None:
    """Refuses images [..., H, W] that are too small to be halved so many times.

    Raises:
        InputError: names the net, the least size and that of the images.
    """
    least = 2**count
    if min(image.shape[-2:]) < least:
        raise InputError(
            f"{who} needs images of at least {least} x {least} pixels, got {image.shape[-2]} x {image.shape[-1]}: "
            "give larger images or fewer widths"
        )
