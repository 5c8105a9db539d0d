"""Probabilistic knowledge transfer: which rows of a batch are near each other, as probabilities."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from ...core import Context
from .geometry import rows_of, unit

SMALL = 1e-7
"""Added to probabilities inside the logarithm."""


@dataclass(frozen=True)
class PKT:
    """KL(teacher ‖ student) of the probabilities that a row picks another by cosine (Passalis and Tefas, 2018).

    The mean over B squared pairs, not the sum over each row's.
    """

    name = "pkt"
    source = "passalis2018"
    needs = frozenset({"batch"})
    aligned = False

    def loss(self, student: Tensor, teacher: Tensor, context: Context, head: nn.Module | None = None) -> Tensor:
        """[B]."""
        own, other = _picked(student), _picked(teacher)
        return (other * ((other + SMALL) / (own + SMALL)).log()).mean(1)


def _picked(features: Tensor) -> Tensor:
    """[B, B]: probabilities by row."""
    rows = unit(rows_of(features))
    near = (rows @ rows.T + 1.0) / 2.0
    return near / near.sum(1, keepdim=True).clamp_min(SMALL)
