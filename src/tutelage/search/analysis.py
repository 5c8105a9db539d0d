"""`Analysis`: what `analyse` found out, as plain values, and one chapter per question."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

from ..report import Chapter, Sheet
from ..report.numbers import fixed
from .checked import Check, check_sheet
from .record import Record

Key = Literal["models", "data", "teachers", "fusion"]
Gain = tuple[float, float, float]


@dataclass(frozen=True)
class Line:
    """One contender or one setting.

    Attributes:
        name: as printed.
        quality: share right, or minus the loss where the task has no classes; NaN where it was not measured.
        loss: mean over judged rows and seeds.
        gain: in quality (teachers: in loss) against what `Question.against` names, [low, high] (95 %, over rows).
        detail: what else is to be said.
    """

    name: str
    quality: float
    loss: float
    gain: Gain | None = None
    detail: str = ""


@dataclass(frozen=True)
class Question:
    """One question and its answer.

    Attributes:
        key: of four.
        title: the question.
        verdict: the answer, in words.
        against: what gains are measured against.
        lines: the evidence.
        rows: judged rows; none is a test row, and nothing that is judged has learnt from them.
        note: how to read the lines.
    """

    key: Key
    title: str
    verdict: str
    against: str
    lines: tuple[Line, ...]
    rows: int
    note: str = ""

    def chapter(self, check: Check | None = None) -> Chapter:
        """A section of the page of a run."""
        header, rows = self._cells()
        note = f"{self.rows} rows that nothing here has learnt from. Brackets: 95 %, paired, over rows. {self.note}"
        sheet = Sheet("Evidence", header, rows, note.rstrip())
        sheets = (sheet,) if check is None else (sheet, check_sheet(check))
        return Chapter(f"analyse-{self.key}", self.title, f"{self.title}", self.verdict, sheets)

    def _cells(self) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
        """Heading and rows; quality only where something has one."""
        shown = not all(math.isnan(one.quality) for one in self.lines)
        rows = [
            (one.name, *([fixed(one.quality, 3)] * shown), fixed(one.loss, 3), _between(one.gain), one.detail)
            for one in self.lines
        ]
        return ("", *(["quality"] * shown), "loss", f"against {self.against}", ""), tuple(rows)


@dataclass(frozen=True)
class Analysis(Record):
    """Four questions on the user's own data.

    Attributes:
        questions: models, data, teachers, fusion.
        check: the advised fusion on sealed test rows; None where it was not asked for.
    """

    key: ClassVar[str] = "analyse"
    questions: tuple[Question, ...]
    check: Check | None = None

    def question(self, key: Key) -> Question:
        """One of the four."""
        return next(one for one in self.questions if one.key == key)

    def chapters(self) -> tuple[Chapter, ...]:
        """One section of the page per question; the check stands with the fusion."""
        return tuple(one.chapter(self.check if one.key == "fusion" else None) for one in self.questions)


def _between(gain: Gain | None) -> str:
    if gain is None:
        return ""
    mean, low, high = (fixed(value, 3, sign=True) for value in gain)
    return f"{mean} [{low}, {high}]"
