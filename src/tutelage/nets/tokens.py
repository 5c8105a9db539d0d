"""A small transformer on tokens, for texts whose order matters."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..core import InputError


class TokenTransformer(nn.Module):
    """Tokens with learnt places, layers of self-attention, their mean, and a linear head (Vaswani et al. 2017).

    Layer norm comes first in each half of a layer. A batch is cut to its longest text.

    Args:
        codes: number of codes beside 0, which stands for no token.
        outputs: number of outputs.
        length: most tokens of a text.
        width: numbers per token.
        layers: number of layers.
        heads: of attention; divides `width`.
        dropout: share that is dropped inside the layers and of tokens while training.

    Raises:
        InputError: heads do not divide the width.
    """

    def __init__(
        self,
        codes: int,
        outputs: int,
        length: int = 128,
        width: int = 64,
        layers: int = 2,
        heads: int = 4,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if heads < 1 or width % heads:
            raise InputError(f"TokenTransformer cuts its width into heads: {width=} must be a multiple of {heads=}")
        self.table = nn.Embedding(codes + 1, width, padding_idx=0)
        nn.init.normal_(self.table.weight, std=0.1)
        self.places = nn.Parameter(torch.randn(1, length, width) * 0.02)
        settings: dict[str, Any] = {"activation": "gelu", "batch_first": True, "norm_first": True}
        layer = nn.TransformerEncoderLayer(width, heads, 2 * width, dropout, **settings)
        self.layers = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.lost, self.norm, self.head = nn.Dropout(dropout), nn.LayerNorm(width), nn.Linear(width, outputs)

    def forward(self, tokens: Tensor) -> Tensor:
        """[B, outputs] from codes [B, L], or [B, L, parts], whose parts are added up.

        Raises:
            InputError: texts are longer than `length`.
        """
        codes = tokens.long() if tokens.dim() == 3 else tokens.long().unsqueeze(-1)
        there = codes[:, :, 0] > 0
        longest = max(1, int(there.sum(1).max()))
        if longest > self.places.shape[1]:
            raise InputError(f"this transformer reads {self.places.shape[1]} tokens, got {longest}: make it longer")
        codes, there = codes[:, :longest], there[:, :longest]
        there = there | (torch.arange(longest, device=tokens.device) == 0)  # of an empty text something is looked at
        words = self.table(codes).sum(2) + self.places[:, :longest]
        state = self.layers(self.lost(words), src_key_padding_mask=~there)
        weight = there.unsqueeze(-1) / there.sum(1).view(-1, 1, 1)
        return self.head((self.norm(state) * weight).sum(1))
