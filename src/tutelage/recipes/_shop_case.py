"""What the shops have in common: one teacher per source, teachers of the integrated table, or both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import narwhals.stable.v2 as nw
import numpy as np
from torch import nn

from ..core import InputError, Teacher, require
from ..data import Recipe, Rows, rows_of
from ..data.engines import Engine
from ..data.quarantine import Quarantine
from ..data.record import DataRecord
from ..data.recording import source_parts
from ..data.sources import Source
from ..data.split import Split
from ..teachers import Binding
from ..train import Training, train_models

Who = Literal["sources", "table", "both"]
"""Who teaches: one teacher per source, teachers of the integrated table, or all of them."""
STUDENT = "features"
"""The column that students of the classification tasks read."""
NAMES = ("no", "yes")


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
class Case:
    """A shop, ready to distil.

    Attributes:
        title: of the report.
        rows: the table.
        student: makes the student.
        teachers: makes the teachers under each seed.
    """

    title: str
    rows: Rows
    student: Callable[[], nn.Module]
    teachers: Callable[[int], tuple[Teacher, ...]]


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


def prepared(
    table: Mapping[str, np.ndarray],
    yes: np.ndarray,
    recipe: Callable[[Mapping[str, tuple[str, ...]]], Recipe],
    blocks: Mapping[str, tuple[str, ...]],
    parts: Split,
    labelled: float,
    record: DataRecord,
) -> Rows:
    """Rows of a yes or no question, prepared by recipes that are fitted on the training rows.

    Args:
        table: raw columns [N].
        yes: the answers, bool [N].
        recipe: makes a recipe with these blocks of raw columns as outputs. It is fitted twice: once for the student
            alone, to be saved with it, and once for the teachers.
        blocks: raw columns of each block; that of `STUDENT` is the student's.
        parts: the split.
        labelled: share of the training rows whose label the student knows.
        record: what was counted on the way to the table.

    Raises:
        InputError: a share of labels is none.
    """
    if not 0.0 < labelled <= 1.0:
        raise InputError(f"labelled is a share of rows in (0, 1], got {labelled}")
    own = recipe({STUDENT: blocks[STUDENT]}).fit(table, parts.train)
    others = recipe({name: block for name, block in blocks.items() if name != STUDENT}).fit(table, parts.train)
    known = np.ones(len(yes), dtype=bool)
    hidden = np.random.default_rng(0).permutation(parts.train)[max(2, round(labelled * len(parts.train))) :]
    known[hidden] = False
    rows = rows_of(
        {**table, **own.apply(table), **others.apply(table)},
        np.where(yes, NAMES[1], NAMES[0]),
        inputs=(STUDENT,),
        names=NAMES,
        train=parts.train,
        validation=parts.validation,
        test=parts.test,
        labelled=known,
        record=record,
    )
    return replace(rows, preparation=own)


def taught(
    sources: Sequence[Lesson],
    table: Sequence[Lesson],
    who: Who,
    rows: Rows,
    seed: int,
    *,
    row: np.ndarray | None = None,
    folds: int = 5,
) -> list[Teacher]:
    """Teachers that answer the rows they were fitted on out of fold.

    Args:
        sources: one lesson per source.
        table: lessons of the integrated table.
        who: which of them.
        rows: the table.
        seed: of the models and folds.
        row: rows to fit on; all training rows unless given.
        folds: how many; 1 where no teacher is ever asked about the rows it was fitted on.
    """
    row = rows.train if row is None else row
    lessons = [*(sources if who != "table" else ()), *(table if who != "sources" else ())]
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
        )
    return found


def trees(**changed: Any) -> Callable[[], Any]:
    """Makes boosted trees that are the same on every run."""
    lightgbm = require("lightgbm", extra="gbm", why="train the boosted trees")
    settings = {"n_estimators": 80, "num_leaves": 15, "n_jobs": 1, "verbosity": -1, "deterministic": True} | changed
    return lambda: lightgbm.LGBMClassifier(**settings)


def linear(**changed: Any) -> Callable[[], Any]:
    """Makes a logistic regression."""
    models = require("sklearn.linear_model", extra="sklearn", why="train the linear teachers")
    return lambda: models.LogisticRegression(**({"max_iter": 500} | changed))
