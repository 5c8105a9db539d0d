"""Which augmentations a search tries, by the columns of a table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.ensemble import RandomForestClassifier

import tutelage as tl
from tutelage.core import Classes
from tutelage.data import Rows
from tutelage.data.recipe import Recipe
from tutelage.data.steps import TfIdf
from tutelage.data.views import Crop, Flip, Views
from tutelage.search.augmenting import usual_views
from tutelage.teachers import StoredTeacher
from tutelage.teachers.predictions import Predictions

COUNT = 60
CHANCE = np.random.default_rng(0)
COLUMNS: dict[str, np.ndarray] = {
    "small": CHANCE.random((COUNT, 8, 8)).astype("float32"),
    "photo": CHANCE.random((COUNT, 3, 32, 24)).astype("float32"),
    "said": np.array([f"one {i} two {i % 7} three four" for i in range(COUNT)], dtype=object),
    "kind": np.array(["a", "b", "c"] * (COUNT // 3), dtype=object),
    "age": CHANCE.integers(20, 80, COUNT),
    "weight": CHANCE.normal(size=COUNT),
    "vector": CHANCE.normal(size=(COUNT, 5)),
    "wide": CHANCE.normal(size=(COUNT, 2000)).astype("float32"),
    "number": np.arange(COUNT),
}
TARGET = np.array(["yes", "no"] * (COUNT // 2))


def table(*names: str, prepare: bool = False) -> Rows:
    """The table for a student of these columns; texts go through a recipe of their own."""
    if "said" in names:
        recipe = Recipe((TfIdf(("said",)),), {"x": names}).fit(COLUMNS, np.arange(COUNT))
        rows = tl.rows_of(COLUMNS | recipe.apply(COLUMNS), TARGET, inputs=["x"], seed=0)
        return replace(rows, preparation=recipe)
    options: dict[str, Any] = {"prepare": True} if prepare else {}
    return tl.rows_of(COLUMNS, TARGET, inputs=names, seed=0, **options)


@pytest.mark.parametrize(
    ("names", "prepare", "wanted"),
    [
        (["small"], False, {"crop", "cutmix", "mixup"}),
        (["photo"], False, {"crop", "cutmix", "mixup"}),
        (["vector"], False, {"mixup", "munge", "gibbs"}),
        (["wide"], False, {"mixup"}),
        (["weight", "vector"], False, {"mixup", "munge", "gibbs"}),
        (["kind", "age", "weight"], True, {"munge", "gibbs"}),
        (["said"], True, {"word dropout"}),
        (["said", "age"], True, {"word dropout"}),
        (["small", "vector"], False, {"crop", "mixup"}),
    ],
)
def test_what_suits_the_columns(names: list[str], prepare: bool, wanted: set[str]) -> None:
    rows = table(*names, prepare=prepare)
    found = usual_views(rows)
    assert set(found) == wanted
    for views in found.values():
        assert set(views.steps[0].columns) <= set(names)
        assert rows.with_views(views).views is not None


def test_images_move_by_an_eighth() -> None:
    step = usual_views(table("photo"))["crop"].steps[0]
    assert isinstance(step, Crop)
    assert step.pad == 3


def forest(reads: str) -> tl.EstimatorTeacher:
    model = RandomForestClassifier(5, random_state=0).fit(COLUMNS[reads].reshape(COUNT, -1), TARGET)
    return tl.EstimatorTeacher(model, reads=reads, name="forest", seen=[0])


def test_a_teacher_that_reads_something_else_keeps_rows_from_being_mixed() -> None:
    assert set(usual_views(table("vector"), [forest("vector")])) == {"mixup", "munge", "gibbs"}
    assert usual_views(table("vector"), [forest("wide")]) == {}
    assert set(usual_views(table("small"), [forest("wide")])) == {"crop"}


def test_teachers_that_look_answers_up_see_no_views() -> None:
    said = Classes.of(torch.eye(2)[torch.arange(COUNT) % 2], "votes")
    space = table("vector").space
    stored = StoredTeacher(Predictions(COLUMNS["number"], said, space, "votes"), key="number")
    assert usual_views(table("vector"), [stored]) == {}


def test_rows_with_views_of_their_own_keep_them() -> None:
    assert usual_views(table("small").with_views(Views(Flip(("small",))))) == {}
