"""`Best`: what `search_best` found, as plain values, its chapter, and the recipe that repeats it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ..report import Chapter, Sheet
from ..report.numbers import count, fixed
from ..report.report import write_text
from .checked import Check, check_sheet
from .record import Record
from .space import Setting

HEADER = ("teachers", "fusion", "term", "at", "soft", "student", "views", "quality", "loss", "parameters")


@dataclass(frozen=True)
class Tried:
    """One setting and what came out.

    Attributes:
        quality: share right, or minus the loss where the task has no classes; mean over judged rows and seeds.
        error: its standard error over rows.
        loss: mean over judged rows and seeds.
        parameters: of the student.
        front: whether nothing is both better and smaller.
    """

    setting: Setting
    quality: float
    error: float
    loss: float
    parameters: int
    front: bool = False


@dataclass(frozen=True)
class Best(Record):
    """The settings that were tried, and the winner.

    Attributes:
        winner: the smallest student, then the fewest teachers, among what ties with the best within one standard
            error of the paired difference.
        start: the default setting, which was tried first.
        tried: all settings, best first.
        refused: settings that these teachers cannot take, and why.
        rows: judged rows.
        seconds: spent on trials, interrupted searches included.
        check: winner and start on sealed test rows; None where it was not asked for.
    """

    key: ClassVar[str] = "search"
    winner: Setting
    start: Setting
    tried: tuple[Tried, ...]
    refused: tuple[str, ...]
    rows: int
    seconds: float
    verdict: str
    check: Check | None = None

    def front(self) -> tuple[Tried, ...]:
        """What nothing else beats in both quality and size, smallest first."""
        return tuple(sorted((one for one in self.tried if one.front), key=lambda one: one.parameters))

    def chapters(self) -> tuple[Chapter, ...]:
        """The section of the page of a run."""
        front = Sheet("Quality against cost", HEADER, _lines(self.front()), "Nothing is both better and smaller.")
        note = f"{len(self.tried)} settings in {self.seconds:.0f} s, judged on {self.rows} rows that none learnt from; "
        best = Sheet("The best settings", HEADER, _lines(self.tried[:10]), f"{note}± is one standard error.")
        sheets = (front, best) if self.check is None else (front, best, check_sheet(self.check))
        lead = "Teachers, fusion, objective, temperature, soft share, student and views, searched on held-out rows."
        notes = tuple(dict.fromkeys(self.refused))[:5]
        return (Chapter("search", "Search of settings", lead, self.verdict, sheets, notes),)


def _lines(tried: Sequence[Tried]) -> tuple[tuple[str, ...], ...]:
    found: list[tuple[str, ...]] = []
    for one in tried:
        setting = one.setting
        what = (" + ".join(setting.teachers), setting.fusion, setting.term)
        numbers = (fixed(setting.temperature, 2), fixed(setting.soft, 2))
        quality = f"{fixed(one.quality, 3)} ±{fixed(one.error, 3)}"
        made = (setting.size, setting.augmentation)
        found.append((*what, *numbers, *made, quality, fixed(one.loss, 3), count(one.parameters)))
    return tuple(found)


RECIPE = '''"""The winner of `tutelage search {run}`: repeat it by tutelage run {path}:winner"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tutelage.cli.ground import contest_again
from tutelage.report import Report
from tutelage.search import Setting, distill_as

SETTING = {setting}


def winner(*, seeds: int = {seeds}, run: Path | None = None, progress: Any = None) -> Report:
    """{words}"""
    contest = contest_again(Path({source!r}), progress)
    return distill_as(contest, SETTING, seeds=range(seeds), run=run, progress=progress)
'''


def write_recipe(best: Best, folder: Path, seeds: int) -> Path:
    """RUN/winner.py: a recipe that trains the winner on the rows and from the teachers of the run in `folder`."""
    path = folder / "winner.py"
    words = f"{best.winner}".replace('"""', "'''")
    made = RECIPE.format(
        run=folder,
        path=path,
        setting=_code(best.winner),
        seeds=seeds,
        words=words,
        source=str(folder.resolve()),
    )
    return write_text(path, made)


def _code(setting: Setting) -> str:
    parts = [f"    {name}={value!r},\n" for name, value in vars(setting).items()]
    return f"Setting(\n{''.join(parts)})"
