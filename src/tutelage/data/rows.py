"""Rows: columns of one table, its target, and who may look at which rows."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..core import Batch, InputError, LeakageError, Space, Task
from .automatic import prepare_table
from .candidates import check_candidates
from .preparing import Preparation
from .record import DataRecord
from .sealed import Sealed, check_splits
from .target import encode_target, split
from .views import FittedViews, Views


@dataclass(frozen=True)
class Rows:
    """A table in memory (or mapped into memory) and its split.

    Args:
        columns: raw columns, name to array [N, ...]; what teachers and preparation read.
        inputs: the student's columns, in the order of the student's arguments; numeric.
        target: int64 [N] (classes), float [N, C] (labels), float [N, D] (values) or [N, candidates] (relevances).
        space: kind of answer and names.
        labelled: bool [N] (classes, rankings) or like `target`: whose labels training may use.
        train: row numbers the student trains on, labelled or not.
        validation: labelled row numbers for early stopping, calibration and choices.
        test: sealed row numbers.
        weight: trust per row, float [N]; 1 unless given.
        known: like `labelled`: which targets are there at all; everywhere unless given. Evaluation uses it.
        preparation: how the student's columns were made from raw ones, replayed by a saved run.
        task: what the student is for, where it is not the plain task of the space.
        record: what was counted between the sources and the rows; the report of a run shows it.
        views: replayable augmentation of the training rows; `with_views` makes it.

    Raises:
        InputError: lengths differ, a row number does not exist, a student column is not numeric or not finite.
        LeakageError: a row is in two splits.
    """

    columns: Mapping[str, np.ndarray]
    inputs: tuple[str, ...]
    target: np.ndarray
    space: Space
    labelled: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    test: Sealed
    weight: np.ndarray | None = None
    preparation: Preparation | None = None
    known: np.ndarray | None = None
    task: Task | None = None
    record: DataRecord = field(default_factory=DataRecord, repr=False)
    views: FittedViews | None = None

    def __post_init__(self) -> None:
        sizes = {name: len(column) for name, column in self.columns.items()} | {"target": len(self.target)}
        if len(set(sizes.values())) > 1:
            raise InputError(f"all columns need the same number of rows, got {sizes}")
        lost = [name for name in self.inputs if name not in self.columns]
        if lost or not self.inputs:
            raise InputError(f"the student's columns {lost or '(none)'} are not in the table; there are {list(sizes)}")
        for name in self.inputs:
            column = self.columns[name]
            if column.dtype.kind not in "fiub":
                raise InputError(f"student column {name!r} has type {column.dtype}: prepare it into numbers first")
            if column.dtype.kind == "f" and not np.isfinite(column).all():
                bad = np.flatnonzero(~np.isfinite(column.reshape(len(column), -1)).all(1))
                raise InputError(
                    f"student column {name!r} holds NaN or infinity in {len(bad)} rows (first {bad[:5].tolist()}): "
                    "fill or drop them, or let a preparation do it"
                )
        if self.space.kind == "scores":
            check_candidates(self.columns, self.inputs, self.target, self.space)
        if self.views is not None and self.views.table is not self.columns:
            raise InputError("the views belong to another table: call with_views on the rows with these columns")
        check_splits(len(self), self.train, self.validation, self.test)

    def __len__(self) -> int:
        return len(self.target)

    @property
    def taught(self) -> np.ndarray:
        """Row numbers that teachers have to answer before training: train and validation, sorted."""
        return np.unique(np.concatenate([self.train, self.validation]))

    @property
    def labelled_train(self) -> np.ndarray:
        """Training row numbers with a label."""
        known = self.labelled.reshape(len(self), -1).any(axis=1)
        return self.train[np.asarray(known)[self.train]]

    def batch(
        self, row: np.ndarray | Sealed, *, inputs: bool = True, truth: bool = False, view: np.ndarray | None = None
    ) -> Batch:
        """These rows as one batch.

        A row in a view that does not keep labels is not labelled.

        Args:
            row: row numbers.
            view: which view of each row; the rows as they are unless given.
            inputs: whether the student's columns are needed.
            truth: whether every known target counts as labelled (evaluation), or only those training may use.
        """
        if isinstance(row, Sealed):
            raise LeakageError("test rows are sealed: only evaluate may open them")
        index = torch.from_numpy(np.asarray(row, dtype=np.int64))
        tensors = self._tensors
        labelled = tensors["/known" if truth else "/labelled"].index_select(0, index)
        looked = torch.zeros_like(index) if view is None else torch.from_numpy(np.asarray(view, dtype=np.int64))
        turned = view is not None and bool(looked.any())
        if turned and (self.views is None or not self.views.keeps_labels):
            labelled = labelled & (looked == 0).view(-1, *[1] * (labelled.dim() - 1))
        given: dict[str, Tensor] = {}
        if inputs and turned:
            given = self._viewed(index.numpy(), looked.numpy())
        elif inputs:
            given = {name: tensors[name].index_select(0, index) for name in self.inputs}
        return Batch(
            inputs=given,
            row=index,
            view=looked,
            weight=tensors["/weight"].index_select(0, index),
            target=tensors["/target"].index_select(0, index),
            labelled=labelled,
        )

    def _viewed(self, row: np.ndarray, view: np.ndarray) -> dict[str, Tensor]:
        """The student's columns of rows in their views."""
        if self.views is None:
            raise InputError(
                f"view {view.max()} was asked for, and the rows have no views: rows.with_views(Views(...))"
            )
        return {name: _tensor(column) for name, column in self.views.columns(self.inputs, row, view).items()}

    def batches(
        self, row: np.ndarray | Sealed, size: int, *, seed: int | None = None, epoch: int = 0, inputs: bool = True
    ) -> Iterator[Batch]:
        """All these rows once, in batches.

        With a seed, to learn from: shuffled by (seed, epoch), each row in its view of the epoch. Without one, to look
        at: in order, as they are.

        When shuffled, a last batch of a single row, which batch norm could not use, joins the one before.
        """
        if isinstance(row, Sealed):
            raise LeakageError("test rows are sealed: only evaluate may open them")
        if size < 1:
            raise InputError(f"batch size must be at least 1, got {size}")
        order = np.asarray(row)
        if seed is not None:
            order = np.random.default_rng((seed, epoch)).permutation(order)
        count = -(-len(order) // size) if seed is None else batch_count(len(order), size)
        for number in range(count):
            stop = len(order) if number == count - 1 else (number + 1) * size
            part = order[number * size : stop]
            yield self.batch(part, inputs=inputs, view=None if seed is None else self.view_of(part, epoch))

    def view_of(self, row: np.ndarray, epoch: int) -> np.ndarray | None:
        """The view in which each row is learnt from in an epoch, int64 [B]; None where rows have no views."""
        return None if self.views is None else self.views.at(row, epoch)

    def lessons(self, size: int = 4096) -> Iterator[Batch]:
        """Everything that teachers are asked about, without inputs: all taught rows, and all views of training rows."""
        yield from self.batches(self.taught, size, inputs=False)
        train = np.unique(self.train)
        for number in range(1, 1 if self.views is None else (self.views.count or 1)):
            for start in range(0, len(train), size):
                part = train[start : start + size]
                yield self.batch(part, inputs=False, view=np.full(len(part), number))

    def with_views(self, views: Views | None) -> Rows:
        """The same table, whose training rows are learnt from in these views; None: as they are.

        Partners that a view mixes a row with are among the training rows of this moment.

        Raises:
            InputError: a column is missing, or does not suit its augmentation.
        """
        fitted = None if views is None else FittedViews.of(views, self.columns, self.train, self.preparation)
        return replace(self, views=fitted)

    def with_labels(self, row: np.ndarray) -> Rows:
        """The same table, of which only these rows may show their labels in training."""
        shown = np.zeros_like(self.labelled)
        shown[row] = True if self.known is None else self.known[row]
        return replace(self, labelled=shown)

    @cached_property
    def _tensors(self) -> dict[str, Tensor]:
        found = {name: _tensor(self.columns[name]) for name in self.inputs}
        weight = np.ones(len(self), dtype=np.float32) if self.weight is None else self.weight.astype(np.float32)
        known = np.ones_like(self.labelled) if self.known is None else self.known
        parts = {"/weight": weight, "/target": self.target, "/labelled": self.labelled, "/known": known}
        return found | {name: shared(part) for name, part in parts.items()}


def batch_count(rows: int, size: int) -> int:
    """Number of shuffled batches of so many rows; see `Rows.batches`."""
    return rows if size == 1 else min(rows, max(1, -(-(rows - 1) // size)))


def rows_of(
    columns: Mapping[str, np.ndarray] | np.ndarray,
    target: np.ndarray | Sequence[Any],
    *,
    inputs: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    space: Space | None = None,
    task: Task | None = None,
    train: np.ndarray | None = None,
    validation: np.ndarray | None = None,
    test: np.ndarray | None = None,
    labelled: np.ndarray | Sequence[bool] | None = None,
    weight: np.ndarray | None = None,
    prepare: bool = False,
    seed: int = 0,
    record: DataRecord | None = None,
) -> Rows:
    """Rows from arrays.

    Args:
        columns: one feature matrix [N, F] (then called `features`), or name to array.
        target: class names or numbers [N], yes/no [N, C] of booleans, floats [N] or [N, D], or relevances of
            candidates [N, candidates] with `task=Ranking(...)`.
        inputs: the student's columns; all numeric ones unless given.
        names: names of the classes, labels or columns; found out unless given.
        space: kind of answer, where the target's type does not tell it.
        task: what the student is for, where the plain task of the space is not meant; brings its space along.
        train: row numbers; together with `validation` and `test` or not at all.
        validation: row numbers.
        test: row numbers.
        labelled: bool [N]: rows whose label training may use; all unless given. Missing class labels
            (None, NaN, "") are not labelled.
        weight: trust per row.
        prepare: give the student one matrix `features`, filled, scaled and coded by the recipe that `recipe_for` finds,
            fitted on the training rows and saved with a run; columns [N] of numbers or words.
        seed: of the split 70/15/15, stratified by class, when none is given.
        record: what was counted on the way to the columns.
    """
    table = dict(columns) if isinstance(columns, Mapping) else {"features": np.asarray(columns)}
    coded, found, known = encode_target(target, names, space if task is None else task.space)
    if train is None:
        if validation is not None or test is not None:
            raise InputError("give train, validation and test rows together, or none of them")
        train, validation, test = split(coded, found, known, seed=seed)
    preparation = None
    if prepare:
        features = {name: np.asarray(table[name]) for name in inputs or table}
        preparation, _ = prepare_table(features, np.asarray(train))
        table, inputs = table | preparation.apply(features), preparation.outputs
    if inputs is None:
        inputs = tuple(name for name, column in table.items() if np.asarray(column).dtype.kind in "fiub")
    shown = known
    if labelled is not None:
        wanted = np.asarray(labelled, dtype=bool)
        shown = known & (wanted if wanted.ndim == known.ndim else wanted[:, None])
    none = np.zeros(0, dtype=np.int64)
    return Rows(
        table,
        tuple(inputs),
        coded,
        found,
        shown,
        np.asarray(train, dtype=np.int64),
        none if validation is None else np.asarray(validation, dtype=np.int64),
        Sealed(none if test is None else np.asarray(test, dtype=np.int64)),
        weight,
        preparation,
        known,
        task,
        record or DataRecord(),
    )


def _tensor(column: np.ndarray) -> Tensor:
    kind = column.dtype.kind
    if kind == "f" and column.dtype != np.float32:
        column = column.astype(np.float32)
    elif kind in "iub" and column.dtype not in (np.uint8, np.bool_):
        column = column.astype(np.int64)
    return shared(column)


def shared(array: np.ndarray) -> Tensor:
    """The array as a tensor on the same memory, which nobody writes to: it may be mapped from a read-only file."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(np.ascontiguousarray(array))
