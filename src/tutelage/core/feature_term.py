"""What a comparison of features is, as a Protocol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from torch import Tensor, nn

from .protocols import Context


@runtime_checkable
class FeatureTerm(Protocol):
    """One comparison of the student's features with those of a teacher.

    Attributes:
        name: as printed in logs.
        source: citation key.
        needs: `batch` when rows look at each other, `row` when row numbers are used, else empty. Terms with either
            depend on how rows are put into batches, so that gradient accumulation is not exact.
        aligned: both sides are compared entry by entry, so that they have to have one shape; an adapter then brings
            the student's features into the teacher's width.
    """

    @property
    def name(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def needs(self) -> frozenset[str]: ...
    @property
    def aligned(self) -> bool: ...

    def loss(self, student: Tensor, teacher: Tensor, context: Context, head: nn.Module | None = None) -> Tensor:
        """[B]: loss of each row.

        Args:
            student: float [B, ...]; of the teacher's shape for aligned terms.
            teacher: float [B, ...], without gradient.
            context: rows, labels and where training stands.
            head: what `LearningTerm.head` made; None for terms that have nothing of their own to learn.
        """
        ...


@runtime_checkable
class LearningTerm(Protocol):
    """A feature term that has a part of its own which learns with the student, one for each teacher."""

    def head(self, student: Sequence[int], teacher: Sequence[int]) -> nn.Module:
        """The part for features of these shapes per row, drawn from torch's generator, which the caller seeds."""
        ...
