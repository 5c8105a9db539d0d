"""Valuation: what are the houses of a district worth?

The districts are those of the Californian census of 1990. A fifth is tested, the same for all seeds; of the others the
student knows few prices. Prices above 500,000 USD stand in the table as 500,001.

| teacher | kind | sees |
|---|---|---|
| place | nearest neighbours | longitude, latitude |
| people | linear model | income, people and rooms, nearness to the ocean |
| trees | LightGBM | everything |
| rich | rule | abstains unless income is very high |
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..core import Fusion, Space, Teacher, Values, require
from ..data import Recipe, Rows
from ..data.sources import Csv
from ..data.split import random_split
from ..data.steps import Codes, Impute, Log, OneHot, Scale
from ..nets import MLP
from ..report import Report
from ..search import distill
from ..teachers import RuleTeacher
from ..train import Training
from ..train.contest import Progress
from ._public import public_folder
from ._tables import STUDENT, Lesson, prepared_rows, tables_of, taught

TARGET = "median_house_value"
PLACE = ("longitude", "latitude")
COUNTS = ("total_rooms", "total_bedrooms", "population", "households")
PEOPLE = ("median_income", "housing_median_age", *COUNTS, "ocean_proximity")
BLOCKS = {"place": PLACE, "people": PEOPLE, STUDENT: (*PLACE, *PEOPLE)}
PUBLIC = "housing.csv of https://www.kaggle.com/datasets/camnugent/california-housing-prices"


def valuation(
    *,
    data: Path | None = None,
    labelled: float = 0.1,
    seeds: int = 5,
    epochs: int = 20,
    fusion: Fusion | None = None,
    run: Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """Distils four teachers into a net of about 1,600 parameters.

    Args:
        data: folder with `housing.csv`; below $TUTELAGE_DATA unless given.
        labelled: share of the student's training rows whose price it knows.
        seeds: number of paired seeds.
        epochs: most passes of each student over its rows.
        fusion: how teachers are combined; chosen on labelled rows unless given.
        run: folder of the run.
        progress: told what happens.

    Raises:
        InputError: the file is not there, or the share of labels is none.
    """
    rows = make_rows(public_folder("tabular-housing", data, PUBLIC), labelled, run)
    return distill(
        lambda: MLP(rows.columns[STUDENT].shape[1], 1, (32, 32)),
        rows,
        lambda seed, _: make_teachers(rows, seed),
        fusion=fusion,
        training=Training(epochs=epochs, lr=5e-3, batch_size=256, patience=5),
        seeds=range(seeds),
        rates=(1e-3, 5e-3, 2e-2),
        pseudo_labels=True,
        run=run,
        title="What houses are worth",
        progress=progress,
    )


def make_rows(folder: Path, labelled: float = 1.0, run: Path | None = None) -> Rows:
    """The table, a fifth of it for test and a tenth for validation."""
    tables, record = tables_of([Csv("housing", folder / "housing.csv")], run)
    table = tables["housing"]
    price, parts = table.pop(TARGET), random_split(len(table["latitude"]), shares=(0.1, 0.2))
    space = Space(Values, (TARGET,))
    return prepared_rows(table, price, houses, BLOCKS, parts, space=space, labelled=labelled, record=record)


def houses(blocks: Mapping[str, tuple[str, ...]]) -> Recipe:
    """Gaps filled, counts on a scale of logarithms, one column per nearness to the ocean."""
    numbers = ("median_income", "housing_median_age", *COUNTS)
    steps = (Impute(COUNTS), Log(COUNTS), Scale((*PLACE, *numbers)), Codes(("ocean_proximity",)))
    return Recipe((*steps, OneHot(("ocean_proximity",))), blocks)


def make_teachers(rows: Rows, seed: int) -> tuple[Teacher, ...]:
    """Three models that answer out of fold, and a rule."""
    near = require("sklearn.neighbors", extra="sklearn", why="ask the neighbours")
    linear = require("sklearn.linear_model", extra="sklearn", why="train the linear teacher")
    lightgbm = require("lightgbm", extra="gbm", why="train the boosted trees")
    trees = {"n_estimators": 150, "num_leaves": 31, "n_jobs": 1, "verbosity": -1, "deterministic": True}
    lessons = (
        Lesson("place", lambda: near.KNeighborsRegressor(12, weights="distance"), ("place",)),
        Lesson("people", lambda: linear.Ridge(), ("people",)),
        Lesson("trees", lambda: lightgbm.LGBMRegressor(**trees), (STUDENT,)),
    )
    rule = RuleTeacher(rich, reads="median_income", space=rows.space, seen=np.zeros(0, np.int64))
    return (*taught(lessons, rows, seed), rule)


def rich(row: dict[str, Any]) -> float | None:
    """Where the median income is above 90,000 USD, houses cost as much as the table can say."""
    return 500_001.0 if row["median_income"] > 9.0 else None
