"""Attention transfer: where a layer is active, whatever its channels mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from ...core import Context, InputError
from .adapter import level
from .geometry import unit


@dataclass(frozen=True)
class AT:
    """Squared difference of attention maps (Zagoruyko and Komodakis, 2017).

    An attention map is the mean square over channels at each position, at length 1. Channels may differ in number.

    Args:
        over: `mean` takes the mean over positions, `norm` the length of the difference, as the paper has it.
    """

    name = "at"
    source = "zagoruyko2017"
    needs = frozenset[str]()
    aligned = False

    over: Literal["mean", "norm"] = "mean"

    def loss(self, student: Tensor, teacher: Tensor, context: Context, head: nn.Module | None = None) -> Tensor:
        """[B].

        Raises:
            InputError: vectors, which have no positions, or positions that do not fit.
        """
        if student.dim() < 3 or teacher.dim() < 3:
            raise InputError(f"{self.name} compares positions of maps [B, C, H, W] or tokens [B, L, D], not vectors")
        away = attention(student, teacher)
        return away.square().mean(1) if self.over == "mean" else torch.linalg.vector_norm(away, dim=1)


def attention(student: Tensor, teacher: Tensor) -> Tensor:
    """Difference of the attention maps at length 1, [B, positions]."""
    one, other = level(student, teacher)
    return _map(one) - _map(other)


def _map(features: Tensor) -> Tensor:
    channel = 1 if features.dim() == 4 else -1
    return unit(features.square().mean(channel).flatten(1))
