"""Stress: everybody is also measured on changed test rows, which are drawn the same for all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

import tutelage as tl
from tutelage.core import InputError
from tutelage.data.views import Mixup, Noise
from tutelage.fusion import Mean
from tutelage.train.stress import stressed, under


@pytest.fixture(scope="module")
def rows() -> tl.Rows:
    data: Any = load_digits()
    return tl.rows_of({"features": (data.data / 16).astype(np.float32)}, data.target)


def test_test_rows_alone_are_changed(rows: tl.Rows) -> None:
    found = stressed(rows, {"noise": Noise(("features",), 0.5)}, seed=3)["noise"]
    test = rows.test.open("a test")
    changed = found.columns["features"][found.test.open("a test")]
    assert changed.shape == (len(test), 64)
    gap = changed - rows.columns["features"][test]
    assert abs(gap.std() - 0.5) < 0.01
    np.testing.assert_array_equal(found.target[1:], rows.target[test])
    again = stressed(rows, {"noise": Noise(("features",), 0.5)}, seed=3)["noise"]
    np.testing.assert_array_equal(again.columns["features"], found.columns["features"])
    assert stressed(rows, {}) == {}


def test_columns_made_by_a_preparation_are_made_anew() -> None:
    data: Any = load_digits()
    columns = {f"c{number}": data.data[:, number] for number in (20, 21, 42)}
    rows = tl.rows_of(columns, data.target, prepare=True)
    found = stressed(rows, {"noise": Noise(("c21",), 4.0)})["noise"]
    test, own = rows.test.open("a test"), found.test.open("a test")
    change = found.columns["features"][own] - rows.columns["features"][test]
    moved = np.abs(change).max(0) > 0.01
    assert moved.sum() == 1
    assert rows.preparation is not None
    given = {name: found.columns[name][own] for name in rows.preparation.reads}
    np.testing.assert_allclose(rows.preparation.apply(given)["features"], found.columns["features"][own])


def test_a_change_whose_label_nobody_knows_is_refused(rows: tl.Rows) -> None:
    with pytest.raises(InputError, match="stress 'mixed': after Mixup nobody knows the label"):
        stressed(rows, {"mixed": Mixup(("features",))})


def test_everybody_is_measured_under_stress(rows: tl.Rows) -> None:
    row = rows.train
    names = np.array(rows.space.names)[rows.target[row]]
    model = LogisticRegression(max_iter=300).fit(rows.columns["features"][row], names)
    teacher = tl.EstimatorTeacher(model, reads="features", name="linear", seen=row)
    stress = {"noise": Noise(("features",), 0.6), "little": Noise(("features",), 1e-6)}
    report = tl.distill(
        lambda: tl.MLP(64, 10, (16,)), rows, [teacher], fusion=Mean(), training=tl.Training(6), seeds=[0, 1],
        baselines={}, stress=stress,
    )  # fmt: skip
    for contender in report.contenders:
        assert len(contender.metrics["accuracy under noise"]) == 2
        worse = np.array(contender.metrics["accuracy"]) - np.array(contender.metrics["accuracy under noise"])
        assert (worse > 0.03).all(), contender.name
        np.testing.assert_allclose(contender.metrics["accuracy under little"], contender.metrics["accuracy"], atol=0.01)
    assert report.metrics_higher_is_better["accuracy under noise"]
    assert "accuracy under noise" in str(report.table(200))
    changed = stressed(rows, stress, seed=0)
    same = under(teacher, changed, tl.Classification(rows.space.names))
    linear = next(one for one in report.contenders if one.name == "linear")
    assert same["accuracy under noise"] == linear.metrics["accuracy under noise"][0]
