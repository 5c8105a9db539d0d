"""A small vision transformer."""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor, nn

from ..core import InputError
from .conv import channels_first


@final
class ViT(nn.Module):
    """Patches of an image as tokens with learnt places, layers of self-attention, their mean, and a linear head.

    Dosovitskiy et al. 2021, with the mean of the tokens in place of a token of its own, as Beyer, Zhai and Kolesnikov
    2022 advise for small data; layer norm comes first in each half of a layer.

    Args:
        channels: input channels; [B, H, W] input counts as one channel.
        outputs: number of outputs.
        size: side of the images in pixels.
        patch: side of a patch in pixels; divides `size`.
        width: numbers per token.
        layers: number of layers.
        heads: of attention; divides `width`.
        dropout: share that is dropped inside the layers while training.
        scale: inputs are multiplied by it (1/255 for bytes).

    Raises:
        InputError: patches do not fill the image, or heads the width.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        size: int = 32,
        patch: int = 4,
        width: int = 96,
        layers: int = 4,
        heads: int = 4,
        dropout: float = 0.0,
        scale: float = 1.0,
    ) -> None:
        super().__init__()
        if patch < 1 or heads < 1 or size % patch or width % heads:
            raise InputError(
                f"ViT cuts images into patches that fill them, and tokens into heads: {size=} must be a multiple of "
                f"{patch=}, and {width=} of {heads=}"
            )
        self.patches = nn.Conv2d(channels, width, patch, patch)
        self.places = nn.Parameter(torch.randn(1, (size // patch) ** 2, width) * 0.02)
        settings: dict[str, Any] = {"activation": "gelu", "batch_first": True, "norm_first": True}
        layer = nn.TransformerEncoderLayer(width, heads, 2 * width, dropout, **settings)
        self.layers = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, outputs)
        self.size, self.scale = size, scale

    def forward(self, image: Tensor) -> Tensor:
        """[B, outputs] from images [B, H, W], [B, C, H, W], or bytes [B, H, W, 3].

        Raises:
            InputError: the images have another size.
        """
        image = channels_first(image)
        if image.shape[-2:] != (self.size, self.size):
            raise InputError(
                f"this ViT reads images of {self.size} x {self.size} pixels, got {image.shape[-2]} x {image.shape[-1]}"
            )
        tokens = self.patches(image.float() * self.scale).flatten(2).transpose(1, 2)
        return self.head(self.norm(self.layers(tokens + self.places).mean(1)))
