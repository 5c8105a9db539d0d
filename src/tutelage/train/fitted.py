"""Models fitted here as teachers: one on all rows, or one per fold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ..core import InputError, LeakageError, Task, Teacher
from ..data import Rows
from ..data.dealing import deal
from ..nets import InUnits, MeanAndScale
from ..tasks import Regression
from ..tasks.regression import SMALLEST_SCALE
from ..teachers import Binding, EstimatorTeacher, ModuleTeacher, RankingTeacher, bound
from ..teaching import Distillation, Objective
from ..teaching.sources import Nobody
from .evaluate import in_names
from .fit import fit
from .history import Epoch
from .out_of_fold import OutOfFold
from .per_label import PerLabel
from .settings import Training

Told = Callable[[str, Epoch, int], None]


def folds(rows: Rows, row: np.ndarray, count: int, seed: int, groups: np.ndarray | None = None) -> np.ndarray:
    """The fold of each of these rows: stratified by class, random otherwise; int64 like `row`.

    Rows of one group, of which `groups` [N] holds one per row of the table, are in one fold.

    Raises:
        InputError: fewer rows or groups than folds.
    """
    if groups is not None:
        classes = rows.target[row] if rows.space.kind == "classes" else np.zeros(len(row), dtype=np.int64)
        return deal(classes, count, seed, groups[row])
    if len(row) < count:
        raise InputError(f"{count} folds need at least as many labelled rows, there are {len(row)}")
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(row))
    if rows.space.kind == "classes":
        order = order[np.argsort(rows.target[row[order]], kind="stable")]
    found = np.empty(len(row), dtype=np.int64)
    found[order] = np.arange(len(row)) % count
    return found


def fit_teacher(
    make: Callable[[], Any],
    rows: Rows,
    row: np.ndarray,
    task: Task,
    *,
    name: str,
    seed: int,
    training: Training,
    reads: Sequence[str] | None = None,
    binding: Binding | None = None,
    folder: Path | None = None,
    progress: Told | None = None,
) -> Teacher:
    """One model fitted on these labelled rows: an nn.Module by `fit`, anything else by its own `fit(X, y)`.

    Args:
        make: makes the model.
        rows: the table.
        row: labelled row numbers, which the teacher then declares as seen.
        task: classes are given to estimators by name.
        name: of the teacher.
        seed: of the model's initialisation.
        training: settings for an nn.Module.
        reads: its columns; the student's unless given.
        binding: the source it learns from: it is fitted on rows that have it, and abstains elsewhere.
        folder: keeps an nn.Module: a finished one is not trained again, an interrupted one goes on.
        progress: called after each epoch of an nn.Module with its name, the record and the number of epochs planned.

    Early stopping and `Plateau` look at the labelled validation rows that are not among `row`. Estimators are fitted on
    the rows whose target is known in every entry; `PerLabel` on all, with NaN in `y` where it is not known.

    Raises:
        InputError: the folder holds another model, or what `fit` raises.
        LeakageError: a row is a test row.
        StoreError: the folder cannot be written or read.
    """
    if np.isin(row, rows.test.check(len(rows))).any():
        raise LeakageError(f"{name!r} would be fitted on test rows: choose its rows from rows.train")
    if binding is not None:
        rows, row = having(rows, row, binding)
        options: dict[str, Any] = {"training": training, "reads": reads, "folder": folder, "progress": progress}
        return bound(fit_teacher(make, rows, row, task, name=name, seed=seed, **options), binding)
    reads = rows.inputs if reads is None else tuple(reads)
    torch.manual_seed(seed)
    model = make()
    if isinstance(model, nn.Module):
        own = replace(training, checkpoint=folder, tensorboard=None, profile=None)
        told = None if progress is None else partial(progress, name)
        fit_labels(model, replace(rows, inputs=reads), row, task, own, told)
        return as_teacher(model, name, reads, row, task)
    if task.space.kind == "scores":
        raise InputError(
            f"{name!r} is no nn.Module, and nothing else is fitted to rankings here: fit it yourself and wrap it in a "
            "RankingTeacher, or give a maker of an nn.Module"
        )
    if hasattr(model, "set_params") and "random_state" in model.get_params():
        model.set_params(random_state=seed)
    gaps = isinstance(model, PerLabel)
    row = row if rows.known is None or gaps else row[rows.known[row].reshape(len(row), -1).all(1)]
    table = np.concatenate([np.asarray(rows.columns[c])[row].reshape(len(row), -1) for c in reads], axis=1)
    target = rows.target[row]
    if task.space.kind == "classes":
        target = np.array(task.space.names)[target]
    elif task.space.kind == "values" and target.shape[1] == 1:
        target = target[:, 0]
    elif gaps and rows.known is not None:
        target = np.where(rows.known[row], target, np.nan)
    model.fit(table, target)
    names = None if task.space.kind == "classes" else task.space.names
    return in_names(EstimatorTeacher(model, reads=reads, name=name, names=names, seen=row), task.space)


def as_teacher(module: nn.Module, name: str, reads: Sequence[str], row: np.ndarray, task: Task) -> Teacher:
    """A trained student as a teacher, on the CPU and in evaluation mode.

    Args:
        module: of its own; it is moved.
        name: of the teacher.
        reads: its columns.
        row: row numbers it was trained on, which it declares as seen.
        task: what its outputs are.
    """
    if task.space.kind == "scores":
        return RankingTeacher(module.cpu().eval(), reads=reads, items=task.space.names[0], name=name, seen=row)
    plain, _ = in_units(module.cpu().eval(), task)
    if isinstance(task, Regression) and task.with_scale:
        plain = MeanAndScale(plain, task.centre, task.spread, SMALLEST_SCALE)
    output = "logits" if task.space.kind == "classes" else None
    return ModuleTeacher(plain, reads=reads, name=name, space=task.space, output=output, seen=row)


def having(rows: Rows, row: np.ndarray, binding: Binding | None) -> tuple[Rows, np.ndarray]:
    """The table with those of its validation rows that have a source, and those of these row numbers that have it.

    Raises:
        InputError: none of these rows has it.
    """
    if binding is None:
        return rows, row
    own, watched = (
        one[binding.rows({name: rows.columns[name][one] for name in binding.reads if name in rows.columns})]
        for one in (row, rows.validation)
    )
    if not len(own):
        raise InputError(f"none of {len(row)} rows has source {binding.source!r}: nothing can be learnt from it")
    return replace(rows, validation=watched), own


def in_units(module: nn.Module, task: Task) -> tuple[nn.Module, Task]:
    """A module that answers in units of the target by itself, and the task that reads it so.

    Students of values learn in spreads around a centre that their task knows; outside of tutelage nobody does.
    """
    if not isinstance(task, Regression) or task.with_scale:
        return module, task
    return InUnits(module, task.centre, task.spread), replace(task, centre=(), spread=())


def fit_labels(
    module: nn.Module,
    rows: Rows,
    row: np.ndarray,
    task: Task,
    training: Training,
    progress: Callable[[Epoch, int], None] | None = None,
) -> None:
    """Trains a module on the labels of these rows alone, through the same loop as a student."""
    known = np.asarray(rows.labelled.reshape(len(rows), -1).any(axis=1))
    watched = np.setdiff1d(rows.validation[known[rows.validation]], row)
    shown = rows.with_labels(np.concatenate([row, watched]))
    fit(module, labels_only(task), replace(shown, train=np.asarray(row), validation=watched), training, progress)


def labels_only(task: Task) -> Distillation:
    """The plain baseline: no teachers, the hard loss alone, through the same path."""
    from ..fusion import Mean

    return Distillation(Nobody(), Mean(), Objective((), soft=0.0), task)


@dataclass(frozen=True)
class Variant:
    """One of several models to be trained: how it is made, and on which rows."""

    name: str
    make: Callable[[], Any]
    seed: int
    training: Training
    resampled: bool
    reads: tuple[str, ...] | None = None

    def sample(self, row: np.ndarray) -> np.ndarray:
        """All rows, or a bootstrap sample's distinct rows (about 63 % of them)."""
        if not self.resampled:
            return row
        drawn = np.random.default_rng((self.seed, len(row))).choice(row, size=len(row))
        return np.unique(drawn)


