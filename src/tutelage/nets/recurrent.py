"""A small recurrent net for sequences of frames."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Recurrent(nn.Module):
    """Gated recurrent units (Cho et al. 2014) in both directions, the mean over time, then a linear head.

    Args:
        features: numbers per frame.
        outputs: number of outputs.
        width: units in each direction.
        layers: of units, one upon the other.
        dropout: probability, before the head and between layers.
    """

    def __init__(self, features: int, outputs: int, width: int = 32, layers: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        between = dropout if layers > 1 else 0.0
        self.units = nn.GRU(features, width, layers, batch_first=True, bidirectional=True, dropout=between)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(2 * width, outputs)

    def forward(self, frames: Tensor) -> Tensor:
        """[B, outputs] from frames [B, time, features]."""
        hidden: Tensor = self.units(frames)[0]
        return self.head(self.dropout(torch.mean(hidden, 1)))
