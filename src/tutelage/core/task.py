"""What a student is for, as Protocols."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, runtime_checkable

from torch import Tensor, nn

from .batch import Batch
from .spaces import Space


@runtime_checkable
class Task(Protocol):
    """What the student is for: answer space, hard loss, metrics.

    Attributes:
        name: `classification`, `multilabel`, `regression`, `ranking`.
        space: kind of answer and names.
        headline: the metric a table is sorted by.
        higher_is_better: direction of each metric.
    """

    name: ClassVar[str]
    higher_is_better: ClassVar[Mapping[str, bool]]

    @property
    def headline(self) -> str: ...
    @property
    def space(self) -> Space: ...

    def answer(self, student: nn.Module, batch: Batch) -> Any:
        """The only place that calls the student."""
        ...

    def hard_loss(self, answer: Any, target: Tensor) -> Tensor:
        """[*items]: loss against the labels, before any weighting."""
        ...

    def decode(self, answer: Any) -> Tensor:
        """The only place that turns an answer into predictions."""
        ...

    def metrics(self, answer: Any, target: Tensor, labelled: Tensor) -> dict[str, float]:
        """Quality on labelled rows."""
        ...


@runtime_checkable
class MeasuresRows(Protocol):
    """A task some of whose metrics are means over rows; resampling rows then needs no ranking or sorting again."""

    def row_metrics(self, answer: Any, target: Tensor, labelled: Tensor) -> dict[str, Tensor]:
        """By metric, its value per labelled row, float64 [n]."""
        ...
