"""The scenarios of the grid: one data set, one way in which its teachers fall short.

clean       three models (SVM, forest, neighbours) that saw everything
corrupted   the same, one with its classes rotated, one trained on 80 % random labels
classes     three that know a third of the classes each (not for two classes)
input       each sees a part of the columns: a quadrant, a view, a third of the record
uneven      trained on all, a tenth and a thirtieth of the rows
shifted     trained on rows unlike the student's: moved images, noisy views, one hospital each

Teachers learn from 600 rows (40 % of the others), the student from 700 (30 %), of which some are labelled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import protocols
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline

import tutelage as tl

SCENARIOS = ("clean", "corrupted", "classes", "input", "uneven", "shifted")
DATA = {"digits": "few", "heart": "heart", "mfeat": "mfeat"}
"""Data set to the protocol whose rows and split it takes."""
LEAST = 30
"""Rows that a teacher is trained on at least."""


@dataclass(frozen=True)
class Place:
    """A data set under one seed, before it has teachers.

    Attributes:
        drawn: rows, split and columns; its teachers are not used.
        own: the teachers' rows.
        whole: name of the column that holds everything.
        parts: columns that hold a part each.
        bent: by how much training rows are changed, from a matrix of rows to one like it.
    """

    drawn: protocols.Draw
    own: np.ndarray
    whole: str
    parts: tuple[str, ...]
    bent: Callable[[np.ndarray, int], np.ndarray]


def draw(data: str, scenario: str, seed: int, folder: Path | None) -> protocols.Draw | None:
    """Rows and teachers of one cell; None where the scenario does not exist."""
    place = PLACES[data](seed, folder)
    teachers = MAKERS[scenario](place, seed)
    if teachers is None:
        return None
    known = place.drawn
    return protocols.Draw(
        known.columns, known.inputs, known.target, known.transfer, known.test, tuple(teachers), known.prepare
    )


def _own(drawn: protocols.Draw) -> np.ndarray:
    """Rows that are neither the student's nor the test's."""
    return np.setdiff1d(np.arange(len(drawn.target)), np.concatenate([drawn.transfer, drawn.test]))


def _digits(seed: int, folder: Path | None) -> Place:
    drawn = protocols.draw("few", seed, folder)

    def moved(rows: np.ndarray, number: int) -> np.ndarray:
        return np.roll(rows.reshape(-1, 8, 8), (0, 1, -1)[number % 3], axis=2).reshape(rows.shape)

    corners = tuple(f"corner{place}" for place in range(4))
    return Place(drawn, _own(drawn), "features", corners, moved)


def _mfeat(seed: int, folder: Path | None) -> Place:
    drawn = protocols.draw("mfeat", seed, folder)
    whole = np.concatenate([drawn.columns[view] for view in protocols.VIEWS], axis=1)
    columns = {**drawn.columns, "whole": whole}
    chance = np.random.default_rng(seed)

    def noisy(rows: np.ndarray, number: int) -> np.ndarray:
        return rows + number * chance.standard_normal(rows.shape).astype(rows.dtype)

    held = protocols.Draw(columns, drawn.inputs, drawn.target, drawn.transfer, drawn.test, ())
    return Place(held, _own(drawn), "whole", protocols.VIEWS, noisy)


def _heart(seed: int, folder: Path | None) -> Place:
    drawn = protocols.draw("heart", seed, folder)
    record = drawn.columns["record"]
    columns = {**drawn.columns, **{f"part{i}": part for i, part in enumerate(np.array_split(record, 3, axis=1))}}
    held = protocols.Draw(
        columns, drawn.inputs, drawn.target, drawn.transfer, drawn.test, drawn.teachers, drawn.prepare
    )
    return Place(held, _own(drawn), "record", ("part0", "part1", "part2"), lambda rows, number: rows)


PLACES: dict[str, Callable[[int, Path | None], Place]] = {"digits": _digits, "heart": _heart, "mfeat": _mfeat}


def _taught(name: str, model: Any, place: Place, reads: str, row: np.ndarray, target: Any = None, x: Any = None) -> Any:
    wanted = place.drawn.target if target is None else target
    rows = place.drawn.columns[reads][row] if x is None else x
    filled = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), clone(model))
    return tl.EstimatorTeacher(filled.fit(rows, wanted[row]), reads=reads, name=name, seen=row)


def _clean(place: Place, seed: int) -> list[Any]:
    return [_taught(name, model, place, place.whole, place.own) for name, model in protocols.three(seed)]


def _corrupted(place: Place, seed: int) -> list[Any]:
    chance, target = np.random.default_rng(seed), place.drawn.target
    count = int(target.max()) + 1
    noise = np.where(chance.random(len(target)) < 0.8, chance.integers(0, count, len(target)), target)
    (_, svm), *_ = protocols.three(seed)
    trees = ExtraTreesClassifier(protocols.TREES, random_state=seed)
    bad = [("rotated", svm, (target + 1) % count), ("noise", trees, noise)]
    found = [_taught(name, model, place, place.whole, place.own, wrong) for name, model, wrong in bad]
    return _clean(place, seed) + found


def _classes(place: Place, seed: int) -> list[Any] | None:
    target = place.drawn.target
    if int(target.max()) < 2:
        return None
    groups = np.array_split(np.random.default_rng(seed).permutation(int(target.max()) + 1), 3)
    parts = [place.own[np.isin(target[place.own], group)] for group in groups]
    models = zip(protocols.three(seed), parts, strict=True)
    return [_taught(name, model, place, place.whole, part) for (name, model), part in models]


def _input(place: Place, seed: int) -> list[Any]:
    models = [model for _, model in protocols.three(seed)] * 2
    return [_taught(part, model, place, part, place.own) for part, model in zip(place.parts, models, strict=False)]


def _uneven(place: Place, seed: int) -> list[Any]:
    sizes = [max(LEAST, len(place.own) // share) for share in (1, 10, 30)]
    (_, _), forest, neighbours = protocols.three(seed)
    models = [forest, neighbours, ("few rows", forest[1])]
    own = np.random.default_rng(seed).permutation(place.own)
    return [
        _taught(name, model, place, place.whole, np.sort(own[:size]))
        for (name, model), size in zip(models, sizes, strict=True)
    ]


def _shifted(place: Place, seed: int) -> list[Any]:
    if place.drawn.teachers and place.whole == "record":
        return list(place.drawn.teachers)
    rows = place.drawn.columns[place.whole][place.own]
    return [
        _taught(name, model, place, place.whole, place.own, x=place.bent(rows, number))
        for number, (name, model) in enumerate(protocols.three(seed))
    ]


MAKERS: Mapping[str, Callable[[Place, int], list[Any] | None]] = {
    "clean": _clean,
    "corrupted": _corrupted,
    "classes": _classes,
    "input": _input,
    "uneven": _uneven,
    "shifted": _shifted,
}
