"""The parts of a report: small frozen records, one per thing a report can show.

`Contender`, `Curve` and `TeacherCard` are always there (possibly none of them); the others are optional and a
report simply leaves their figure out. Everything is plain data (strings, numbers, tuples, mappings), so that
`tutelage.report.codec` can write it as JSON and read it back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Role = Literal["baseline", "teacher", "ensemble", "student", "stage"]
IntervalKind = Literal["t over seeds", "bootstrap over rows"]


@dataclass(frozen=True)
class Contender:
    """One competitor of the leaderboard.

    Args:
        name: unique in its report.
        role: `baseline` is a student without teachers; `stage` an intermediate student.
        metrics: metric -> one value per seed, or a single value when the contender does not depend on the seed.
        cost: any of parameters, p50_ms, p99_ms, rows_per_s, bytes, train_seconds, steps_to_95.
        note: one short remark, shown next to the name.
    """

    name: str
    role: Role
    metrics: Mapping[str, tuple[float, ...]]
    cost: Mapping[str, float | int] = field(default_factory=dict[str, float | int])
    note: str = ""


@dataclass(frozen=True)
class Curve:
    """One line of a learning-curve plot: `values[i]` of `name` was measured at `steps[i]`."""

    contender: str
    seed: int
    name: str
    steps: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class TeacherCard:
    """Who a teacher is.

    Args:
        coverage: the classes it knows; empty means all of them.
        abstained: share of rows, in [0, 1], on which it said nothing.
        seen: did it see the rows it answers: "unseen", "learnt from <n> of <m>", "unknown" or "flagged: <why>".
        calibration: in words, such as "temperature 1.8 on 400 held-out rows".
        reads: the raw columns it needs.
        source: what it is bound to; empty when it is asked about every row.
        asked: rows that it was asked about, training and validation.
        quality: the headline metric on the labelled test rows that it answered.
        judged: how many these are.
        weight: mean share of the student's target that came from it.
        hidden: columns it reads that the student does not see.
    """

    name: str
    kind: str
    fingerprint: str = ""
    coverage: tuple[str, ...] = ()
    abstained: float = 0.0
    seen: str = "unknown"
    calibration: str = ""
    reads: tuple[str, ...] = ()
    source: str = ""
    asked: int = 0
    quality: float | None = None
    judged: int = 0
    weight: float | None = None
    hidden: tuple[str, ...] = ()


@dataclass(frozen=True)
class WeightsOverTime:
    """Mean trust per teacher as training goes on; `values[step][teacher]`."""

    names: tuple[str, ...]
    steps: tuple[int, ...]
    values: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class WeightsByClass:
    """Mean trust per teacher on the rows of each true class; `values[teacher][class]`."""

    names: tuple[str, ...]
    classes: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Agreement:
    """Share of rows on which two contenders give the same answer; `matrix[i][j]`, symmetric."""

    names: tuple[str, ...]
    matrix: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Confusion:
    """Row counts of the best student; `matrix[true][predicted]`."""

    classes: tuple[str, ...]
    matrix: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class ReliabilityBin:
    """Rows whose confidence fell into one bin: mean confidence, share correct, how many."""

    confidence: float
    accuracy: float
    count: int


@dataclass(frozen=True)
class ClassGain:
    """Gain of the best student over the reference, per class, in units of `metric`."""

    classes: tuple[str, ...]
    values: tuple[float, ...]
    metric: str


@dataclass(frozen=True)
class Residuals:
    """What a regression student predicted, beside the truth, on (a sample of) the test rows."""

    actual: tuple[float, ...]
    predicted: tuple[float, ...]


@dataclass(frozen=True)
class Disagreement:
    """A row on which the teachers disagree.

    Args:
        answers: teacher -> its answer in words.
        score: how much they disagree; larger is more.
        excerpt: a short piece of the row for a human reader; treated as hostile text.
    """

    row: int
    label: str
    answers: Mapping[str, str]
    score: float
    excerpt: str = ""


@dataclass(frozen=True)
class ColumnDrift:
    """How far one column of the newer rows is from the training rows."""

    column: str
    score: float
    flagged: bool


@dataclass(frozen=True)
class Drift:
    """Drift per column; `measure` names the score (such as "population stability index")."""

    measure: str
    columns: tuple[ColumnDrift, ...]
