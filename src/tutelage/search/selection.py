"""`Selection`: what `select` found out, as plain values, and the chapter that shows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from ..report import Chapter, Sheet
from ..report.numbers import fixed, milliseconds, percent
from .checked import Check, check_sheet
from .profiles import Profile
from .record import Record

Advice = Literal["use these", "one teacher suffices", "do not distil"]


@dataclass(frozen=True)
class Added:
    """One step of the greedy selection.

    Attributes:
        teacher: who was added.
        loss: of all chosen so far, fused, on held-out rows.
        gain: by how much the loss fell, and its standard error (`error`).
        taken: whether the gain is larger than its standard error.
        why: in words, where it was not simply the largest gain.
    """

    teacher: str
    loss: float
    gain: float
    error: float
    taken: bool
    why: str = ""


@dataclass(frozen=True)
class Part:
    """What one teacher is worth.

    Attributes:
        shapley: its share of the gain of all over none, and its standard error (`error`).
        left_out: by how much the loss of all rises without it, and its standard error (`left_error`).
        student: loss of the students that it taught alone; None where none was trained.
    """

    teacher: str
    shapley: float
    error: float
    left_out: float
    left_error: float
    student: float | None = None


@dataclass(frozen=True)
class Proxy:
    """The students of one candidate.

    Attributes:
        name: "labels only", "TEACHER alone", or the teachers joined by plus signs.
        quality: share right, or minus the loss where the task has no classes.
        loss: mean over judged rows and seeds.
        gain: quality against labels alone, [low, high] (95 %, over rows, seeds averaged); None for labels alone.
    """

    name: str
    quality: float
    loss: float
    gain: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class Selection(Record):
    """Which teachers to listen to.

    Attributes:
        advice: in three words.
        chosen: the teachers advised; none where it is better not to distil.
        verdict: in words, with the reasons.
        profiles: who the teachers are.
        correlation: of their errors, [T, T]; NaN where it is not defined.
        steps: of the greedy selection, the first one that was not taken included.
        parts: Shapley values and what leaving a teacher out costs.
        how: how the Shapley values were computed.
        proxies: students of the candidates, best first.
        check: the advice on sealed test rows; None where it was not asked for.
        rows: held-out rows that everything but `check` stands on.
        notes: remarks.
    """

    key: ClassVar[str] = "select"
    advice: Advice
    chosen: tuple[str, ...]
    verdict: str
    profiles: tuple[Profile, ...]
    correlation: tuple[tuple[float, ...], ...]
    steps: tuple[Added, ...]
    parts: tuple[Part, ...]
    how: str
    proxies: tuple[Proxy, ...]
    rows: int
    check: Check | None = None
    notes: tuple[str, ...] = field(default_factory=tuple)

    def chapter(self) -> Chapter:
        """A section of the page of a run."""
        sheets = [_who(self), _alike(self), _path(self), _worth(self), _students(self)]
        if self.check is not None:
            sheets.append(check_sheet(self.check))
        lead = "Which teachers are worth listening to, and whether any is."
        return Chapter("select", "Selection of teachers", lead, self.verdict, tuple(sheets), self.notes)

    def chapters(self) -> tuple[Chapter, ...]:
        """The one section."""
        return (self.chapter(),)


def _who(found: Selection) -> Sheet:
    rows = tuple(
        (
            one.name,
            f"{fixed(one.loss, 3)} ±{fixed(one.error, 3)}",
            percent(one.answered),
            percent(one.classes),
            milliseconds(one.ms),
            one.family,
            "unknown" if one.rows is None else str(one.rows),
        )
        for one in found.profiles
    )
    note = f"Loss on {found.rows} held-out rows, calibrated on others of them; ± is one standard error. Silence counts."
    return Sheet("Teachers", ("teacher", "loss", "answers", "classes", "p50", "family", "trained on"), rows, note)


def _alike(found: Selection) -> Sheet:
    names = [one.name for one in found.profiles]
    rows = tuple(
        (name, *(fixed(value, 2) for value in line)) for name, line in zip(names, found.correlation, strict=True)
    )
    note = "Correlation of mistakes on rows that both answer; teachers whose mistakes differ add most to each other."
    return Sheet("How alike their mistakes are", ("teacher", *names), rows, note)


def _path(found: Selection) -> Sheet:
    rows = tuple(
        (
            f"{'+ ' if number else ''}{one.teacher}",
            fixed(one.loss, 3),
            f"{fixed(one.gain, 3, sign=True)} ±{fixed(one.error, 3)}",
            "taken" if one.taken else "left",
            one.why,
        )
        for number, one in enumerate(found.steps)
    )
    note = "Each step adds the teacher that lowers the fused loss most, the most different one where several tie."
    return Sheet("Greedy selection", ("teacher", "fused loss", "gain", "", "remark"), rows, note)


def _worth(found: Selection) -> Sheet:
    rows = tuple(
        (
            one.teacher,
            fixed(one.shapley, 3, sign=True) + (f" ±{fixed(one.error, 3)}" if one.error else ""),
            f"{fixed(one.left_out, 3, sign=True)} ±{fixed(one.left_error, 3)}",
            "n/a" if one.student is None else fixed(one.student, 3),
        )
        for one in found.parts
    )
    note = (
        f"Shapley values of minus the fused loss, {found.how}; they add up to what all teachers gain over knowing "
        "nothing. Left out: by how much the loss of all rises without this teacher."
    )
    return Sheet("What each is worth", ("teacher", "Shapley value", "left out", "its student's loss"), rows, note)


def _students(found: Selection) -> Sheet:
    rows = tuple(
        (
            one.name,
            fixed(one.quality, 3),
            "" if one.gain is None else _between(one.gain),
            fixed(one.loss, 3),
        )
        for one in found.proxies
    )
    note = "Small students on rows that neither they nor any calibration has seen. Brackets: 95 %, paired, over rows."
    return Sheet("Students", ("student of", "quality", "against labels only", "loss"), rows, note)


def _between(gain: tuple[float, float, float]) -> str:
    mean, low, high = (fixed(value, 3, sign=True) for value in gain)
    return f"{mean} [{low}, {high}]"
