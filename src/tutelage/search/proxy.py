"""Student proxies: small students of candidate targets, judged on rows that nobody involved has learnt from.

Neither the students nor any calibration, fusion or teacher has. Rows are judged in folds where they are few: the
labelled rows that no teacher has seen are dealt into folds, and the students of a fold learn without its rows. All
students of a fold are one batched network where that is possible.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from ..core import Batch, Fusion, InputError, SignalSource
from ..data import Rows
from ..data.rows import batch_count
from ..fusion import Mean, PerTeacher
from ..teaching import Distillation, Objective
from ..teaching.heldout import row_loss
from ..train.evaluate import answers
from ..train.fitted import labels_only
from ..train.settings import Training
from ..train.steps import generate_distillation_targets
from ..train.sweep import Lane, sweep
from .ground import Ground, Some

LABELS = "labels only"
MANY = 1000
"""Held-out rows beyond which one fold is judged instead of all."""


@dataclass(frozen=True)
class Candidate:
    """What a student could learn from.

    Attributes:
        name: unique.
        teachers: who teaches; nobody for labels alone.
        fusion: how they are combined; the plain mean unless given.
        objective: what is compared; the contest's unless given.
    """

    name: str
    teachers: tuple[str, ...] = ()
    fusion: Fusion | None = None
    objective: Objective | None = None


@dataclass(frozen=True)
class Judged:
    """What came out for one candidate.

    Attributes:
        row: dataset rows judged, [B].
        loss: per seed and row, [S, B].
        right: what the headline is about, per seed and row, higher is better, [S, B]: 1 for the right class, else
            minus the loss.
    """

    row: np.ndarray
    loss: np.ndarray
    right: np.ndarray

    def means(self) -> np.ndarray:
        """Mean loss per seed, [S]."""
        return self.loss.mean(1)


def deal(ground: Ground, folds: int, seed: int = 0) -> list[np.ndarray]:
    """Held-out rows in folds of like classes; only the first of them where there are many rows.

    Raises:
        InputError: fewer than two folds, or fewer rows than folds.
    """
    batch = ground.heldout
    known = batch.labelled.reshape(len(batch), -1).any(1).numpy()
    row, target = ground.trial.heldout[known], batch.target[torch.from_numpy(np.flatnonzero(known))]
    if folds < 2 or len(row) < 2 * folds:
        raise InputError(f"{len(row)} held-out labelled rows cannot be judged in {folds} folds: at least 2 rows each")
    order = np.random.default_rng(seed).permutation(len(row))
    if not target.dtype.is_floating_point:
        order = order[np.argsort(target.numpy()[order], kind="stable")]
    made = [np.sort(row[order[one::folds]]) for one in range(folds)]
    return made[:1] if len(row) > MANY else made


def without(rows: Rows, judged: np.ndarray) -> Rows:
    """The table with these rows in no split but the sealed one's complement: nobody learns from them."""
    left = replace(rows, train=np.setdiff1d(rows.train, judged), validation=np.setdiff1d(rows.validation, judged))
    if len(left.validation):
        return left
    spare = left.labelled_train[:: max(len(left.labelled_train) // 10, 1)][:10]
    return replace(left, train=np.setdiff1d(left.train, spare), validation=spare)


def judge_fold(
    ground: Ground,
    candidates: Sequence[Candidate],
    judged: np.ndarray,
    seeds: Sequence[int],
    training: Training | None = None,
    student: Any = None,
) -> dict[str, Judged]:
    """Students of every candidate and seed, trained without the rows `judged` and judged on them."""
    rows = without(ground.rows, judged)
    learning = np.setdiff1d(ground.trial.heldout, judged)
    found: dict[str, Judged] = {}
    for name, students in train_candidates(ground, rows, learning, candidates, seeds, training, student).items():
        found[name] = judged_on(students, ground, judged)
    return found


def train_candidates(
    ground: Ground,
    rows: Rows,
    learning: np.ndarray,
    candidates: Sequence[Candidate],
    seeds: Sequence[int],
    training: Training | None = None,
    student: Any = None,
) -> dict[str, list[Any]]:
    """One student per candidate and seed, all of them together where possible; candidate -> students by seed.

    Args:
        ground: rows and teachers.
        rows: the table, with the splits that students learn from.
        learning: labelled rows that calibrations and fusions learn from.
        candidates: what the students learn from.
        seeds: of the students.
        training: settings; the ground's unless given.
        student: a maker; the contest's unless given.
    """
    settings, made = training or ground.training, student or ground.contest.student
    taught = {one.name: target_of(ground, one, rows, learning) for one in candidates if one.teachers}
    found: dict[str, list[Any]] = {}
    if taught:
        found |= students_of(made, taught, seeds, rows, settings, ground)
    if any(not one.teachers for one in candidates) and len(rows.labelled_train):
        own = replace(rows, train=rows.labelled_train)
        steps = settings.epochs * batch_count(len(rows.train), settings.batch_size)
        epochs = max(1, round(steps / batch_count(len(own.train), settings.batch_size)))
        alone = {one.name: labels_only(ground.task) for one in candidates if not one.teachers}
        found |= students_of(made, alone, seeds, own, replace(settings, epochs=epochs), ground)
    return found


def target_of(ground: Ground, one: Candidate, rows: Rows, learning: np.ndarray) -> Distillation:
    """What the students of a candidate learn from."""
    source: SignalSource = ground.signals
    fusion: Any = one.fusion or Mean()
    if tuple(one.teachers) != tuple(source.names):
        if isinstance(fusion, PerTeacher):
            fusion = fusion.bound(source.names)
            fusion = fusion.taking([source.names.index(name) for name in one.teachers])
        source = Some(source, tuple(one.teachers))
    objective = one.objective or ground.contest.objective
    return generate_distillation_targets(source, rows, fusion, objective, learning)


def judged_on(students: Sequence[Any], ground: Ground, row: np.ndarray) -> Judged:
    """How students, one per seed, do on these rows."""
    losses, rights = [], []
    for student in students:
        answer, _ = answers(student.cpu(), ground.rows, row, ground.task)
        batch = ground.rows.batch(row, inputs=False, truth=True)
        loss, right = measured(answer, batch)
        losses.append(loss)
        rights.append(right)
    return Judged(row, np.stack(losses), np.stack(rights))


def measured(answer: Any, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
    """Loss per row and what the headline is about, per row (higher is better)."""
    loss, _ = row_loss(answer, batch)
    if answer.kind_of_space == "classes":
        return loss.numpy(), (answer.log_probs().argmax(-1) == batch.target).double().numpy()
    return loss.numpy(), -loss.numpy()


def students_of(
    made: Any,
    targets: Mapping[str, Distillation],
    seeds: Sequence[int],
    rows: Rows,
    training: Training,
    ground: Ground,
) -> dict[str, list[Any]]:
    """One student per target and seed, all as one batched network where possible; name -> students by seed."""
    lanes = [Lane(f"{name}, seed {seed}", target, seed) for name, target in targets.items() for seed in seeds]
    swept = sweep(made, lanes, rows, training, ground.tell)
    found: dict[str, list[Any]] = {name: [] for name in targets}
    for lane, fitted in zip(swept.lanes, swept.fitted, strict=True):
        found[lane.name.rpartition(", seed ")[0]].append(fitted.student)
    return found


def joined(parts: Sequence[Judged]) -> Judged:
    """The judgements of several folds as one."""
    return Judged(
        np.concatenate([part.row for part in parts]),
        np.concatenate([part.loss for part in parts], axis=1),
        np.concatenate([part.right for part in parts], axis=1),
    )


def to_json(judged: Mapping[str, Judged]) -> dict[str, Any]:
    """Plain values for a journal."""
    return {
        name: {"row": one.row.tolist(), "loss": one.loss.tolist(), "right": one.right.tolist()}
        for name, one in judged.items()
    }


def from_json(value: Mapping[str, Any]) -> dict[str, Judged]:
    """Back from a journal."""
    return {
        name: Judged(np.array(one["row"], dtype=np.int64), np.array(one["loss"]), np.array(one["right"]))
        for name, one in value.items()
    }
