"""Students on their way through a stream: each block is answered, then learnt from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from ..core import Fusion, InputError, SignalSource, Teacher
from ..data import Rows
from ..data.sealed import Sealed
from ..teachers.align import AlignedByRow
from ..teaching import Distillation, Objective
from ..teaching.ensemble import Ensemble
from ..teaching.heldout import learn
from ..train.baselines import linear
from ..train.contest import Contest
from ..train.entry import Entry, Result
from ..train.evaluate import (
    Cost,
    Performance,
    answers,
    in_names,
    parameters,
    quality,
    student_cost,
    teacher_answers,
    teacher_cost,
)
from ..train.out_of_time import OutOfTime
from ..train.settings import Training
from ..train.steps import evaluate_performance, generate_distillation_targets, optimize_model
from ..train.trial import Trial

ENSEMBLE = "ensemble of the teachers"
Key = tuple[Any, ...]
"""What a target depends on beside the rows: the teachers and how they are combined."""


@dataclass(frozen=True)
class Follow:
    """How a stream is followed after its first part.

    Args:
        block: rows that are answered before anybody learns from them.
        window: last rows that students learn from after each block.
        trust: last rows on which calibrations and fusions are fitted after each block.
        training: of a student after each block; one epoch has a constant learning rate.
        marks: row numbers at which something happened, by name; the report shows what came before and after.

    Raises:
        InputError: a number of rows is less than one.
    """

    block: int = 48
    window: int = 336
    trust: int = 1344
    training: Training = field(default_factory=lambda: Training(epochs=1, lr=1e-3))
    marks: Mapping[str, int] = field(default_factory=dict[str, int])

    def __post_init__(self) -> None:
        if min(self.block, self.window, self.trust) < 1:
            raise InputError(f"block, window, trust are at least 1 row, got {self.block}, {self.window}, {self.trust}")


@dataclass
class Walker:
    """A student on its way.

    Attributes:
        result: what came out so far: its target and training on the first part.
        student: as it is now.
        said: its answers, block by block.
    """

    trial: Trial
    entry: Entry
    result: Result
    student: nn.Module
    said: list[Any] = field(default_factory=list[Any])

    @property
    def device(self) -> torch.device:
        """Where the student lies."""
        return next((part.device for part in self.student.parameters()), torch.device("cpu"))

    def learn(self, rows: Rows, target: Distillation, training: Training, number: int) -> None:
        """One lesson: the rows' train split, in an order of its own."""
        self.student.train()
        optimize_model(self.student, target, rows, replace(training, seed=1000 * self.trial.seed + number))

    def put(self, **changed: Any) -> None:
        """Changes the result, in its trial too."""
        place = next(i for i, one in enumerate(self.trial.results) if one is self.result)
        self.result = self.trial.results[place] = replace(self.result, **changed)

    def ended(self) -> None:
        """The result then holds the student as it is now."""
        assert self.result.fitted is not None
        self.put(fitted=replace(self.result.fitted, student=self.student))


def key_of(source: SignalSource | None, fusion: Fusion) -> Key:
    """The key of a target."""
    return (None if source is None else source.names, repr(fusion))


def in_order(rows: Rows) -> np.ndarray:
    """The test rows of a table whose rows are in time order.

    Raises:
        InputError: they are not.
    """
    tested = rows.test.open("the stream is walked: each block is tested, then learnt from")
    order = np.concatenate([rows.train, rows.validation, tested])
    if not len(tested) or (np.diff(order) <= 0).any() or (np.diff(tested) != 1).any():
        raise InputError(
            "a stream has training rows, then validation rows, then test rows without a gap, each in order of time; "
            "these come otherwise: sort the table and cut it"
        )
    return tested


