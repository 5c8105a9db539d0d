"""What recipes over tables have in common: sources read, rows prepared, models taught out of fold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import torch
from torch import nn

from ..core import InputError, Space, Task, Teacher, require
from ..data import Recipe, Rows, rows_of
from ..data.dealing import deal
from ..data.engines import Engine, choose_engine
from ..data.quarantine import Quarantine
from ..data.record import DataRecord
from ..data.recording import source_parts
from ..data.sources import Source
from ..data.split import Split
from ..ops import metrics as measure
from ..teachers import Binding
from ..teaching import AsIs
from ..train import Training, train_models
from ..train.evaluate import teacher_answers

STUDENT = "features"
"""The column that students read."""


@dataclass(frozen=True)
class Lesson:
    """A model and what it learns from.

    Attributes:
        name: of the teacher: that of its source, in a word.
        make: makes the model.
        reads: columns of the source.
        binding: what shows that a row has the source; it abstains elsewhere.
        training: settings, for a net.
    """

    name: str
    make: Callable[[], Any]
    reads: tuple[str, ...]
    binding: Binding | None = None
    training: Training | None = None


@dataclass(frozen=True)
class Turns:
    """A question, ready to distil, whose rows differ from seed to seed.

    Attributes:
        title: of the report.
        rows: the table of each seed.
        teachers: made under each seed, for its rows.
        student: makes the student of so many inputs.
        turns: so many seeds take turns in what is tested.
    """

    title: str
    rows: Callable[[int], Rows]
    teachers: Callable[[int, Rows], tuple[Teacher, ...]]
    student: Callable[[int], nn.Module]
    turns: int = 1

    def makers(self) -> tuple[Callable[[], nn.Module], Callable[[int], Rows]]:
        """Makers of the student and of the rows of a seed; the student fits the rows that were made last.

        A word may be a column of its own under one seed, and too rare for that under another.
        """
        width: list[int] = []

        def made(seed: int) -> Rows:
            rows = self.rows(seed)
            width[:] = [rows.columns[STUDENT].shape[1]]
            return rows

        return lambda: self.student(width[0]), made


def read_all(
    sources: Sequence[Source], engine: Engine, quarantine: Quarantine
) -> tuple[dict[str, nw.LazyFrame[Any]], DataRecord]:
    """Frames by the names of their sources, and what was counted."""
    found, record = dict[str, nw.LazyFrame[Any]](), DataRecord()
    for source in sources:
        loaded = source.read(engine)
        quarantine.put(source.name, loaded.rejected)
        record = record.adding(*source_parts(source, loaded))
        found[source.name] = loaded.frame
    return found, record


def tables_of(sources: Sequence[Source], run: Path | None) -> tuple[dict[str, dict[str, np.ndarray]], DataRecord]:
    """Columns by name by source, and what was counted; rejected records lie in the `quarantine` of the run's folder."""
    engine, _ = choose_engine("auto")
    folder = Path(mkdtemp(prefix="tutelage-")) if run is None else run
    frames, record = read_all(sources, engine, Quarantine(folder / "quarantine"))
    return {name: engine.collect(frame) for name, frame in frames.items()}, record


