"""Handwritten digits seen through six views; a teacher of another kind for each.

| view | numbers | teacher |
|---|---|---|
| fac, profile correlations | 216 | SVM |
| fou, Fourier coefficients | 76 | boosted trees |
| kar, Karhunen-Loeve coefficients | 64 | nearest neighbours |
| mor, morphology | 6 | forest |
| pix, averages of pixels | 240 | torch net |
| zer, Zernike moments | 47 | linear model |
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..core import InputError, Teacher, require
from ..data import Recipe, Rows
from ..data.steps import Scale
from ..nets import MLP
from ..teachers import Binding
from ..train import Training
from ._tables import STUDENT, Lesson, Turns, fifth, forest, prepared_rows, taught, trees

View = Literal["fac", "fou", "kar", "mor", "pix", "zer"]
VIEWS: tuple[View, ...] = ("fac", "fou", "kar", "mor", "pix", "zer")
NAMES = tuple(str(digit) for digit in range(10))
PUBLIC = (
    "mfeat-fac.csv to mfeat-zer.csv, each with a header and the digit as last column, of "
    "https://archive.ics.uci.edu/dataset/72"
)


def case(folder: Path, view: View, missing: float, labelled: float) -> Turns:
    """The question, for a student that reads one view."""
    views, target = read_views(folder)
    return Turns(
        f"Digits: six views, a student on {view} alone",
        lambda seed: make_rows(views, target, seed, view, missing, labelled),
        lambda seed, rows: make_teachers(rows, seed),
        lambda width: MLP(width, len(NAMES), (32,)),
    )


def read_views(folder: Path) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The views, float32 [N, D] by name, and the digits [N].

    Raises:
        InputError: a file is not there, or the views do not agree on the digits.
    """
    found: dict[str, np.ndarray] = {}
    digits: list[np.ndarray] = []
    for name in VIEWS:
        path = folder / f"mfeat-{name}.csv"
        if not path.is_file():
            raise InputError(f"{path} is not there: give --data a folder with {PUBLIC}")
        table = np.loadtxt(path, delimiter=",", skiprows=1, dtype=np.float32)
        found[name] = table[:, :-1]
        digits.append(table[:, -1].astype(np.int64))
        if len(digits[-1]) != len(digits[0]) or (digits[-1] != digits[0]).any():
            raise InputError(f"{path} has other digits in its last column than {VIEWS[0]}: row i is one digit in all")
    return found, digits[0]


def make_rows(
    views: dict[str, np.ndarray], target: np.ndarray, seed: int, view: View, missing: float = 0.2, labelled: float = 1.0
) -> Rows:
    """The rows of a seed: a fifth is tested; `has VIEW` says which views are missing in training rows, and 0 there."""
    parts = fifth(target, seed)
    own = {f"{view}{place}": column for place, column in enumerate(views[view].T)}
    chance = np.random.default_rng((seed, 72))
    others: dict[str, np.ndarray] = {}
    for name in VIEWS:
        there = np.ones(len(target), dtype=bool)
        there[parts.train] = (chance.random(len(parts.train)) >= missing) | (name == view)
        others |= {name: np.where(there[:, None], views[name], np.float32(0)), f"has {name}": there}

    def recipe(blocks: Any) -> Recipe:
        return Recipe((Scale(tuple(own)),), blocks)

    return prepared_rows(
        {**own, **others}, target, recipe, {STUDENT: tuple(own)}, parts, names=NAMES, labelled=labelled
    )


def make_teachers(rows: Rows, seed: int) -> tuple[Teacher, ...]:
    """One teacher per view, which answers out of fold and says nothing where its view is missing."""
    lessons = [
        Lesson(name, make, (name,), Binding(name, present=(f"has {name}",)), training)
        for name, (make, training) in _models(rows).items()
    ]
    return tuple(taught(lessons, rows, seed))


def _models(rows: Rows) -> dict[str, tuple[Callable[[], Any], Training | None]]:
    svm = require("sklearn.svm", extra="sklearn", why="train the SVM teacher")
    near = require("sklearn.neighbors", extra="sklearn", why="ask the neighbours")
    models = require("sklearn.linear_model", extra="sklearn", why="train the linear teacher")
    net = partial(MLP, rows.columns["pix"].shape[1], len(NAMES), (64,), 0.2)
    return {
        "fac": (lambda: _scaled(svm.SVC(C=3.0)), None),
        "fou": (trees(), None),
        "kar": (lambda: near.KNeighborsClassifier(7, weights="distance"), None),
        "mor": (forest(min_samples_leaf=3), None),
        "pix": (net, Training(epochs=20, lr=3e-3, patience=5)),
        "zer": (lambda: _scaled(models.LogisticRegression(max_iter=1000)), None),
    }


def _scaled(model: Any) -> Any:
    pipeline = require("sklearn.pipeline", extra="sklearn", why="scale what the teachers read")
    preprocessing = require("sklearn.preprocessing", extra="sklearn", why="scale what the teachers read")
    return pipeline.make_pipeline(preprocessing.StandardScaler(), model)
