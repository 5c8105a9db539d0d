"""Who takes part in a contest, and what came out for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ..core import Fusion, SignalSource
from ..data.rows import Rows
from ..teaching import Distillation, Hint
from .evaluate import Performance
from .fit import Fitted

LABELS_ONLY = "student: labels only"
ALL_LABELS = "student: all labels the teachers had"
SINGLE = "student: best single teacher"
MEAN = "student: plain mean"
PSEUDO = "student: hard pseudo-labels of the ensemble"
CHOSEN = "student: chosen fusion"
WITHOUT = "student: chosen fusion without hints"
FINISHED = "student: chosen fusion, then labels"

Role = Literal["baseline", "teacher", "ensemble", "student", "stage"]


@dataclass(frozen=True)
class Entry:
    """A student to be trained.

    Attributes:
        rows: the table with the rows and labels this student may use.
        source: signals it learns from; None for labels alone.
        fusion: how they are combined.
        hints: comparisons of features, beside the answers.
        rates: learning rates to choose from on validation rows; that of the settings unless given.
    """

    name: str
    role: Role
    rows: Rows
    source: SignalSource | None
    fusion: Fusion
    hints: tuple[Hint, ...] = ()
    rates: tuple[float, ...] = ()


@dataclass(frozen=True)
class Result:
    """What came out for one contender under one seed.

    Attributes:
        performance: on the test rows; of a student at its last epoch.
        best: metrics of a student at the epoch that was best on validation rows.
        rate: the learning rate, where it was chosen.
    """

    name: str
    role: Role
    performance: Performance
    target: Distillation | None = None
    fitted: Fitted | None = None
    best: Mapping[str, float] = field(default_factory=dict[str, float])
    rate: float | None = None
