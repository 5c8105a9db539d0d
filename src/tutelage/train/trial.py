"""One seed of a contest: rows, teachers, the students to train, and the results as they come in."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from ..core import Fusion, LeakageError, SignalSource, Task, Teacher
from ..data.rows import Rows, batch_count
from ..fusion import Mean, PseudoLabels
from ..fusion.inner import moving
from ..store import Store
from ..teachers import Optimised, thread_budget
from ..teaching import Distillation, Hint, Objective
from ..teaching.compared import Differences
from ..teaching.ensemble import Ensemble
from ..teaching.heldout import flag_seen, learn, unseen
from ..teaching.progress import TeachProgress
from .choice import Choice
from .choose import best_single
from .entry import (
    ALL_LABELS,
    CHOSEN,
    FINISHED,
    LABELS_ONLY,
    MEAN,
    PSEUDO,
    SINGLE,
    WITHOUT,
    Entry,
    Result,
    Role,
)
from .evaluate import Performance, answers, quality
from .finish import Stage
from .fit import Epoch, Fitted
from .labels import labelled_rows, learnt_from
from .settings import Training, fresh_student
from .stress import under

SAVE_EVERY = 5.0
"""Seconds between the checkpoints of a student; a shorter training is simply repeated after a kill."""

Tell = Callable[[str, int, int], None]

Chooser = Callable[[Any, Any], Choice]
"""From a trial and its signals to the fusion."""


def plain_mean(trial: Any, source: Any) -> Choice:
    """The plain mean, whatever the data."""
    return Choice(Mean(), "default", "nothing else was tried")


@dataclass
class Trial:
    """One seed.

    Attributes:
        seed: of everything random.
        heldout: labelled rows that no teacher has been trained on, as far as is known.
        choice: the fusion, and why it was taken.
        single: name of the best single teacher on held-out rows.
        flags: teachers that seem to have been trained on training rows, and why.
        ran: how the teachers were run while they taught.
        hints: of the student of the chosen fusion, already taught.
        rates: learning rates of students that learn from labels alone.
        pseudo_labels: whether a student learns what the ensemble decides.
        stressed: the test rows as they are under each stress.
    """

    seed: int
    rows: Rows
    task: Task
    teachers: tuple[Teacher, ...]
    store: Store
    folder: Path | None
    student_maker: nn.Module | Callable[[], Any]
    settings: Training
    asked: Fusion | None
    tell: Tell
    seen_ok: bool
    objective: Objective | None = None
    choose: Chooser = plain_mean
    hints: tuple[Hint, ...] = ()
    rates: tuple[float, ...] = ()
    pseudo_labels: bool = False
    stressed: Mapping[str, Rows] = field(default_factory=dict[str, Rows])
    heldout: np.ndarray = field(init=False)
    results: list[Result] = field(default_factory=list[Result])
    choice: Choice = field(default_factory=lambda: plain_mean(None, None))
    finished: str = ""
    single: str = ""
    flags: dict[str, str] = field(default_factory=dict[str, str])
    ran: list[Optimised] = field(default_factory=list[Optimised])
    signals: SignalSource | None = None
    differences: Differences | None = None
    ensemble: Ensemble | None = None

    def __post_init__(self) -> None:
        known = self.seen_ok or all(teacher.seen is not None for teacher in self.teachers)
        looked = labelled_rows(self.rows) if known else self.rows.validation
        self.heldout = unseen(self.teachers, looked, seen_ok=self.seen_ok)
        tested = self.rows.test.check(len(self.rows))
        for teacher in self.teachers:
            if teacher.seen is not None and np.isin(teacher.seen, tested).any():
                raise LeakageError(f"teacher {teacher.name!r} was trained on test rows: choose others, or leave it out")

    @property
    def fusion(self) -> Fusion:
        """The chosen fusion."""
        return self.choice.fusion

    @property
    def declined(self) -> bool:
        """Whether the student learns from labels alone, because that was better."""
        return self.choice.how == "declined" and len(self.rows.labelled_train) > 0

    def student(self) -> nn.Module:
        """A fresh student: the same for every contender of this seed."""
        return fresh_student(self.student_maker, self.seed)

    def training(self, entry: Entry) -> Training:
        """The settings for one entry, with this seed and a checkpoint folder of its own.

        A student with fewer rows gets more epochs, so that all take the same number of steps.
        """
        own, size, board = f"{self.seed}-{slug(entry.name)}", self.settings.batch_size, self.settings.tensorboard
        steps = self.settings.epochs * batch_count(len(self.rows.train), size)
        return replace(
            self.settings,
            seed=self.seed,
            epochs=max(1, round(steps / batch_count(len(entry.rows.train), size))),
            save_every=SAVE_EVERY,
            checkpoint=None if self.folder is None else self.folder / "checkpoints" / own,
            tensorboard=None if board is None else board / own,
        )

    def told(self, progress: TeachProgress) -> None:
        """Passes on how far the teachers are."""
        self.tell(f"seed {self.seed}: {progress.teacher} answers", progress.done, progress.total)

    def learning(self, entry: Entry) -> Callable[[Epoch, int], None]:
        """Passes on how far a student is."""
        return lambda epoch, total: self.tell(f"seed {self.seed}: {entry.name}", epoch.epoch, total)

    def taught(self, signals: SignalSource, differences: Differences) -> None:
        """Keeps the signals and decides what can be decided on held-out rows."""
        self.signals, self.differences = signals, differences
        self._flag(signals)
        batch = self.rows.batch(self.heldout, inputs=False)
        found = signals.gather(batch.row, batch.view)
        with thread_budget(1):
            self.single = best_single(found, self.task, batch)
        self.choice = self.choose(self, signals) if self.asked is None else Choice(self.asked, "asked", "asked for")

    def entries(self) -> Iterator[Entry]:
        """The students to train."""
        rows = self.rows
        if len(rows.labelled_train):
            yield Entry(LABELS_ONLY, "baseline", replace(rows, train=rows.labelled_train), None, Mean(), (), self.rates)
        extra = self._labels_of_teachers()
        if len(extra):
            train = np.concatenate([rows.labelled_train, extra])
            more = rows.with_labels(np.concatenate([train, rows.validation]))
            yield Entry(ALL_LABELS, "baseline", replace(more, train=train), None, Mean(), (), self.rates)
        assert self.signals is not None
        if len(self.teachers) > 1:
            yield Entry(SINGLE, "student", rows, self.signals.only(self.single), Mean())
            if self.fusion != Mean() or self.declined:
                yield Entry(MEAN, "student", rows, self.signals, Mean())
        if self.pseudo_labels and rows.space.kind in ("classes", "labels"):
            decided = Mean() if moving(self.fusion) else self.fusion
            yield Entry(PSEUDO, "student", rows, self.signals, PseudoLabels(decided))
        if self.declined:
            yield Entry(
                CHOSEN, "student", replace(rows, train=rows.labelled_train), None, Mean(), self.hints, self.rates
            )
            return
        if self.hints:
            yield Entry(WITHOUT, "student", rows, self.signals, self.fusion)
        yield Entry(CHOSEN, "student", rows, self.signals, self.fusion, self.hints)

    def record(
        self, entry: Entry, target: Distillation, fitted: Fitted, performance: Performance, rate: float | None = None
    ) -> None:
        """Keeps what came out of one entry, at its last and at its best epoch."""
        best = copy.deepcopy(fitted.student).cpu()
        best.load_state_dict(fitted.best)
        answer, batch = answers(best, self.rows, self.rows.test.open(f"best epoch of {entry.name}"), self.task)
        found = quality(self.task, answer, batch)
        performance = self._under(performance, fitted.student)
        self.results.append(Result(entry.name, entry.role, performance, target, fitted, found, rate))

    def chosen(self) -> nn.Module:
        """The student of the chosen fusion."""
        found = self.result(CHOSEN)
        assert found is not None
        assert found.fitted is not None
        return found.fitted.student

    def record_stage(self, stage: Stage, performance: Performance) -> None:
        """Keeps what came out of the last stage."""
        performance = self._under(performance, stage.fitted.student)
        self.results.append(Result(FINISHED, "stage", performance, stage.target, stage.fitted))
        self.finished = stage.words

    def measure(
        self,
        evaluate: Callable[[Teacher, Rows], Performance],
        baselines: Mapping[str, Callable[[Rows, int], Teacher]],
    ) -> None:
        """Quality and cost of everyone who is not a student: cheap models, teachers, the ensemble."""
        total = len(baselines) + len(self.teachers) + 1
        for name, make in baselines.items():
            self._measured(evaluate, name, "baseline", make(self.rows, self.seed), total)
        for teacher in self.teachers:
            self._measured(evaluate, teacher.name, "teacher", teacher, total)
        assert self.signals is not None
        known, taught = (self.rows.batch(row, inputs=False) for row in (self.heldout, self.rows.taught))
        calibrations, fusion = learn(self.signals, self.fusion, known, taught=taught)
        self.ensemble = Ensemble("ensemble", self.teachers, fusion, calibrations, self.rows.space)
        self._measured(evaluate, "ensemble of the teachers", "ensemble", self.ensemble, total)

    def result(self, name: str) -> Result | None:
        """The result of a contender, if it took part."""
        return next((result for result in self.results if result.name == name), None)

    def _measured(
        self,
        evaluate: Callable[[Teacher, Rows], Performance],
        name: str,
        role: Role,
        teacher: Teacher,
        total: int,
    ) -> None:
        self.results.append(Result(name, role, self._under(evaluate(teacher, self.rows), teacher)))
        done = sum(result.fitted is None for result in self.results)
        self.tell(f"seed {self.seed}: measuring teachers", done, total)

    def _under(self, performance: Performance, model: nn.Module | Teacher) -> Performance:
        """The performance, and the headline under each stress."""
        metrics = {**performance.metrics, **under(model, self.stressed, self.task)}
        return replace(performance, metrics=metrics)

    def _labels_of_teachers(self) -> np.ndarray:
        """Rows whose labels the teachers were trained with and the student does not see."""
        known = [row for teacher in self.teachers for row in learnt_from(teacher)]
        if not known:
            return np.zeros(0, dtype=np.int64)
        rows, extra = self.rows, np.unique(np.concatenate(known))
        test = rows.test.open("keeping test rows out of the teachers' labels")
        return extra[~np.isin(extra, np.concatenate([rows.labelled_train, rows.validation, test]))]

    def _flag(self, signals: SignalSource) -> None:
        """Notes which teachers seem to have been trained on the training rows; held-out rows shrink to validation."""
        if not len(self.rows.labelled_train) or not len(self.rows.validation):
            return
        inside = self.rows.batch(self.rows.labelled_train, inputs=False)
        outside = self.rows.batch(self.rows.validation, inputs=False)
        one, two = signals.gather(inside.row, inside.view), signals.gather(outside.row, outside.view)
        for name, trained, fresh in zip(signals.names, one.answers, two.answers, strict=True):
            reason = flag_seen(trained, fresh, inside, outside)
            if reason is not None:
                self.flags[name] = reason
        if self.flags:
            self.heldout = np.intersect1d(self.heldout, self.rows.validation)


def slug(name: str) -> str:
    """A name for files."""
    return "-".join("".join(c if c.isalnum() else " " for c in name).split())
