"""The contest behind `distill`: what was asked, one trial per seed, and the evidence in the end."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from torch import nn

from ..core import Fusion, InputError, Teacher
from ..data import Rows
from ..data.views import Augmentation
from ..report import Report
from ..store import Store
from ..teachers import aligned
from ..teaching import Objective
from .evaluate import task_of
from .fit import Epoch
from .fitted import Told
from .hinting import Hints, taught
from .keep import check_exportable, keep
from .settings import Training, one_thread
from .stress import Stress, stressed
from .summary import summarise
from .trial import Chooser, Trial, plain_mean

MOST_STUDENTS = 5
"""Students trained per seed, for the estimate of the time left."""


class Taken(BaseException):
    """Raised by `distill` inside `taking`: the contest was handed over instead of being held."""


_TAKERS: ContextVar[list[Contest] | None] = ContextVar("takers", default=None)


@contextmanager
def taking() -> Generator[list[Contest]]:
    """Within it `distill` trains nothing: its contest is put into the list, and whoever called it ends there.

    So a recipe, which ends in `distill`, says what rows, teachers and student it would have used.
    """
    taken: list[Contest] = []
    token = _TAKERS.set(taken)
    try:
        yield taken
    except Taken:
        pass
    finally:
        _TAKERS.reset(token)


def hand_over(contest: Contest) -> None:
    """Ends `distill` where somebody is taking contests; does nothing elsewhere.

    Raises:
        Taken: somebody is.
    """
    taken = _TAKERS.get()
    if taken is not None:
        taken.append(contest)
        raise Taken


@runtime_checkable
class Progress(Protocol):
    """Told what happens.

    Args:
        stage: what is being done, in words.
        done: how much of it is done.
        total: out of how much.
        overall: share of the whole job that is done, in [0, 1]; an estimate.
    """

    def __call__(self, stage: str, done: int, total: int, overall: float) -> None:
        """Called often; has to be quick."""
        ...


def nets_told(progress: Progress | None) -> Told:
    """Passes on what `fit_teacher` tells about the epochs of a net: for teachers that are trained before a contest."""

    def told(name: str, epoch: Epoch, planned: int) -> None:
        if progress is not None:
            progress(f"teacher {name}", epoch.epoch, planned, 0.0)

    return told


@dataclass
class Contest:
    """What was asked of `distill`, and the trials as they come in.

    Args:
        student: an nn.Module (its present weights are every contender's start), or a maker called under each seed.
        rows: a table, or a function of the seed that makes one.
        teachers: teachers, or a function of seed and rows that makes them.
        fusion: how teachers are combined; chosen on held-out rows unless given.
        objective: what is compared; chosen by the task unless given.
        training: settings; the seed is replaced by each of the contest's seeds.
        seeds: one trial each.
        title: of the report.
        progress: told what happens.
        seen_ok: let fusions and calibrations learn from rows that a teacher was trained on.
        hints: comparisons of features for the student of the chosen fusion, or a function of seed and rows that makes
            them; one more student then shows what they are worth.
        run: folder that keeps student, signals, record and report; a run found there is continued.
        rates: learning rates of which students that learn from labels alone take the best on validation rows; that of
            `training` unless given.
        pseudo_labels: whether one more student learns the class that the fused teachers think best, as a hard label.
        stress: changes to test rows, by name: everybody's headline is measured under each as well.
        choose: chooses the fusion when none is given; the plain mean unless told.
    """

    student: nn.Module | Callable[[], Any]
    rows: Rows | Callable[[int], Rows]
    teachers: Sequence[Teacher] | Callable[[int, Rows], Sequence[Teacher]]
    fusion: Fusion | None
    objective: Objective | None
    training: Training
    seeds: Sequence[int]
    title: str
    progress: Progress | None
    seen_ok: bool = False
    run: Path | str | None = None
    choose: Chooser = plain_mean
    hints: Hints = ()
    rates: tuple[float, ...] = ()
    pseudo_labels: bool = False
    stress: Stress = field(default_factory=dict[str, Augmentation])
    trials: list[Trial] = field(default_factory=list[Trial])
    stages: list[str] = field(default_factory=list[str])
    place: Path = field(init=False)

    def __post_init__(self) -> None:
        if not self.seeds or len(set(self.seeds)) != len(self.seeds):
            raise InputError(f"distill needs different seeds, got {list(self.seeds)}")
        self.place = Path(tempfile.mkdtemp(prefix="tutelage-")) if self.run is None else Path(self.run) / "store"

    def start(self, seed: int) -> Trial:
        """Rows and teachers of one seed, checked and aligned to the task's names."""
        self.tell(f"seed {seed}: teachers", 0, 1)
        rows = self.rows if isinstance(self.rows, Rows) else self.rows(seed)
        if not len(rows.test):
            raise InputError("there are no test rows, so nothing could be shown: give test=, or let rows_of split")
        if self.run is not None and not self.trials:
            check_exportable(self.student, rows)
        found = self.teachers(seed, rows) if callable(self.teachers) else self.teachers
        teachers = tuple(aligned(teacher, rows.space) for teacher in found)
        names = [teacher.name for teacher in teachers]
        if not names or len(set(names)) != len(names):
            raise InputError(f"distill needs at least one teacher, all under different names; got {names}")
        folder = None if self.run is None else Path(self.run)
        alike = isinstance(self.rows, Rows) and not callable(self.teachers)
        place = self.place if alike else self.place / f"seed-{seed}"
        task = task_of(rows)
        trial = Trial(
            seed,
            rows,
            task,
            teachers,
            Store(place),
            folder,
            self.student,
            self.training,
            self.fusion,
            self.tell,
            self.seen_ok,
            self.objective,
            self.choose,
            rates=self.rates,
            pseudo_labels=self.pseudo_labels,
            stressed=stressed(rows, self.stress),
        )
        hints = self.hints(seed, rows) if callable(self.hints) else self.hints
        trial.hints = taught(hints, rows, trial.store, trial.told)
        self.trials.append(trial)
        return trial

    def tell(self, stage: str, done: int, total: int) -> None:
        """Passes progress on, if anybody listens; every stage counts the same in the estimate of the whole."""
        if not self.stages or self.stages[-1] != stage:
            self.stages.append(stage)
        teachers = len(self.trials[0].teachers) if self.trials else 3
        planned = len(self.seeds) * (teachers + MOST_STUDENTS + 2)
        overall = (len(self.stages) - 1 + done / max(total, 1)) / planned
        if self.progress is not None:
            self.progress(stage, done, total, min(overall, 1.0))

    def report(self) -> Report:
        """The evidence; with a run folder, everything is written there."""
        with one_thread():
            report = summarise(self)
        if self.run is None:
            shutil.rmtree(self.place)
        else:
            keep(self, report, Path(self.run))
        return report
