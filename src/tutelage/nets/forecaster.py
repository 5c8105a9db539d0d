"""A small recurrent net that says how a sequence of numbers goes on."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn

from ..core import InputError


@final
class Forecaster(nn.Module):
    """Reads a sequence with gated recurrent units, and answers from its last state, its last step and other features.

    Cho et al. 2014. The last step reaches the answer directly, so that "as it is now" is easy to say.

    Args:
        features: numbers per step.
        outputs: number of outputs.
        others: numbers per row beside the sequence; 0 for a net that reads the sequence alone.
        width: units.

    Raises:
        InputError: a number is below 1, or `others` below 0.
    """

    def __init__(self, features: int, outputs: int, others: int = 0, width: int = 32) -> None:
        super().__init__()
        if min(features, outputs, width) < 1 or others < 0:
            raise InputError(
                "Forecaster needs features, outputs and width from 1 and others from 0; "
                f"got {features=}, {outputs=}, {others=}, {width=}"
            )
        self.units = nn.GRU(features, width, batch_first=True)
        self.body = nn.Sequential(nn.Linear(width + features + others, width), nn.ReLU())
        self.head = nn.Linear(width + features + others, outputs)

    def forward(self, sequence: Tensor, *others: Tensor) -> Tensor:
        """[B, outputs] from sequences [B, L, features] (or [B, L] of one feature) and other numbers [B, ...]."""
        steps = sequence.float() if sequence.dim() == 3 else sequence.float().unsqueeze(-1)
        _, state = self.units(steps)
        parts = [steps[:, -1], *(other.float().flatten(1) for other in others)]
        hidden = self.body(torch.cat([state[-1], *parts], 1))
        return self.head(torch.cat([hidden, *parts], 1))
