"""How much each teacher of a hint counts, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor

from ...core import Context
from ...ops.simplex import equal


@runtime_checkable
class Trust(Protocol):
    """Weights of several teachers of features; looks at what `Context` holds and at the losses.

    Attributes:
        source: citation key; empty for the plain mean.
    """

    @property
    def source(self) -> str: ...

    def weights(self, losses: Tensor, valid: Tensor, adapted: Sequence[Tensor], context: Context) -> Tensor:
        """float [T, B] without gradient; 0 where not valid, and on average over the rows adding up to 1.

        Args:
            losses: float [T, B], detached.
            valid: bool [T, B], which teacher knows which row.
            adapted: per teacher, the student's features [B, ...] as its loss compares them, detached.
            context: rows, labels and where training stands.
        """
        ...


@dataclass(frozen=True)
class Equally:
    """The same for every teacher that knows the row."""

    source = ""

    def weights(self, losses: Tensor, valid: Tensor, adapted: Sequence[Tensor], context: Context) -> Tensor:
        """[T, B]: one over the number of teachers that know the row."""
        return equal(valid, losses.dtype)
