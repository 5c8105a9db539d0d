"""`Explanation`: what `explain` found out, as plain values, and the chapter that shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from ..report import Chapter, Sheet
from ..report.numbers import fixed, percent
from .faithful import Faith
from .record import Record

SHOWN = 20
"""Most groups and rows in a table; the record holds all."""


@dataclass(frozen=True)
class Formed:
    """What formed the target of one row.

    Attributes:
        row: number in the table.
        trust: teacher name -> share of the target.
    """

    row: int
    trust: Mapping[str, float]


@dataclass(frozen=True)
class Importance:
    """One group of numbers.

    Attributes:
        rise: by how much the student's loss rises when the group is taken from other rows, and the spread of this
            over the seeds' students (`spread`, standard deviation; NaN with one student).
        gradients: mean size of its integrated gradients; NaN where the student has none.
    """

    group: str
    rise: float
    spread: float
    gradients: float


@dataclass(frozen=True)
class Method:
    """How good one way of attributing is.

    Attributes:
        name: "permutation" or "integrated gradients".
        faith: deletion and insertion of the first student.
        stability: mean rank correlation between the students of different seeds, row by row; NaN with one student.
        randomised: rank correlation with the attributions of the same net with shuffled weights; near 0 is right.
    """

    name: str
    faith: Faith
    stability: float
    randomised: float


@dataclass(frozen=True)
class Agreed:
    """How far student and teacher look at the same.

    Attributes:
        groups: how many groups both read.
        rank: rank correlation of the rises of their losses over these groups; NaN below three groups.
    """

    teacher: str
    groups: int
    rank: float


@dataclass(frozen=True)
class SealedOrder:
    """The ranking of the groups on rows it never saw.

    Attributes:
        rows: sealed test rows, opened once.
        gain: area by which deleting groups in this order lowers the score of the decision faster than random orders
            do, [low, high] (95 %, over rows).
    """

    rows: int
    gain: tuple[float, float, float]


@dataclass(frozen=True)
class Explanation(Record):
    """Who formed the targets, what the student looks at, and whether to believe it.

    Attributes:
        verdict: in words.
        trust: teacher name -> mean share of the targets.
        sources: source name -> mean share of the targets; "any row" where a teacher is bound to none.
        formed: row by row.
        importances: most important first.
        methods: how good the attributions are.
        agreement: with the teachers that read what the student reads.
        rows: how many rows were attributed; none is a test row.
        students: how many, one per seed.
        check: None where it was not asked for.
        notes: remarks.
    """

    key: ClassVar[str] = "explain"
    verdict: str
    trust: Mapping[str, float]
    sources: Mapping[str, float]
    formed: tuple[Formed, ...]
    importances: tuple[Importance, ...]
    methods: tuple[Method, ...]
    agreement: tuple[Agreed, ...]
    rows: int
    students: int
    check: SealedOrder | None = None
    notes: tuple[str, ...] = ()

    def chapter(self) -> Chapter:
        """A section of the page of a run."""
        sheets = (_taught(self), _rows(self), _important(self), _methods(self), _agreed(self))
        return Chapter(
            "explain",
            "What the student looks at",
            "Which teachers formed the targets, which inputs decide, and whether such statements can be believed.",
            self.verdict,
            sheets,
            self.notes,
        )

    def chapters(self) -> tuple[Chapter, ...]:
        """The one section."""
        return (self.chapter(),)


def _taught(found: Explanation) -> Sheet:
    rows = [(name, "teacher", percent(share)) for name, share in found.trust.items()]
    rows += [(name, "source", percent(share)) for name, share in found.sources.items()]
    note = f"Mean share of the targets of {len(found.formed)} rows; explain.json has them row by row."
    return Sheet("Who formed the targets", ("who", "", "share"), tuple(rows), note)


def _rows(found: Explanation) -> Sheet:
    """The rows on which trust is most unlike the mean."""
    if not found.trust:
        return Sheet("Rows with unusual teachers", ("row",), ())

    def unlike(one: Formed) -> float:
        return sum(abs(share - found.trust[name]) for name, share in one.trust.items())

    names = list(found.trust)
    if max(map(unlike, found.formed)) < 0.01:
        return Sheet("Rows with unusual teachers", ("row",), ())
    picked = sorted(found.formed, key=unlike, reverse=True)[:5]
    rows = tuple((f"row {one.row}", *(percent(one.trust[name]) for name in names)) for one in picked)
    return Sheet("Rows with unusual teachers", ("row", *names), rows, "Where the shares are furthest from their means.")


def _important(found: Explanation) -> Sheet:
    rows = tuple(
        (one.group, fixed(one.rise, 4, sign=True) + _beside(one.spread), fixed(one.gradients, 4))
        for one in found.importances[:SHOWN]
    )
    left = len(found.importances) - len(rows)
    note = f"On {found.rows} rows without test rows; ± is the standard deviation over {found.students} students."
    more = f" {left} less important groups are in explain.json." if left else ""
    header = ("input", "loss rises by", "integrated gradients")
    return Sheet("What the student looks at", header, rows, note + more)


def _methods(found: Explanation) -> Sheet:
    rows = tuple(
        (
            one.name,
            _between(one.faith.deletion),
            _between(one.faith.insertion),
            fixed(one.stability, 2),
            fixed(one.randomised, 2),
        )
        for one in found.methods
    )
    header = ("attribution", "deletion", "insertion", "stability", "shuffled weights")
    note = (
        "Deletion, insertion: area gained over random orders, above 0 is better than chance. Stability: rank "
        "correlation between seeds. Shuffled weights: rank correlation with a net that has learnt nothing; near 0 "
        "is right."
    )
    return Sheet("Can it be believed?", header, rows, note)


def _agreed(found: Explanation) -> Sheet:
    rows = tuple((one.teacher, str(one.groups), fixed(one.rank, 2)) for one in found.agreement)
    note = "Rank correlation of what moves the teacher's loss and the student's, over the inputs that both read."
    return Sheet("Do teachers look at the same?", ("teacher", "inputs", "agreement"), rows, note)


def _between(value: tuple[float, float, float]) -> str:
    mean, low, high = (fixed(number, 3, sign=True) for number in value)
    return f"{mean} [{low}, {high}]"


def _beside(spread: float) -> str:
    return "" if spread != spread else f" ±{fixed(spread, 4)}"
