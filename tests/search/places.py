"""Recipes small enough for tests of the search floor, and the ground they make."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression

import tutelage as tl
from outside import DATA
from tutelage.core import Teacher
from tutelage.data import Rows
from tutelage.report import Report
from tutelage.search import Ground, ground_of
from tutelage.train import Training, fit_teacher, task_of

HOSPITALS = ("cleveland", "hungarian", "switzerland", "va")
FEATURES = 6


def cloud_rows(count: int = 1500, seed: int = 0) -> Rows:
    """Two overlapping clouds; a third of the rows is the teachers', who are the only ones to see their labels."""
    chance = np.random.default_rng(seed)
    target = np.arange(count) % 2
    features = chance.normal(size=(count, FEATURES)) + 0.8 * target[:, None] * (np.arange(FEATURES) < 4)
    order = chance.permutation(np.arange(count // 3, count))
    parts = np.split(order, [int(0.4 * len(order)), int(0.7 * len(order))])
    labelled = np.zeros(count, dtype=bool)
    labelled[parts[0][:30]] = labelled[parts[1]] = True
    columns = {f"x{i}": features[:, i].astype(np.float32) for i in range(FEATURES)}
    names = np.array(["no", "yes"])[target]
    split: dict[str, Any] = dict(zip(("train", "validation", "test"), map(np.sort, parts), strict=True))
    return tl.rows_of(columns, names, names=("no", "yes"), labelled=labelled, **split)


def cloud_teachers(rows: Rows) -> tuple[Teacher, ...]:
    """One that knows half of the columns, one that knows the other half, and one that knows noise only."""
    own, task = np.arange(len(rows) // 3), task_of(rows)
    reads = {"left": ("x0", "x1"), "right": ("x2", "x3"), "noise": ("x4", "x5")}
    return tuple(
        fit_teacher(LogisticRegression, rows, own, task, name=name, seed=0, training=Training(), reads=columns)
        for name, columns in reads.items()
    )


def student() -> tl.MLP:
    return tl.MLP(FEATURES, 2, (8,))


def clouds(*, epochs: int = 6, seeds: int = 2, run: Path | None = None, progress: Any = None) -> Report:
    """A recipe: three linear teachers and one small student."""
    rows = cloud_rows()
    return tl.distill(
        student,
        rows,
        cloud_teachers(rows),
        training=Training(epochs=epochs, lr=1e-2),
        seeds=range(seeds),
        run=run,
        progress=progress,
    )


def cloud_ground(run: Path | None = None, epochs: int = 6) -> Ground:
    rows = cloud_rows()
    return ground_of(student, rows, cloud_teachers(rows), training=Training(epochs=epochs, lr=1e-2), run=run)


def heart_rows(seed: int = 0) -> Rows:
    """920 patients of four hospitals, healthy or not; 60 % of each hospital are its own model's alone."""
    parts = [
        np.genfromtxt(DATA / "medical-heart4" / f"processed.{h}.data", delimiter=",", skip_header=1) for h in HOSPITALS
    ]
    table = np.concatenate(parts)
    hospital = np.repeat(np.arange(4), [len(part) for part in parts])
    names = (DATA / "medical-heart4" / "processed.va.data").read_text().splitlines()[0].split(",")[:-1]
    columns = {name: table[:, i].astype(np.float32) for i, name in enumerate(names)} | {"hospital": hospital}
    chance = np.random.default_rng(seed)
    left = np.concatenate(
        [chance.permutation(np.flatnonzero(hospital == h))[int(0.6 * len(parts[h])) :] for h in range(4)]
    )
    order = chance.permutation(left)
    train, validation, test = np.split(order, [int(0.5 * len(order)), int(0.65 * len(order))])
    split: dict[str, Any] = {"train": np.sort(train), "validation": np.sort(validation), "test": np.sort(test)}
    sick = np.where(table[:, -1] > 0, "sick", "healthy")
    return tl.rows_of(columns, sick, names=("healthy", "sick"), inputs=names, prepare=True, seed=seed, **split)


def heart_teachers(rows: Rows) -> tuple[Teacher, ...]:
    """One model per hospital, fitted on its own patients, and a forest fitted on all that the student does not see."""
    used = np.concatenate([rows.train, rows.validation, rows.test.check(len(rows))])
    pool, task = np.setdiff1d(np.arange(len(rows)), used), task_of(rows)
    assert rows.preparation is not None
    hospital, reads = rows.columns["hospital"], rows.preparation.reads
    made = [
        fit_teacher(
            lambda: HistGradientBoostingClassifier(max_iter=20, max_depth=3),
            rows,
            pool[hospital[pool] == number],
            task,
            name=name,
            seed=0,
            training=Training(),
            reads=reads,
        )
        for number, name in enumerate(HOSPITALS)
    ]
    forest = fit_teacher(
        lambda: RandomForestClassifier(50, min_samples_leaf=3, random_state=0, n_jobs=1),
        rows,
        pool,
        task,
        name="all hospitals",
        seed=0,
        training=Training(),
        reads=reads,
    )
    return (*made, forest)


def hearts(*, epochs: int = 10, seeds: int = 2, run: Path | None = None, progress: Any = None) -> Report:
    """A recipe: the models of four hospitals and one small student for all."""
    rows = heart_rows()
    width = rows.columns[rows.inputs[0]].shape[1]
    return tl.distill(
        lambda: tl.MLP(width, 2, (16,)),
        rows,
        heart_teachers(rows),
        training=Training(epochs=epochs, lr=5e-3),
        seeds=range(seeds),
        run=run,
        progress=progress,
    )