def walked(
    contest: Contest, walkers: Sequence[Walker], objective: Objective | None, follow: Follow
) -> dict[Key, tuple[list[Any], Ensemble]]:
    """All students through all blocks, together.

    Returns:
        what the fused teachers said, block by block, and their ensemble as it stands at the end, by key.
    """
    rows = walkers[0].trial.rows
    tested, fused = in_order(rows), dict[Key, tuple[list[Any], Ensemble]]()
    starts = range(0, len(tested), follow.block)
    for number, start in enumerate(starts):
        block = tested[start : start + follow.block]
        past = np.arange(rows.train[0], block[0])
        now = replace(rows, train=past[-follow.window :], validation=past[:0], test=Sealed(block))
        trusted = past[-follow.trust :]
        for key, trial in {key_of(trial.signals, trial.fusion): trial for trial in contest.trials}.items():
            ensemble = _ensemble(trial, now, trusted)
            said, _ = fused.get(key, (list[Any](), ensemble))
            said.append(teacher_answers(ensemble, now, block))
            fused[key] = (said, ensemble)
        targets: dict[Key, Distillation] = {}
        for walker in walkers:
            if number:  # the first block is answered by the student of the first part
                key = key_of(walker.entry.source, walker.entry.fusion)
                if key not in targets:
                    entry = walker.entry
                    targets[key] = generate_distillation_targets(entry.source, now, entry.fusion, objective, trusted)
                walker.learn(now, targets[key], follow.training, number)
            walker.said.append(answers(walker.student, now, block, walker.trial.task, walker.device)[0])
        contest.tell("following the stream", number + 1, len(starts))
    return fused


def _ensemble(trial: Trial, rows: Rows, trusted: np.ndarray) -> Ensemble:
    """The teachers, fused as the last rows say."""
    assert trial.signals is not None
    batch = rows.batch(trusted, inputs=False)
    calibrations, fusion = learn(trial.signals, trial.fusion, batch, taught=batch)
    return Ensemble(ENSEMBLE, trial.teachers, fusion, calibrations, rows.space)


def measured(
    trials: Sequence[Trial], walkers: Sequence[Walker], fused: Mapping[Key, tuple[list[Any], Ensemble]]
) -> None:
    """Puts quality and cost of all contenders into the results of their trials."""
    for walker in walkers:
        rows = walker.trial.rows
        row = rows.test.open(f"what {walker.entry.name!r} said on its way")
        cost = student_cost(walker.student, rows, row, walker.device)
        walker.put(performance=_performance(walker.trial, walker.said, cost, parameters(walker.student)))
    first = trials[0]
    cheap = linear(first.rows).items()
    found = [Result(name, "baseline", _alone(make(first.rows, first.seed), first)) for name, make in cheap]
    found += [Result(teacher.name, "teacher", _alone(teacher, first)) for teacher in first.teachers]
    for trial in trials:
        said, ensemble = fused[key_of(trial.signals, trial.fusion)]
        trial.ensemble = replace(ensemble, teachers=tuple(newest(teacher) for teacher in ensemble.teachers))
        row = trial.rows.test.open("cost of the ensemble")
        cost = teacher_cost(trial.ensemble, trial.rows, row)
        fusing = Result(ENSEMBLE, "ensemble", _performance(trial, said, cost, ensemble.parameters))
        trial.results += [*found, fusing]


def newest(teacher: Teacher) -> Teacher:
    """The model of a teacher that walked, as it stands at the end, in the teacher's names; others as they are."""
    inner = teacher.members[0] if isinstance(teacher, AlignedByRow) else teacher
    return in_names(inner.newest, teacher.space) if isinstance(inner, OutOfTime) else teacher


def _alone(teacher: Teacher, trial: Trial) -> Performance:
    """What a teacher said when the rows came, and what its model costs."""
    rows = trial.rows
    cost = teacher_cost(newest(teacher), rows, rows.test.open(f"cost of {teacher.name!r}"))
    return replace(evaluate_performance(teacher, rows), cost=cost)


def _performance(trial: Trial, said: Sequence[Any], cost: Cost, size: int | None) -> Performance:
    answer = type(said[0]).concat(list(said))
    batch = trial.rows.batch(trial.rows.test.open("what was said on the way"), inputs=False, truth=True)
    return Performance(quality(trial.task, answer, batch), cost, size, answer)
