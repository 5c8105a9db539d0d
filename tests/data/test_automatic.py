"""The automatic recipe of a table: fitted on training rows, saved as JSON, replayed anywhere."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import numpy as np
import pytest

from tutelage.core import InputError
from tutelage.data import FittedRecipe, preparation_from_json, recipe_for
from tutelage.data.automatic import prepare_table
from tutelage.data.shift import stability

N = 200
TRAIN = np.arange(0, N, 2)


def columns(seed: int = 0) -> dict[str, np.ndarray]:
    chance = np.random.default_rng(seed)
    gaps = chance.normal(5.0, 2.0, N)
    gaps[:10] = np.nan
    words: Any = np.array(chance.choice(["red", "green", "blue"], N), dtype=object)
    words[5] = None
    return {
        "whole": chance.integers(0, 50, N),
        "gaps": gaps,
        "colour": words,
        "same": np.full(N, 0.1),
        "word": np.array(["x"] * N, dtype=object),
        "empty": np.full(N, np.nan),
        "nothing": np.array([None] * N, dtype=object),
        "id": np.array([f"c{i}" for i in range(N)], dtype=object),
        "picture": np.zeros((N, 2, 2)),
        "day": np.array([datetime(2025, 1, 1 + i % 9) for i in range(N)], dtype=object),
    }


def fitted(table: dict[str, np.ndarray], train: np.ndarray) -> FittedRecipe:
    return prepare_table(table, train)[0]


def test_each_column_becomes_what_it_should() -> None:
    table = columns()
    prepared = fitted(table, TRAIN)
    features = prepared.apply(table)["features"]
    assert features.dtype == np.float32
    names = prepared.features["features"]
    assert features.shape == (N, len(names)) == (N, 1 + 2 + 3)
    assert names[:3] == ("whole", "gaps", "gaps_missing")
    assert set(names[3:]) == {"colour=red", "colour=green", "colour=blue"}
    train = features[TRAIN].astype(np.float64)
    assert np.allclose(train[:, :2].mean(0), 0, atol=1e-5)
    assert np.allclose(train[:, :2].std(0), 1, atol=1e-5)
    filled = np.where(np.isnan(table["gaps"]), np.nanmedian(table["gaps"][TRAIN]), table["gaps"])
    wanted = (filled - filled[TRAIN].mean()) / filled[TRAIN].std()
    assert np.allclose(features[:, 1], wanted, atol=1e-5)
    assert np.array_equal(features[:, 2], np.isnan(table["gaps"]))
    assert features[5, 3:].tolist() == [0, 0, 0]
    for place, name in enumerate(names[3:], start=3):
        assert np.array_equal(features[:, place], table["colour"] == name.partition("=")[2])


def test_what_cannot_help_is_left_out_with_the_reason() -> None:
    assert recipe_for(columns(), TRAIN)[1] == {
        "same": "is 0.1 in all training rows",
        "word": "is 'x' in all training rows",
        "empty": "is empty in all training rows",
        "nothing": "is empty in all training rows",
        "id": "is another text in every training row",
        "picture": "has shape (2, 2) per row",
        "day": "holds times: a recipe of your own can make numbers of them",
    }
    many = np.array([f"c{i // 2}" for i in range(400)], dtype=object)
    left = recipe_for({"many": many, "x": np.arange(400)}, np.arange(400))[1]
    assert left == {"many": "is text with 200 different values"}
    with pytest.raises(InputError, match=r"no column can be used as a feature: \{'same': 'is 0.1"):
        recipe_for({"same": np.full(N, 0.1)}, TRAIN)


def test_other_rows_change_nothing() -> None:
    table = columns()
    prepared = fitted(table, TRAIN)
    others = np.setdiff1d(np.arange(N), TRAIN)
    for name in ("whole", "gaps"):
        table[name][others] = 10_000
    table["colour"][others] = "violet"
    assert fitted(table, TRAIN).digest == prepared.digest


def test_json_is_exact() -> None:
    table = columns()
    prepared = fitted(table, TRAIN)
    again = preparation_from_json(json.loads(json.dumps(prepared.to_json())))
    assert isinstance(again, FittedRecipe)
    assert again.digest == prepared.digest
    assert np.array_equal(again.apply(table)["features"], prepared.apply(table)["features"])
    images = preparation_from_json({"kind": "images", "size": 8, "output": "image"})
    assert preparation_from_json(json.loads(json.dumps(images.to_json()))) == images


def test_what_an_earlier_version_wrote_is_refused_with_the_way_out() -> None:
    old = {"kind": "table", "numbers": [], "categories": [], "left_out": {}, "output": "features"}
    with pytest.raises(InputError, match=r"kind 'table' was given: .*an earlier tutelage wrote it.*repeat the run"):
        preparation_from_json(old)
    with pytest.raises(InputError, match="kind None was given: this version of tutelage reads recipes and images"):
        preparation_from_json({})


def test_unseen_values_are_counted_and_count_as_none() -> None:
    table = columns()
    prepared = fitted(table, TRAIN)
    assert prepared.unseen(table) == {}
    table["colour"][[1, 3, 4]] = "violet"
    assert prepared.unseen(table) == {"colour": 3}
    assert prepared.apply(table)["features"][3, 3:].sum() == 0


def test_whole_numbers_as_words_do_not_depend_on_gaps_elsewhere() -> None:
    for words in (np.array(["1", "2", "x"] * 20, dtype=object), np.array([1, 2, None, 2, 1, 3] * 10, dtype=object)):
        prepared = fitted({"code": words}, np.arange(60))
        place = [prepared.features["features"].index(f"code={value}") for value in (1, 2)]
        whole, gaps = np.array([1, 2, 1]), np.array([1.0, 2.0, np.nan])
        one, two = (prepared.apply({"code": given})["features"][:, place].tolist() for given in (whole, gaps))
        assert one == [[1, 0], [0, 1], [1, 0]]
        assert two == [[1, 0], [0, 1], [0, 0]]
        assert prepared.unseen({"code": gaps}) == {}
        assert prepared.unseen({"code": np.array([7, 1])}) == {"code": 1}


def test_text_where_numbers_were_is_named() -> None:
    prepared = fitted({"x": np.arange(9.0)}, np.arange(9))
    with pytest.raises(InputError, match=r"column 'x', row 1: 'many' is no number"):
        prepared.apply({"x": np.array(["1", "many"], dtype=object)})
    assert prepared.apply({"x": np.array(["4", "", None], dtype=object)})["features"].tolist() == [[0.0]] * 3
    with pytest.raises(InputError, match=r"columns \['x'\] are missing; the student was trained on \['x'\]"):
        prepared.apply({"y": np.arange(3)})


@pytest.mark.parametrize("rows", [3, 3000])
def test_values_far_off_stay_finite(rows: int) -> None:
    prepared = fitted({"x": np.arange(9.0), "flag": np.arange(9) % 2 == 0}, np.arange(9))
    given = {"x": np.tile([np.inf, -np.inf, 1e30], rows // 3), "flag": np.arange(rows) % 2 == 0}
    features = prepared.apply(given)["features"]
    assert np.isfinite(features).all()
    assert np.array_equal(
        features[:3], prepared.apply({name: column[:3] for name, column in given.items()})["features"]
    )


def test_drift_is_small_on_alike_rows_and_large_on_others() -> None:
    prepared = fitted({k: v for k, v in columns().items() if k in ("whole", "gaps", "colour")}, np.arange(N))
    alike = prepared.drift(columns(seed=1))
    assert max(alike.values()) < 0.25
    moved = columns(seed=1)
    moved["whole"] = moved["whole"] + 40
    moved["colour"][:] = "violet"
    shifts = prepared.drift(moved)
    assert shifts["whole"] > 1
    assert shifts["colour"] > 1
    assert shifts["gaps"] == alike["gaps"]


def test_drift_of_equal_shares_is_the_published_formula() -> None:
    values = np.arange(1000.0)
    prepared = fitted({"x": values}, np.arange(1000))
    now = np.where(np.arange(1000) < 500, 50.0, values)
    edges = np.quantile(values, np.linspace(0, 1, 11)[1:-1])
    was, is_now = (np.bincount(np.searchsorted(edges, v, side="right"), minlength=10) / 1000 for v in (values, now))
    wanted = sum((b - a) * np.log(max(b, 1e-4) / a) for a, b in zip(was, is_now, strict=True))
    assert prepared.drift({"x": now})["x"] == pytest.approx(wanted, rel=0.01)
    assert stability(was, is_now) == pytest.approx(wanted, rel=0.01)


def test_the_matrix_has_a_name_of_its_own() -> None:
    table = {"features": np.arange(9.0), "features_": np.arange(9.0) ** 2}
    prepared = fitted(table, np.arange(9))
    assert prepared.outputs == ("features__",)
    assert prepared.reads == ("features", "features_")
