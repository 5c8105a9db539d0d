"""The automatic recipe gives the features, the drift and the unseen values of `TablePreparation`."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from tutelage.data import fit_table, preparation_from_json
from tutelage.data.automatic import recipe_for
from tutelage.data.fitted import FittedRecipe

N = 300
TRAIN = np.arange(0, N, 2)


def columns(seed: int = 0) -> dict[str, np.ndarray]:
    chance = np.random.default_rng(seed)
    gaps = chance.normal(5.0, 2.0, N)
    gaps[:30:3] = np.nan
    words: Any = np.array(chance.choice(["red", "green", "blue"], N), dtype=object)
    words[[5, 6, 7]] = [None, "", None]
    return {
        "whole": chance.integers(0, 50, N),
        "gaps": gaps,
        "colour": words,
        "flag": chance.random(N) < 0.3,
        "same": np.full(N, 0.1),
        "id": np.array([f"c{i}" for i in range(N)], dtype=object),
        "late": np.where(np.arange(N) % 2, np.nan, np.exp(chance.normal(size=N))),
    }


def test_it_is_the_preparation_of_tables() -> None:
    table = columns()
    plain = fit_table(table, TRAIN)
    recipe, left_out = recipe_for(table, TRAIN)
    fitted = recipe.fit(table, TRAIN)
    assert left_out == dict(plain.left_out)
    found, wanted = fitted.apply(table)["features"], plain.apply(table)["features"]
    names = [part for n in plain.numbers for part in ((n.name, f"{n.name}_missing") if n.gaps else (n.name,))]
    names += [f"{c.name}={value}" for c in plain.categories for value in c.values]
    assert sorted(fitted.features["features"]) == sorted(names)
    order = [fitted.features["features"].index(name) for name in names]
    assert found.dtype == wanted.dtype
    assert np.allclose(found[:, order], wanted, rtol=1e-6, atol=1e-6)


def test_drift_and_unseen_values_are_told() -> None:
    table, other = columns(), columns(seed=3)
    other["whole"] = other["whole"] + 30
    other["colour"][10:20] = "violet"
    plain = fit_table(table, TRAIN)
    fitted = recipe_for(table, TRAIN)[0].fit(table, TRAIN)
    again = preparation_from_json(json.loads(json.dumps(fitted.to_json())))
    assert isinstance(again, FittedRecipe)
    assert again.unseen(other) == plain.unseen(other) == {"colour": 10}
    assert again.unseen(table) == {}
    for rows in (table, other):
        assert again.drift(rows) == pytest.approx(plain.drift(rows), rel=1e-6)
    assert again.drift(other)["whole"] > 1
