"""What a fusion or a term may offer besides its role, so that training costs less; nobody has to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from .protocols import Context


@runtime_checkable
class Blind(Protocol):
    """A fusion that looks at who answers and never at what: with many classes, nothing has to be stacked for it."""

    @property
    def blind(self) -> bool: ...


@runtime_checkable
class Pulling(Protocol):
    """A linear term that can leave out `energy`, which no student can change: `loss` is `energy` plus `pull`."""

    def pull(self, student: Any, phi: Tensor, coverage: Tensor, temperature: float, context: Context) -> Tensor:
        """[*items]: the part of the loss that is linear in phi."""
        ...


@runtime_checkable
class Mixing(Protocol):
    """A linear term that mixes answers about many classes teacher by teacher, so that [T, B, C] never exists."""

    def mixture(self, answers: Sequence[Any], weights: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
        """Weighted sums over T answers that cover everything: of the statistic [B, C], and of its energy [B].

        Args:
            answers: one per teacher.
            weights: float [T, B]; 0 where a teacher abstains.
            temperature: as in `statistic`.
        """
        ...