def fifth(target: np.ndarray, seed: int, groups: np.ndarray | None = None) -> Split:
    """A fifth of the rows to test on, another one for each of five seeds, and a tenth to validate on.

    Args:
        target: classes as whole numbers [N], which are stratified.
        seed: 0 to 4 test every row once, as do 5 to 9 in another order.
        groups: what a row belongs to [N]; rows of one group are in one part.
    """
    tested = deal(target, 5, seed // 5, groups) == seed % 5
    rest = np.flatnonzero(~tested)
    watched = deal(target[rest], 8, seed, None if groups is None else groups[rest]) == 0
    return Split(rest[~watched], rest[watched], np.flatnonzero(tested), np.zeros(0, np.int64))


def decisions(teacher: Teacher, rows: Rows) -> tuple[float, ...]:
    """Weights of classes in decisions: powers of how rare each is, the one whose macro-F1 is best on training rows.

    Args:
        teacher: answers training rows out of fold.
        rows: of classes; their labelled training rows are looked at.
    """
    row = rows.labelled_train
    truth, count = torch.from_numpy(rows.target[row]), len(rows.space.names)
    sizes = torch.bincount(truth, minlength=count)
    rare = len(row) / count / sizes.clamp_min(1).double()
    probs = AsIs().apply(teacher_answers(teacher, rows, row)).probs().double()

    def reached(power: float) -> float:
        table = measure.confusion(truth, (probs * rare**power).argmax(-1), count)
        return measure.rates(table, sizes).macro()[2]

    best = max((step / 10 for step in range(11)), key=reached)
    return tuple((rare**best).tolist())


def prepared_rows(
    table: Mapping[str, np.ndarray],
    target: np.ndarray,
    recipe: Callable[[Mapping[str, tuple[str, ...]]], Recipe],
    blocks: Mapping[str, tuple[str, ...]],
    parts: Split,
    *,
    names: Sequence[str] | None = None,
    space: Space | None = None,
    task: Task | None = None,
    labelled: float = 1.0,
    record: DataRecord | None = None,
) -> Rows:
    """Rows prepared by recipes that are fitted on the training rows.

    Args:
        table: raw columns [N].
        target: the answers [N].
        recipe: makes a recipe with these blocks of raw columns as outputs. It is fitted twice: once for the student
            alone, to be saved with it, and once for the teachers.
        blocks: raw columns of each block; that of `STUDENT` is the student's.
        parts: the split.
        names: of the classes, in order.
        space: kind of answer, where the target's type does not tell it.
        task: what the student is for, where the plain task is not meant.
        labelled: share of the training rows whose label the student knows.
        record: what was counted on the way to the table.

    Raises:
        InputError: a share of labels is none.
    """
    if not 0.0 < labelled <= 1.0:
        raise InputError(f"labelled is a share of rows in (0, 1], got {labelled}")
    fitted = recipe({STUDENT: blocks[STUDENT]}).fit(table, parts.train)
    columns = {**table, **fitted.apply(table)}
    others = {name: block for name, block in blocks.items() if name != STUDENT}
    if others:
        columns |= recipe(others).fit(table, parts.train).apply(table)
    known = np.ones(len(target), dtype=bool)
    known[np.random.default_rng(0).permutation(parts.train)[max(2, round(labelled * len(parts.train))) :]] = False
    rows = rows_of(
        columns,
        target,
        inputs=(STUDENT,),
        names=names,
        space=space,
        task=task,
        train=parts.train,
        validation=parts.validation,
        test=parts.test,
        labelled=known,
        record=record,
    )
    return replace(rows, preparation=fitted)


def taught(
    lessons: Sequence[Lesson],
    rows: Rows,
    seed: int,
    *,
    row: np.ndarray | None = None,
    folds: int = 5,
    groups: np.ndarray | None = None,
) -> list[Teacher]:
    """Teachers that answer the rows they were fitted on out of fold.

    Args:
        lessons: one per teacher.
        rows: the table.
        seed: of the models and folds.
        row: rows to fit on; all training rows unless given.
        folds: how many; 1 where no teacher is ever asked about the rows it was fitted on.
        groups: what a row belongs to [N]; rows of one group are in one fold.
    """
    row = rows.train if row is None else row
    found: list[Teacher] = []
    for one in lessons:
        found += train_models(
            rows,
            one.make,
            1,
            name=one.name,
            row=row,
            folds=folds,
            training=one.training,
            seed=seed,
            reads=one.reads,
            binding=one.binding,
            groups=groups,
        )
    return found


def trees(**changed: Any) -> Callable[[], Any]:
    """Makes boosted trees that are the same on every run."""
    lightgbm = require("lightgbm", extra="gbm", why="train the boosted trees")
    settings = {"n_estimators": 80, "num_leaves": 15, "n_jobs": 1, "verbosity": -1, "deterministic": True} | changed
    return lambda: lightgbm.LGBMClassifier(**settings)


def forest(**changed: Any) -> Callable[[], Any]:
    """Makes a random forest."""
    ensembles = require("sklearn.ensemble", extra="sklearn", why="train the forests")
    settings = {"n_estimators": 100, "min_samples_leaf": 8, "n_jobs": 1} | changed
    return lambda: ensembles.RandomForestClassifier(**settings)


def linear(**changed: Any) -> Callable[[], Any]:
    """Makes a logistic regression."""
    models = require("sklearn.linear_model", extra="sklearn", why="train the linear teachers")
    return lambda: models.LogisticRegression(**({"max_iter": 500} | changed))