def variants(
    make: Callable[[], Any] | Sequence[Callable[[], Any]],
    n: int,
    vary: Sequence[str],
    seed: int,
    training: Training,
    name: str = "model",
    reads: Sequence[str] | None = None,
) -> list[Variant]:
    """The n models that `train_models` trains.

    Raises:
        InputError: `vary` names something unknown, or several makers come without `architecture`.
    """
    strange = sorted(set(vary) - {"seed", "optimiser", "architecture", "data"})
    if strange:
        raise InputError(f"vary={strange} is not known: seed, optimiser, architecture, data")
    makers = [make] if callable(make) else list(make)
    if len(makers) > 1 and "architecture" not in vary:
        raise InputError(f"{len(makers)} makers were given: add 'architecture' to vary, or give one")
    if n < 1:
        raise InputError(f"n must be at least 1, got {n}")
    found: list[Variant] = []
    turns = ("adamw", "sgd", "adam") if "optimiser" in vary else (training.optimiser,)
    for number in range(n):
        optimiser = turns[number % len(turns)]
        lr = 0.05 if optimiser == "sgd" and training.optimiser != "sgd" else training.lr
        decay = training.decay if optimiser == "adamw" else Training.decay
        own = replace(training, seed=seed + number, optimiser=optimiser, lr=lr, decay=decay)
        maker = makers[number % len(makers)]
        called = name if n == 1 else f"{name}_{number}"
        columns = None if reads is None else tuple(reads)
        found.append(Variant(called, maker, seed + number, own, "data" in vary, columns))
    return found


def trained(
    one: Variant,
    rows: Rows,
    row: np.ndarray,
    task: Task,
    count: int,
    folder: Path | None = None,
    progress: Told | None = None,
    groups: np.ndarray | None = None,
) -> Teacher:
    """A teacher fitted on these rows, out of fold when there is more than one fold; see `fit_teacher` and `folds`."""

    def fitted(name: str, own: np.ndarray) -> Teacher:
        options: dict[str, Any] = {"training": one.training, "reads": one.reads, "progress": progress}
        place = None if folder is None else folder / name
        return fit_teacher(one.make, rows, own, task, name=name, seed=one.seed, folder=place, **options)

    if count <= 1:
        return fitted(one.name, row)
    fold = folds(rows, row, count, one.seed, groups)
    models = tuple(fitted(f"{one.name}/{held}", row[fold != held]) for held in range(count))
    place = np.full(len(rows), -1, dtype=np.int64)
    place[row] = fold
    return OutOfFold(one.name, models, place)
