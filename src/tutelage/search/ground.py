"""The ground that select, analyse, search and explain stand on: rows, teachers and what these said, under one seed."""

from __future__ import annotations

import copy
import shutil
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from ..core import Batch, InputError, Signals, SignalSource, Task, Teacher
from ..data import Rows
from ..fusion import Mean
from ..store import Store
from ..store.fingerprint import digest, of_module
from ..teaching import Objective
from ..train.choice import Choice
from ..train.choose import candidates
from ..train.contest import Contest, Progress
from ..train.run import read_record
from ..train.settings import Training
from ..train.steps import calculate_differences, generate_predictions
from ..train.trial import Chooser, Trial, plain_mean


@dataclass(frozen=True)
class Ground:
    """Rows, teachers and signals.

    Attributes:
        contest: what was asked of `distill`.
        trial: rows and teachers of one seed, and which labelled rows no teacher has been trained on.
        signals: what the teachers said about training and validation rows.
        folder: of the run; None for nowhere.
    """

    contest: Contest
    trial: Trial
    signals: SignalSource
    folder: Path | None = None

    @property
    def rows(self) -> Rows:
        """The table; its test rows stay sealed."""
        return self.trial.rows

    @property
    def task(self) -> Task:
        """What the student is for."""
        return self.trial.task

    @property
    def names(self) -> tuple[str, ...]:
        """Teacher names."""
        return self.signals.names

    @property
    def training(self) -> Training:
        """Settings of a student; nothing that is kept per student."""
        return replace(self.contest.training, checkpoint=None, tensorboard=None, profile=None)

    @property
    def heldout(self) -> Batch:
        """Labelled rows that no teacher has been trained on, without inputs."""
        return self.rows.batch(self.trial.heldout, inputs=False)

    def over(self, rows: Rows) -> Ground:
        """The same teachers on the same rows with other splits or views; a view of a row is asked about once."""
        trial = copy.copy(self.trial)
        trial.rows = rows
        if rows.views is self.rows.views:
            return replace(self, trial=trial)
        assert rows.views is not None
        path, views = trial.store.path, rows.views.fingerprint(rows.views.changed)
        trial.store = Store(path.with_name(f"{path.name}-views") / views[:16])
        signals = generate_predictions(trial.teachers, rows, trial.store, progress=trial.told)
        return replace(self, trial=trial, signals=signals)

    def said(self) -> Signals:
        """What the teachers said about the held-out rows, uncalibrated."""
        batch = self.heldout
        return self.signals.gather(batch.row, batch.view)

    def fingerprint(self, *more: str) -> str:
        """Of rows, teachers, student, objective and settings: what a journal's units depend on."""
        rows, trial = self.rows, self.trial
        parts = [np.ascontiguousarray(part).tobytes() for part in (rows.target, rows.labelled, rows.train)]
        who = [f"{t.name} {k}={v}" for t in trial.teachers for k, v in sorted(t.fingerprint.items())]
        student = of_module(self.trial.student())
        said = (repr(self.contest.objective), repr(self.training), student, *who, *more)
        return digest(*parts, rows.validation.tobytes(), trial.heldout.tobytes(), *said)

    def tell(self, stage: str, done: int, total: int) -> None:
        """Passes progress on, without an estimate of the whole."""
        if self.contest.progress is not None:
            self.contest.progress(stage, done, total, 0.0)


def ground_of(
    student: nn.Module | Callable[[], Any],
    rows: Rows | Callable[[int], Rows],
    teachers: Sequence[Teacher] | Callable[[int, Rows], Sequence[Teacher]],
    *,
    objective: Objective | None = None,
    training: Training | None = None,
    seed: int = 0,
    seen_ok: bool = False,
    run: Path | str | None = None,
    progress: Progress | None = None,
) -> Ground:
    """Asks the teachers once; `select`, `analyse`, `search_best` and `explain` take what this returns.

    Args:
        student: an nn.Module, or a maker called under each seed.
        rows: a table, or a function of the seed that makes one.
        teachers: teachers, or a function of seed and rows that makes them.
        objective: what is compared; chosen by the task unless given.
        training: settings of a student.
        seed: under which rows and teachers are made.
        seen_ok: let fusions and calibrations learn from rows that a teacher was trained on.
        run: folder for signals and journals; temporary unless given.
        progress: told what happens.

    Raises:
        InputError: there is no labelled row that no teacher has been trained on.
    """
    settings = training or Training()
    contest = Contest(student, rows, teachers, None, objective, settings, (seed,), "", progress, seen_ok, run)
    if run is None:
        weakref.finalize(contest, shutil.rmtree, contest.place, True)
    return stand(contest, seed)


def stand(contest: Contest, seed: int | None = None, *, chosen: bool = False) -> Ground:
    """The ground of a contest.

    Args:
        contest: what was asked of `distill`.
        seed: under which rows and teachers are made; its first unless given.
        chosen: find out the fusion that the run took; the plain mean stands in for it otherwise.

    Raises:
        InputError: there is no labelled row that no teacher has been trained on.
    """
    contest.choose = _remembered(contest) if chosen else plain_mean
    trial = contest.start(contest.seeds[0] if seed is None else seed)
    signals = generate_predictions(trial.teachers, trial.rows, trial.store, progress=trial.told)
    trial.taught(signals, calculate_differences(signals, trial.rows))
    if not bool(trial.rows.batch(trial.heldout, inputs=False).labelled.any()):
        raise InputError(
            "there is no labelled row that no teacher has been trained on, so nothing can be judged: give validation "
            "rows, let tutelage train the teachers out of fold, or say seen_ok=True"
        )
    return Ground(contest, trial, signals, None if contest.run is None else Path(contest.run))


def _remembered(contest: Contest) -> Chooser:
    """The fusion that run.json names, where its name is all it needs; else what the contest chooses."""
    record = None if contest.run is None else read_record(Path(contest.run))
    said: dict[str, Any] = {} if record is None else record.get("fusion", {})

    def choose(trial: Any, source: Any) -> Choice:
        usual = {fusion.name: fusion for fusion in (Mean(), *candidates(trial.task))}
        if said.get("name") in usual:
            return Choice(usual[said["name"]], said.get("how", "default"), said["why"])
        return before(trial, source)

    before = contest.choose
    return choose


@dataclass(frozen=True)
class Some:
    """Some of the teachers of a source.

    Attributes:
        source: of all of them.
        names: who is kept, in this order.
    """

    source: SignalSource
    names: tuple[str, ...]

    @property
    def live(self) -> bool:
        """Whether they are asked at every step."""
        return self.source.live

    @property
    def keys(self) -> tuple[str, ...] | None:
        """One per kept teacher."""
        keys = self.source.keys
        return None if keys is None else tuple(keys[place] for place in self._places)

    @property
    def folder(self) -> Path | None:
        """Where what is computed from the signals may be kept."""
        return self.source.folder

    @property
    def _places(self) -> tuple[int, ...]:
        return tuple(self.source.names.index(name) for name in self.names)

    def gather(self, row: Any, view: Any) -> Signals:
        """The kept teachers' signals about these rows."""
        return kept(self.source.gather(row, view), self._places)

    def only(self, name: str) -> SignalSource:
        """One teacher alone."""
        return self.source.only(name)


def kept(signals: Signals, places: Sequence[int]) -> Signals:
    """The signals of the teachers at these places."""
    return Signals(tuple(signals.names[i] for i in places), tuple(signals.answers[i] for i in places))
