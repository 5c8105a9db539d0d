"""One student, four ways: from a store, from live teachers, in a sweep, and by `fit` from memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

import tutelage as tl
from tutelage.core import Teacher
from tutelage.fusion import Confidence, Entropy, GeometricMean, HardVote, Mean
from tutelage.store import Store
from tutelage.teaching import Distillation, Objective, terms
from tutelage.teaching.teach import teach
from tutelage.train import Training, fit

SAME = 1e-4
TRAINING = Training(2, 32, lr=0.02)


@pytest.fixture(scope="module")
def table() -> tuple[tl.Rows, list[Teacher]]:
    """Wines, and three teachers of some of the rows: a forest, a linear model, and a rule that often abstains."""
    features, target = load_wine(return_X_y=True)
    names = np.array(["one", "two", "three"])
    columns = {"x": StandardScaler().fit_transform(features).astype(np.float32)}
    rows = tl.rows_of(columns, names[target], names=names.tolist())
    rows = rows.with_labels(np.concatenate([rows.train[::2], rows.validation]))
    seen = np.arange(0, len(target), 3)
    models = (RandomForestClassifier(10, random_state=0), make_pipeline(StandardScaler(), LogisticRegression()))
    teachers: list[Any] = [
        tl.EstimatorTeacher(model.fit(columns["x"][seen], names[target[seen]]), reads=("x",), name=type(model).__name__)
        for model in models
    ]

    def rule(row: dict[str, Any]) -> str | None:
        return "one" if row["x"][12] > 0.8 else "three" if row["x"][6] < -1.0 else None

    teachers.append(tl.RuleTeacher(rule, reads=("x",), name="rule", classes=tuple(names.tolist())))
    return rows, [tl.aligned(teacher, rows.space) for teacher in teachers]


def student() -> nn.Module:
    torch.manual_seed(5)
    return nn.Sequential(nn.Linear(13, 8), nn.ReLU(), nn.Linear(8, 3))


FUSIONS = (Mean(), GeometricMean(), HardVote(), Entropy(), Confidence())
WAYS: list[tuple[Any, Any]] = [
    *((fusion, terms.KL(2.0)) for fusion in FUSIONS),
    *((fusion, term) for fusion in (Mean(), Confidence()) for term in (terms.DKD(2.0), terms.DIST())),
]


@pytest.mark.parametrize(("fusion", "term"), WAYS, ids=lambda part: part.name)
def test_the_same_student_comes_out_four_ways(
    fusion: Any, term: Any, table: tuple[tl.Rows, list[Teacher]], tmp_path: Path
) -> None:
    rows, teachers = table
    stored = teach(teachers, rows.columns, rows.taught, Store(tmp_path))
    memory, live = tl.Memory.of(teachers, rows.columns), tl.Live(tuple(teachers), rows.columns)
    task, goal = tl.Classification(rows.space.names), Objective((term,), soft=0.7)
    found: dict[str, tuple[nn.Module, list[float]]] = {}
    sources: list[tuple[str, Any]] = [("memory", memory), ("stored", stored), ("live", live)]
    for name, source in sources:
        target = Distillation(source, fusion, goal, task)
        assert (target.plan.number == 4) == (name == "live")
        fitted = fit(student(), target, rows, replace(TRAINING, seed=5))
        found[name] = fitted.student, [epoch.watched for epoch in fitted.history]
    target = Distillation(sources[1][1], fusion, goal, task)
    others = [tl.Lane(f"beside {seed}", target, seed) for seed in (1, 2)]
    swept = tl.sweep(student, [*others, tl.Lane("this", target, 5)], rows, TRAINING)
    assert all(swept.batched)
    found["swept"] = swept.fitted[-1].student, [epoch.watched for epoch in swept.fitted[-1].history]
    wanted, losses = found.pop("memory")
    for name, (one, watched) in found.items():
        assert watched == pytest.approx(losses, rel=SAME), name
        for mine, theirs in zip(one.parameters(), wanted.parameters(), strict=True):
            torch.testing.assert_close(mine, theirs, rtol=SAME, atol=SAME, msg=name)
    far = swept.fitted[0].student
    assert not torch.allclose(next(far.parameters()), next(wanted.parameters()), atol=SAME)
