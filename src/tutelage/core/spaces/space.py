"""What an answer is, seen from outside: the contract that store, teach and split rely on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

from torch import Tensor

FLOOR = 1e-6
"""Smallest probability that enters a logarithm anywhere in the house."""


@runtime_checkable
class Answer(Protocol):
    """What one teacher (or the student) says about some rows.

    An answer is a few tensors whose leading axis is the row axis. A stacked answer has one more
    axis in front: the teachers.
    """

    kind_of_space: ClassVar[str]

    @property
    def valid(self) -> Tensor:
        """bool [*items]: False where the teacher abstains."""
        ...

    @property
    def coverage(self) -> Tensor:
        """bool [C]: the classes, labels or columns that the teacher knows."""
        ...

    @property
    def items(self) -> tuple[int, ...]:
        """Shape of one loss value, weight or validity mask: [B], [B, C] or [B, D]."""
        ...

    def __len__(self) -> int: ...

    def take(self, rows: Tensor | slice) -> Answer:
        """The answers about these positions."""
        ...

    def aligned(self, groups: Sequence[Sequence[int]]) -> Answer:
        """The same answer in other names: entry c collects the old entries `groups[c]`."""
        ...

    def to_arrays(self) -> dict[str, Tensor]:
        """Named tensors with leading row axis: all that changes from row to row."""
        ...

    def meta(self) -> dict[str, Any]:
        """What does not change from row to row, as JSON values."""
        ...

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Tensor], meta: Mapping[str, Any]) -> Answer:
        """The inverse of `to_arrays` and `meta`."""
        ...

    @classmethod
    def stack(cls, answers: Sequence[Any]) -> Answer:
        """One answer with a leading teacher axis."""
        ...

    @classmethod
    def concat(cls, answers: Sequence[Any]) -> Answer:
        """One answer about all rows, in order."""
        ...

    def check(self, who: str) -> None:
        """Raises InputError when a valid entry is not finite or a shape is wrong; names `who`."""
        ...


@dataclass(frozen=True)
class Space:
    """A kind of answer and the names of its entries (classes, labels, columns, or the column of the candidates)."""

    answer: type[Any]
    names: tuple[str, ...]

    @property
    def kind(self) -> str:
        """Name of the kind of answer, as written in files: `classes`, `labels`, `values`, `scores`."""
        return self.answer.kind_of_space
