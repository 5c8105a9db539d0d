"""All four questions on numbers and on labels: the same code, other losses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multioutput import MultiOutputClassifier

import tutelage as tl
from tutelage.search import Ground, analyse, explain, ground_of, search_best, select
from tutelage.train import Training, fit_teacher, task_of


def ground(kind: str) -> Ground:
    """Three teachers: two of which each see a part of what matters, and one that sees nothing."""
    chance = np.random.default_rng(0)
    x = chance.normal(size=(600, 4)).astype(np.float32)
    noise = 0.3 * chance.normal(size=600)
    values = (x[:, 0] - x[:, 1] + 0.5 * x[:, 2] + noise).astype(np.float32)
    labels = np.stack([x[:, 0] + noise > 0, x[:, 1] + x[:, 2] > 0.3], 1)
    split = {"train": np.arange(200, 400), "validation": np.arange(400, 500), "test": np.arange(500, 600)}
    target, options = (values, {}) if kind == "values" else (labels, {"names": ("a", "b")})
    known: dict[str, Any] = {**split, **options}
    rows = tl.rows_of({f"x{i}": x[:, i] for i in range(4)}, target, **known)
    make = LinearRegression if kind == "values" else lambda: MultiOutputClassifier(LogisticRegression())
    teachers = [
        fit_teacher(make, rows, np.arange(200), task_of(rows), name=n, seed=0, training=Training(), reads=reads)
        for n, reads in (("left", ("x0", "x1")), ("right", ("x1", "x2")), ("nothing", ("x3",)))
    ]
    outputs = 1 if kind == "values" else 2
    return ground_of(lambda: tl.MLP(4, outputs, (8,)), rows, teachers, training=Training(epochs=8, lr=2e-2))


@pytest.mark.parametrize("kind", ["values", "labels"])
def test_every_question_has_an_answer(kind: str) -> None:
    made = ground(kind)
    selected = select(made, seeds=(0,), folds=2)
    assert selected.steps[0].teacher in ("left", "right")
    worth = {part.teacher: part.shapley for part in selected.parts}
    assert worth["nothing"] == min(worth.values())
    explained = explain(made, seeds=(0,), rows=80)
    assert explained.importances[-1].group == "x3"
    analysed = analyse(made, seeds=(0,), folds=2)
    assert analysed.question("teachers").lines[-1].name == "nothing"
    factors = {line.name.partition(":")[0] for line in analysed.question("data").lines}
    assert factors == {"labels", "transfer set", "shift"}
    best = search_best(made, trials=8, folds=2)
    assert best.start.term == ("MSE" if kind == "values" else "BinaryKL")
    assert best.check is not None
