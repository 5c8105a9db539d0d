"""Trials: what a student learns from each candidate, judged on labelled rows that it and the fusion did not see.

The held-out rows are parted in three. Three times, one part is hidden: calibrations and fusions learn from the others,
students are trained with its labels withheld, and answer about it. All students of a part are one batched sweep;
students that are too large for that are not trained: the fused ensembles are judged instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..core import Batch, Context, Fusion, InputError, SignalSource, Task
from ..data import Rows
from ..data.rows import batch_count
from ..fusion import Mean
from ..fusion.answers import answer_of
from ..teaching import Distillation, Objective
from ..teaching.calibration import calibrate
from ..teaching.heldout import row_loss
from ..train.choose import cross_fit, folds_of, heldout_loss
from ..train.evaluate import answers, row_quality, task_of
from ..train.fitted import labels_only
from ..train.settings import Training
from ..train.steps import generate_distillation_targets
from ..train.sweep import Lane, sweep, why_alone

PARTS = 3
LABELS = "labels only"
MISTAKES, LOSS = "mistakes", "loss"
SINGLES = 2
"""So many of the best single teachers take part."""


@dataclass(frozen=True)
class Outcome:
    """What one candidate achieved, per held-out row.

    Attributes:
        error: what counts per row, less is better; float64 [N]. The task's headline where that is a mean over rows;
            else 1 for a mistake (labels: their share), for values and rankings the loss.
        loss: float64 [N]; squared error, or cross-entropy at the one temperature that suits the candidate, so that
            being modest is no mistake.
        measure: what `error` is: `mistakes`, `loss`, or the name of the headline.
    """

    error: Tensor
    loss: Tensor
    measure: str = MISTAKES


def judge(
    student: nn.Module | Callable[[], Any],
    rows: Rows,
    source: SignalSource,
    heldout: np.ndarray,
    fusions: Mapping[str, Fusion],
    *,
    objective: Objective | None,
    training: Training,
    seed: int,
) -> tuple[dict[str, Outcome], str]:
    """The outcome of each fusion, of the best single teachers, and of labels alone where students are trained.

    A fusion that refuses these teachers is left out.

    Returns:
        outcomes by name, on the same rows in the same order, and whether `students` or `ensembles` were judged.
    """
    known = heldout[_has_label(rows)[heldout]]
    batch = rows.batch(known, inputs=False)
    part = folds_of(batch.target, len(known), PARTS)
    singles = _best_singles(source, batch) if len(source.names) > 1 else ()
    asked = [(name, source, fusion) for name, fusion in fusions.items()]
    asked += [(f"only {name}", source.only(name), Mean()) for name in singles]
    plain = replace(training, checkpoint=None, tensorboard=None, profile=None, seed=seed)
    example = generate_distillation_targets(source, rows, Mean(), objective, known, prepare=False)
    alone = why_alone(student, Lane("one", example, seed), rows, plain)
    found: dict[str, list[Any]] = {}
    asked_of: list[np.ndarray] = []
    for number in range(PARTS):
        hidden, shown = known[part == number], known[part != number]
        if not len(hidden):
            continue
        fewer = _without(rows, hidden)
        targets = _targets(asked, fewer, objective, shown)
        told = rows.batch(hidden, inputs=False, truth=True)
        if alone is None:
            answered = _taught(student, targets, fewer, rows, hidden, plain)
        else:
            answered = {name: _fused(target, told) for name, target in targets.items()}
        for name, answer in answered.items():
            found.setdefault(name, []).append(answer)
        asked_of.append(hidden)
    told = rows.batch(np.concatenate(asked_of), inputs=False, truth=True)
    whole = {
        name: outcome_of(parts, told, task_of(rows)) for name, parts in found.items() if len(parts) == len(asked_of)
    }
    return whole, "students" if alone is None else "ensembles"


def outcome_of(parts: Sequence[Any], told: Batch, task: Task) -> Outcome:
    """From the answers of a candidate about the hidden rows, part by part, to what it achieved.

    A row without an answer is a mistake and costs what it must.
    """
    answer = type(parts[0]).concat(parts)
    loss, known = _losses(answer, told)
    headline = row_quality(task, answer, told).get(task.headline)
    if headline is not None and len(headline) == len(loss) and task.headline != "accuracy":
        error, measure = (-headline if task.higher_is_better[task.headline] else headline).double(), task.headline
    elif answer.kind_of_space in ("classes", "labels"):
        error, measure = torch.where(known, _mistakes(answer, told, task), 1.0), MISTAKES
    else:
        error, measure = loss, LOSS
    if answer.kind_of_space in ("classes", "labels"):
        loss, _ = _losses(calibrate(answer, told.target, told.labelled).apply(answer), told)
    return Outcome(error, loss, measure)


def _losses(answer: Any, batch: Batch) -> tuple[Tensor, Tensor]:
    loss, known = row_loss(answer, batch)
    worst = loss[known].max() if bool(known.any()) else torch.ones((), dtype=torch.float64)
    return torch.where(known, loss, worst), known


def _mistakes(answer: Any, batch: Batch, task: Task) -> Tensor:
    if answer.kind_of_space == "classes":
        return (task.decode(answer) != batch.target).double()
    off = ((answer.logits > 0) != (batch.target > 0.5)) & batch.labelled
    return off.double().sum(-1) / batch.labelled.sum(-1).clamp_min(1)


def _best_singles(source: SignalSource, batch: Batch) -> tuple[str, ...]:
    signals = source.gather(batch.row, batch.view)
    folds = cross_fit(signals, batch)
    losses = {
        name: float(heldout_loss([fold.only(i) for fold in folds], Mean()).mean())
        for i, name in enumerate(signals.names)
    }
    return tuple(sorted(losses, key=lambda name: losses[name])[:SINGLES])


def _has_label(rows: Rows) -> np.ndarray:
    return np.asarray(rows.labelled.reshape(len(rows), -1).any(axis=1))


def _without(rows: Rows, hidden: np.ndarray) -> Rows:
    """The table without these labels; they are no validation rows either."""
    fewer = rows.with_labels(np.setdiff1d(np.flatnonzero(_has_label(rows)), hidden))
    return replace(fewer, validation=np.setdiff1d(rows.validation, hidden))


def _targets(asked: Any, rows: Rows, objective: Objective | None, shown: np.ndarray) -> dict[str, Distillation]:
    found: dict[str, Distillation] = {}
    for name, source, fusion in asked:
        try:
            found[name] = generate_distillation_targets(source, rows, fusion, objective, shown, prepare=False)
        except InputError:
            continue
    return found


def _taught(
    student: Any, targets: Mapping[str, Distillation], fewer: Rows, rows: Rows, hidden: np.ndarray, plain: Training
) -> dict[str, Any]:
    """Answers about the hidden rows of one student per target, and of one that learns from labels alone."""
    task = task_of(rows)
    lanes = [Lane(name, target, plain.seed) for name, target in targets.items()]
    trained = dict(zip(targets, sweep(student, lanes, fewer, plain).fitted, strict=True))
    if len(fewer.labelled_train):
        own = replace(fewer, train=fewer.labelled_train)
        steps = plain.epochs * batch_count(len(fewer.train), plain.batch_size)
        epochs = max(1, round(steps / batch_count(len(own.train), plain.batch_size)))
        lane = Lane(LABELS, labels_only(task), plain.seed)
        trained[LABELS] = sweep(student, [lane], own, replace(plain, epochs=epochs)).fitted[0]
    return {name: answers(fitted.student, rows, hidden, task)[0] for name, fitted in trained.items()}


def _fused(target: Distillation, asked: Batch) -> Any:
    """What the ensemble says about rows whose labels it is not shown."""
    stacked = target.signals(asked.row, asked.view).stacked()
    blank = torch.zeros_like(asked.labelled)
    context = Context(row=asked.row, target=asked.target, labelled=blank)
    return answer_of(target.fusion(stacked, context), stacked)
