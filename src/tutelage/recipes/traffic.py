"""Traffic: how fast will it go here in a quarter of an hour, and in an hour?

| teacher | kind | sees |
|---|---|---|
| stays | rule | the speed now |
| clock | rule | what the sensor had at that time on other days |
| trees | LightGBM, one per horizon | the last hour, the neighbours' mean, time of day and what was usual |
| recurrent | gated recurrent units | the sensor's own last hour, time of day and what was usual |
| graph | the same on a graph | also what its neighbours saw, after one to three steps of a walk over the roads |

The student is a net of one hidden layer. It also says how sure it is: its targets are means and scales.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..core import Columns, Fusion, Teacher, require
from ..data import Rows
from ..nets import MLP, Forecaster
from ..report import Report
from ..search import distill
from ..teachers import RuleTeacher
from ..teaching import Objective
from ..teaching.terms import GaussianNLL
from ..train import Training, train_models
from ..train.contest import Progress
from ._public import public_folder
from ._traffic_road import AHEAD, PUBLIC, read_road, road_rows

OTHERS = ("usual", "clock")
FOLDS = 3


def traffic(
    *,
    data: Path | None = None,
    rows: int = 8_000,
    labelled: float = 1.0,
    width: int = 24,
    seeds: int = 5,
    epochs: int = 15,
    fusion: Fusion | None = None,
    run: Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """Distils two rules and three models into a net of one hidden layer.

    Args:
        data: folder with the files; below $TUTELAGE_DATA unless given.
        rows: training rows, drawn from all sensors and moments.
        labelled: share of them whose outcome the student sees; teachers see all.
        width: units of the student's hidden layer.
        seeds: number of paired seeds: of students; rows and teachers are the same.
        epochs: most passes of each student over its rows.
        fusion: how teachers are combined; chosen on held-out rows unless given.
        run: folder of the run.
        progress: told what happens.

    Raises:
        InputError: the files are not there, or a share is none.
    """
    table = road_rows(read_road(public_folder("traffic-losloop", data, PUBLIC)), rows, labelled)
    assert table.task is not None
    task: Any = table.task
    return distill(
        lambda: MLP(table.columns["features"].shape[1], 2 * len(AHEAD), (width,)),
        table,
        make_teachers(table, epochs=min(epochs, 8)),
        fusion=fusion,
        objective=Objective((GaussianNLL(task.centre, task.spread),), soft=0.5),
        training=Training(epochs, 128, lr=5e-3, patience=6),
        seeds=range(seeds),
        rates=(2e-3, 5e-3, 1e-2),
        run=run,
        title="Speeds of a road net, a quarter of an hour to an hour ahead",
        progress=progress,
    )


def make_teachers(rows: Rows, epochs: int, seed: int = 0) -> tuple[Teacher, ...]:
    """Two rules, and three models that answer training days out of fold."""
    lightgbm = require("lightgbm", extra="gbm", why="train the boosted trees")
    several = require("sklearn.multioutput", extra="sklearn", why="train trees for several horizons")
    settings = {"n_estimators": 80, "num_leaves": 31, "n_jobs": 1, "verbosity": -1, "deterministic": True}
    outputs, none = len(AHEAD), np.zeros(0, dtype=np.int64)
    training = Training(epochs, 128, lr=5e-3, seed=seed)
    options: dict[str, Any] = {"folds": FOLDS, "seed": seed, "training": training, "row": rows.train}
    options["groups"] = rows.columns["day"]
    task: Any = rows.task
    centre, spread = task.centre[0], task.spread[0]
    means = replace(rows, task=replace(task, with_scale=False, loss="mse"))

    def stays(columns: Columns) -> np.ndarray:
        return centre + spread * np.repeat(columns["own"][:, -1:], len(AHEAD), 1)

    def clock(columns: Columns) -> np.ndarray:
        return centre + spread * columns["usual"]

    def trees() -> Any:
        return several.MultiOutputRegressor(lightgbm.LGBMRegressor(**settings))

    return (
        RuleTeacher(stays, reads="own", space=rows.space, batched=True, seen=none),
        RuleTeacher(clock, reads="usual", space=rows.space, batched=True, seen=none),
        *train_models(means, trees, 1, name="trees", reads=("features",), **options),
        *train_models(means, lambda: Forecaster(1, outputs, 6), 1, name="recurrent", reads=("own", *OTHERS), **options),
        *train_models(means, lambda: Forecaster(4, outputs, 6), 1, name="graph", reads=("walks", *OTHERS), **options),
    )
