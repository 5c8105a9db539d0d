"""The main job: six steps, each usable alone; `tutelage.search.distill` composes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from ..core import Fusion, SignalSource, Task, Teacher
from ..data import Rows
from ..store import Store
from ..teachers import Binding, Optimised, bound, optimised
from ..teachers.bound import example_rows
from ..teachers.optimise import SAMPLE
from ..teaching import Distillation, Hint, Live, Objective
from ..teaching.compared import Differences, differences
from ..teaching.heldout import calibrated, learn
from ..teaching.progress import TeachProgress
from ..teaching.teach import teach
from .evaluate import Performance, in_names, performance, task_of
from .fit import Epoch, Fitted, fit
from .fitted import Told, having, labels_only, trained, variants
from .hinting import taught
from .labels import labelled_rows
from .objectives import default_objective
from .settings import Training

Make = Callable[[], Any]
Asked = Callable[[TeachProgress], None] | None
Ran = Callable[[Optimised], None] | None
Learnt = Callable[[Epoch, int], None] | None


def train_models(
    rows: Rows,
    make: Make | Sequence[Make],
    n: int = 3,
    vary: Sequence[str] = ("seed",),
    *,
    name: str = "model",
    row: np.ndarray | None = None,
    folds: int = 5,
    training: Training | None = None,
    seed: int = 0,
    reads: Sequence[str] | None = None,
    binding: Binding | None = None,
    groups: np.ndarray | None = None,
    folder: Path | str | None = None,
    progress: Told | None = None,
) -> tuple[Teacher, ...]:
    """Step 1: n teachers, which answer the rows they were fitted on out of fold.

    Args:
        rows: the table.
        make: makes a fresh model, an nn.Module or anything with scikit-learn's `fit`; or several makers.
        n: number of teachers.
        vary: besides the seed: `optimiser` (AdamW, SGD, Adam), `architecture` (the makers), `data` (bootstrap samples).
        name: of the teacher; of several, NAME_0, NAME_1, ...
        row: rows to fit on; the labelled training rows unless given.
        folds: number of folds; 1 fits once, and the teacher declares these rows as seen.
        training: settings for nn.Modules. Early stopping looks at the validation rows and keeps the best epoch.
        seed: of the first teacher; the others count on.
        reads: their columns, of one source perhaps; the student's unless given.
        binding: the source they learn from: they are fitted on rows that have it, and abstain elsewhere.
        groups: patient, accident, user ... of each row of the table [N]; rows of one group are in one fold.
        folder: keeps each nn.Module in a folder of its own, NAME_0 (out of fold NAME_0/0): a finished one is not
            trained again, an interrupted one goes on.
        progress: called after each epoch of an nn.Module with its name, the record and the number of epochs planned.

    Raises:
        InputError: something does not fit, or the folder holds other models.
        LeakageError: a row is a test row.
        StoreError: the folder cannot be written or read.
    """
    rows, chosen = having(rows, rows.labelled_train if row is None else np.asarray(row), binding)
    planned = variants(make, n, vary, seed, training or Training(), name, reads)
    place, task = None if folder is None else Path(folder), task_of(rows)
    made = (trained(one, rows, one.sample(chosen), task, folds, place, progress, groups) for one in planned)
    return tuple(made if binding is None else (bound(teacher, binding) for teacher in made))


def generate_predictions(
    teachers: Sequence[Teacher],
    rows: Rows,
    store: Store,
    codec: str = "fp32",
    progress: Asked = None,
    *,
    optimise: bool = True,
    ran: Ran = None,
) -> SignalSource:
    """Step 2: each teacher answers each training and validation row once, and each view of the training rows.

    Where one is not frozen, or views have no end, all are asked live instead, at every step.

    Args:
        teachers: whoever answers; they are aligned to the task's names here.
        rows: the table.
        store: keeps the answers.
        codec: how they are written; see `teach`.
        progress: told how far the teachers are.
        optimise: let torch modules run faster where their answers stay the same; see `tutelage.teachers.optimised`.
        ran: told how each teacher is run.
    """
    named = tuple(in_names(teacher, rows.space) for teacher in teachers)
    frozen = all(teacher.frozen and teacher.deterministic for teacher in named)
    ready = partial(_ready, rows=rows, store=store if frozen else None, ran=ran) if optimise else _as_it_is
    views = rows.views
    if not frozen or (views is not None and views.count is None):
        return Live(tuple(ready(teacher) for teacher in named), rows.columns, views=views)
    made = [partial(ready, teacher) for teacher in named]
    return teach(
        made, rows.columns, rows.taught, store, views=views or 1, viewed=rows.train, codec=codec, progress=progress
    )


def _ready(teacher: Teacher, *, rows: Rows, store: Store | None, ran: Ran) -> Teacher:
    """A teacher as it is run: as the store knows it, else as its answers about the first rows allow."""
    manifest = None if store is None else store.manifest(teacher.name)
    row = example_rows(teacher, rows.columns, rows.taught, SAMPLE)
    sample = {name: rows.columns[name][row] for name in teacher.reads if name in rows.columns}
    made, what = optimised(teacher, sample, stored=None if manifest is None else manifest.fingerprint)
    if ran is not None:
        ran(what)
    return made


def _as_it_is(teacher: Teacher) -> Teacher:
    return teacher


def calculate_differences(source: SignalSource, rows: Rows, row: np.ndarray | None = None) -> Differences:
    """Step 3: how far the teachers are apart, pairwise, per row and per class."""
    batch = rows.batch(rows.taught if row is None else row, inputs=False)
    return differences(calibrated(source, rows.batch(labelled_rows(rows), inputs=False), batch).stacked())


def generate_distillation_targets(
    source: SignalSource | None,
    rows: Rows,
    fusion: Fusion,
    objective: Objective | None = None,
    heldout: np.ndarray | None = None,
    hints: Sequence[Hint] = (),
    store: Store | None = None,
    prepare: bool = True,
) -> Distillation:
    """Step 4: calibration, fusion and objective, joined and (under plan 1) computed for every row.

    Args:
        source: signals about training and validation rows; None trains on labels alone.
        rows: the table.
        fusion: how teachers are combined; fitted here when it has to be.
        objective: what is compared; the task's default unless given.
        heldout: labelled rows that no teacher was trained on; all labelled train and validation rows unless given.
        hints: comparisons of features; whose teachers have not been asked are asked here.
        store: keeps their features; in memory without one.
        prepare: whether everything is computed now; a training does it otherwise.
    """
    task, asked = task_of(rows), taught(hints, rows, store)
    if source is None:
        return replace(labels_only(task), hints=asked)
    batch = rows.batch(labelled_rows(rows) if heldout is None else heldout, inputs=False)
    calibrations, fitted = learn(source, fusion, batch, taught=rows.batch(rows.taught, inputs=False))
    joined = Distillation(source, fitted, objective or default_objective(task), task, calibrations, None, batch.row)
    joined = replace(joined, hints=asked)
    return joined.prepared(rows.lessons()) if prepare else joined


def optimize_model(
    student: nn.Module, target: Distillation, rows: Rows, training: Training | None = None, progress: Learnt = None
) -> Fitted:
    """Step 5: the student learns from rows and targets; see `fit`."""
    return fit(student, target, rows, training, progress)


def evaluate_performance(model: nn.Module | Teacher, rows: Rows, task: Task | None = None) -> Performance:
    """Step 6: quality and cost of a student or a teacher on the sealed test rows, which this opens."""
    return performance(model, rows, task or task_of(rows), rows.test.open("evaluate_performance"))
