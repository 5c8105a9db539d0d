"""Centred kernel alignment of a batch."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from ...core import Context
from .geometry import rows_of, unit


@dataclass(frozen=True)
class CKA:
    """One minus the linear centred kernel alignment of the two sides (Kornblith et al., 2019).

    One number for the batch, which each of its rows gets. It sees no rotation, shift or scale. Without variance on one
    side it is 1.
    """

    name = "cka"
    source = "kornblith2019"
    needs = frozenset({"batch"})
    aligned = False

    def loss(self, student: Tensor, teacher: Tensor, context: Context, head: nn.Module | None = None) -> Tensor:
        """[B], all alike."""
        one, other = _gram(student), _gram(teacher)
        return (1.0 - (unit(one) * unit(other)).sum()).expand(len(student))


def _gram(features: Tensor) -> Tensor:
    """[B * B]: inner products of the centred rows, at a scale that no number type minds."""
    rows = rows_of(features)
    rows = rows - rows.mean(0)
    rows = unit(rows.flatten()).view(rows.shape)
    return (rows @ rows.T).flatten()
