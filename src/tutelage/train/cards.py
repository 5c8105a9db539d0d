"""Who taught what: of each teacher its source, how often it answered, how good it was there, and what it weighed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..core import Context, Fusion, InputError, Signals, Target, Teacher, Values
from ..data.rows import Rows
from ..report import TeacherCard
from ..store.fingerprint import digest
from ..teachers.bound import sources_of
from ..teaching import AsIs
from ..teaching.fusing import fuse, influence
from .entry import CHOSEN
from .settings import one_thread
from .trial import Trial


def cards(trial: Trial) -> tuple[TeacherCard, ...]:
    """One card per teacher, in their order."""
    batch = trial.rows.batch(trial.rows.taught, inputs=False)
    assert trial.signals is not None
    assert trial.ensemble is not None
    found = trial.signals.gather(batch.row, batch.view)
    weights, students = received(trial), {*seen_by_student(trial), *trial.rows.inputs}
    made: list[TeacherCard] = []
    for i, teacher in enumerate(trial.teachers):
        answer = found.answers[i]
        known = tuple(n for n, c in zip(trial.rows.space.names, answer.coverage.tolist(), strict=True) if c)
        seen = f"flagged: {trial.flags[teacher.name]}" if teacher.name in trial.flags else _seen(teacher, trial.rows)
        said = f"{trial.ensemble.calibrations[i]}"
        if not isinstance(trial.ensemble.calibrations[i], AsIs):
            said = f"{said}, from {len(trial.heldout)} held-out rows"
        quality, judged = where_it_answered(trial, teacher.name)
        made.append(
            TeacherCard(
                name=teacher.name,
                kind=_kind(teacher),
                fingerprint=digest(*sorted(f"{k}={v}" for k, v in teacher.fingerprint.items()))[:12],
                coverage=() if len(known) == len(trial.rows.space.names) else known,
                abstained=1.0 - float(answer.valid.float().mean()),
                seen=seen,
                calibration=said,
                reads=teacher.reads,
                source=", ".join(sources_of(teacher)),
                asked=len(batch),
                quality=quality,
                judged=judged,
                weight=None if weights is None else weights[i],
                hidden=tuple(name for name in teacher.reads if name not in students),
            )
        )
    return tuple(made)


def _seen(teacher: Teacher, rows: Rows) -> str:
    """What it declares about the rows that it answers."""
    if teacher.seen is None:
        return "unknown"
    count = int(np.isin(rows.taught, teacher.seen).sum())
    return f"learnt from {count} of {len(rows.taught)}" if count else "unseen"


def seen_by_student(trial: Trial) -> tuple[str, ...]:
    """Raw columns that the student needs to answer."""
    rows = trial.rows
    return rows.inputs if rows.preparation is None else tuple(rows.preparation.reads)


def where_it_answered(trial: Trial, name: str) -> tuple[float | None, int]:
    """The headline metric of a teacher on the labelled test rows that it answered, and how many these are."""
    result = trial.result(name)
    assert result is not None
    answer = result.performance.answer
    row = trial.rows.test.open("teachers where they answered")
    batch = trial.rows.batch(row, inputs=False, truth=True)
    known = batch.labelled & answer.valid
    place = known.reshape(len(batch), -1).any(1).nonzero().flatten()
    if not len(place):
        return None, 0
    with one_thread():
        found = trial.task.metrics(answer.take(place), batch.target[place], known[place])
    return float(found[trial.task.headline]), len(place)


def received(trial: Trial) -> tuple[float, ...] | None:
    """Mean trust per teacher in the student's target: of the last epoch or on held-out rows; None if unknown."""
    chosen = trial.result(CHOSEN)
    assert chosen is not None
    assert chosen.fitted is not None
    assert chosen.target is not None
    if not chosen.target.names:
        return None
    if chosen.fitted.history[-1].weights:
        return tuple(float(weight) for weight in chosen.fitted.history[-1].weights)
    batch = trial.rows.batch(trial.heldout, inputs=False)
    context = Context(target=batch.target, labelled=batch.labelled, row=batch.row)
    signals, fusion = chosen.target.signals(batch.row, batch.view), chosen.target.fusion
    try:
        trust = influence(signals, fusion, context)
    except InputError:  # it was fitted with all teachers and cannot leave one out: let each abstain instead
        trust = silenced(signals, fusion, context)
    if trust is None or not bool(trust.any()):
        return None
    total = trust.sum().clamp_min(torch.finfo(trust.dtype).tiny)
    return tuple((trust.sum(1) / total).tolist())


def silenced(signals: Signals, fusion: Fusion, context: Context) -> Tensor | None:
    """How far the fused answer moves when each teacher abstains, [T, B]; None for a fusion that gives weights."""
    whole = fuse(fusion, signals.stacked(), context)
    if not isinstance(whole, Target):
        return None
    moved: list[Tensor] = []
    for number in range(len(signals.names)):
        answers: list[Any] = list(signals.answers)
        answers[number] = replace(answers[number], valid=torch.zeros_like(answers[number].valid))
        other = fuse(fusion, Signals(signals.names, tuple(answers)).stacked(), context)
        assert isinstance(other, Target)
        one, two = (a.mean if isinstance(a, Values) else a.probs() for a in (whole.answer, other.answer))
        moved.append((one - two).abs().sum(-1))
    return torch.stack(moved)


def _kind(teacher: Any) -> str:
    inner = teacher
    while hasattr(inner, "teacher"):
        inner = inner.teacher
    return type(inner).__name__.removesuffix("Teacher")
