"""Road accidents: how severe was it? Three classes, of which one has 85 % of the rows and another 1 %.

The table is that of Addis Ababa's police (2017 to 2020), a row per casualty or vehicle. Rows of one accident are alike,
so that they stay together in splits and folds: whoever tears them apart tests on accidents that were learnt by heart.
Each of five seeds tests another fifth of the accidents.

| teacher | kind | sees |
|---|---|---|
| trees | LightGBM | everything |
| linear | logistic regression | everything |
| net | torch, two hidden layers | everything |
| grave, mild | rules | abstain unless a few plain facts meet |

Everybody learns true probabilities. What is answered is decided by them and a weight per class, as large as a class is
rare, so that no prior has to be forgotten (Elkan 2001). How far it leans to rare classes is found on training rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from ..core import Fusion, InputError, Teacher
from ..data import DataRecord, Rows
from ..nets import MLP
from ..report import Report
from ..search import distill
from ..tasks import Classification
from ..teachers import RuleTeacher
from ..train import Training
from ..train.contest import Progress
from ._accidents_table import BLOCKS, COUNTS, NAMES, accident_of, accidents_recipe, grave, mild, read_table
from ._public import public_folder
from ._tables import STUDENT, Lesson, Turns, decisions, fifth, linear, prepared_rows, taught, trees

SMALL = {"n_estimators": 100, "num_leaves": 7, "learning_rate": 0.05, "colsample_bytree": 0.5}
TREES = Lesson("trees", lambda: trees(**SMALL)(), (STUDENT,))
PUBLIC = "accidents.csv, the table `RTA Dataset.csv` of https://www.kaggle.com/datasets/saurabhshahane/road-traffic-accidents"


def accidents(
    *,
    data: Path | None = None,
    seeds: int = 5,
    epochs: int = 25,
    split: Literal["accidents", "rows"] = "accidents",
    headline: Literal["macro_f1", "rare_recall", "accuracy"] = "macro_f1",
    fusion: Fusion | None = None,
    run: Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """Distils five teachers into a net of one hidden layer.

    Args:
        data: folder with `accidents.csv`; below $TUTELAGE_DATA unless given.
        seeds: number of paired seeds; five test every row once.
        epochs: most passes of each student over its rows.
        split: whole accidents, or rows, as is usual with these data: then rows of one accident are on both sides.
        headline: what decides; accuracy is refused.
        fusion: how teachers are combined; chosen on labelled rows unless given.
        run: folder of the run.
        progress: told what happens.

    Raises:
        InputError: the file is not there, or accuracy was to decide.
    """
    table, record = read_table(public_folder("accident-severity-addis", data, PUBLIC), run)
    if headline == "accuracy":
        share = float((table["Accident_severity"] == NAMES[0]).mean())
        raise InputError(
            f"accuracy is no headline here: the rule that always says {NAMES[0]!r} has {share:.3f} and finds no grave "
            "accident; take --headline macro_f1 or rare_recall"
        )
    whole = split == "accidents"
    case = Turns(
        "Road accidents: how severe?",
        lambda seed: make_rows(table, record, seed, whole, headline),
        lambda seed, rows: make_teachers(rows, seed, whole),
        lambda width: MLP(width, len(NAMES), (32,)),
    )
    student, rows = case.makers()
    return distill(
        student,
        rows,
        case.teachers,
        fusion=fusion,
        training=Training(epochs=epochs, lr=3e-3, patience=5),
        seeds=range(seeds),
        rates=(1e-3, 3e-3, 1e-2),
        pseudo_labels=True,
        run=run,
        title=case.title,
        progress=progress,
    )


def make_rows(
    table: Mapping[str, np.ndarray], record: DataRecord, seed: int, whole: bool = True, headline: str = "macro_f1"
) -> Rows:
    """The rows of a seed; decisions lean as far to rare classes as suits the boosted trees on training rows."""
    said, groups = table["Accident_severity"], accident_of(table, whole)
    parts = fifth(np.argmax(said[:, None] == np.array(NAMES), axis=1), seed, groups)
    rows = prepared_rows(table, said, accidents_recipe, BLOCKS, parts, names=NAMES, record=record)
    (first,) = taught([TREES], rows, seed, groups=groups)
    return replace(rows, task=Classification(NAMES, headline=headline, decision=decisions(first, rows)))


def make_teachers(rows: Rows, seed: int, whole: bool = True) -> tuple[Teacher, ...]:
    """Three models that answer out of fold, by whole accidents, and two rules."""
    net = partial(MLP, rows.columns[STUDENT].shape[1], len(NAMES), (64, 32), 0.3)
    lessons = (
        TREES,
        Lesson("linear", linear(C=0.05), (STUDENT,)),
        Lesson("net", net, (STUDENT,), training=Training(epochs=12, lr=2e-3, patience=3)),
    )
    rules = ((grave, ("Light_conditions", *COUNTS)), (mild, ("Light_conditions", *COUNTS)))
    nobody = np.zeros(0, np.int64)
    said = [RuleTeacher(rule, reads=reads, classes=NAMES, seen=nobody) for rule, reads in rules]
    return (*taught(lessons, rows, seed, groups=accident_of(rows.columns, whole)), *said)
