"""Similarity-preserving distillation: which rows of a batch activate a layer alike."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from ...core import Context
from .geometry import rows_of, unit


@dataclass(frozen=True)
class SP:
    """Squared difference of the batch's similarity matrices, their rows at length 1 (Tung and Mori, 2019).

    The mean over rows is the squared Frobenius norm over B squared.
    """

    name = "sp"
    source = "tung2019"
    needs = frozenset({"batch"})
    aligned = False

    def loss(self, student: Tensor, teacher: Tensor, context: Context, head: nn.Module | None = None) -> Tensor:
        """[B]."""
        return (_similarity(student) - _similarity(teacher)).square().mean(1)


def _similarity(features: Tensor) -> Tensor:
    rows = rows_of(features)
    return unit(rows @ rows.T)
