"""What a fusion, a term or a task may offer besides its role, so that training costs less; nobody has to."""

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


@runtime_checkable
class Graded(Protocol):
    """A term that knows its gradient in closed form, so that no graph has to be built and walked."""

    def graded(self, student: Any, phi: Tensor, temperature: float, trust: Tensor) -> tuple[Tensor, Tensor]:
        """`pull` (or `loss`) [B], and its gradient with respect to the student's scores [B, C], rows times `trust`.

        Args:
            student: answer without a graph, which covers everything, as phi does.
            phi: [B, C], a mean statistic wherever trust is not 0.
            temperature: as in `pull`.
            trust: float [B].
        """
        ...


@runtime_checkable
class HardGraded(Protocol):
    """A task that knows the gradient of its hard loss in closed form."""

    def hard_graded(self, answer: Any, target: Tensor, trust: Tensor) -> tuple[Tensor, Tensor]:
        """`hard_loss` [B], and its gradient with respect to the answer's scores [B, C], rows times `trust`.

        Args:
            answer: without a graph, covering everything.
            target: [B], of any value where there is no label.
            trust: float [B].
        """
        ...
