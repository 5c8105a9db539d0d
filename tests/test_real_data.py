"""Public data, a few rows of each, through the whole of the main job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge

import tutelage as tl
from tutelage.core import InputError
from tutelage.fusion import Mean
from tutelage.train import Cost, Training, fit_teacher

QUICK = Training(8, 32)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    def once(one: Any, many: Any, rows: int) -> Cost:
        return Cost(1.0, 2.0, 3.0)

    monkeypatch.setattr("tutelage.train.evaluate.cost", once)
    monkeypatch.setattr("tutelage.train.summary.BOOTSTRAP_DRAWS", 10)


def student(rows: tl.Rows) -> Any:
    width = int(sum(np.prod(rows.columns[name].shape[1:]) for name in rows.inputs))
    return lambda: tl.MLP(width, len(rows.space.names), (16,))


def taught(rows: tl.Rows, makers: list[Any]) -> dict[str, float]:
    """The headline of each contender after a short contest of teachers trained out of fold."""
    teachers = tl.train_models(rows, makers, len(makers), ["architecture"], folds=3)
    report = tl.distill(student(rows), rows, teachers, training=QUICK, seeds=[0], baselines={})
    assert not [note for note in report.notes if "flagged" in note]
    return {c.name: c.metrics[report.headline][0] for c in report.contenders}


def forest() -> RandomForestClassifier:
    return RandomForestClassifier(20, min_samples_leaf=2, n_jobs=1)


def logistic() -> LogisticRegression:
    return LogisticRegression(max_iter=1000)


def test_accident_severity(data: Path, tmp_path: Path) -> None:
    """Words, gaps, and rare classes."""
    frame = polars.read_csv(data / "accident-severity-addis" / "accidents.csv", infer_schema_length=None)
    frame.head(1000).write_csv(tmp_path / "part.csv")
    found = tl.read_table(tmp_path / "part.csv", "Accident_severity")
    assert found.rows.space.kind == "classes"
    assert sum(role == "text" for role in found.preparation.inputs.values()) > 10
    assert np.isfinite(found.rows.columns["features"]).all()
    assert taught(found.rows, [forest, logistic])["student: chosen fusion"] > 0.7


def test_housing(data: Path, tmp_path: Path) -> None:
    frame = polars.read_csv(data / "tabular-housing" / "housing.csv").sample(800, seed=0)
    frame.write_csv(tmp_path / "part.csv")
    found = tl.read_table(tmp_path / "part.csv", "median_house_value", task="regression")
    scores = taught(found.rows, [lambda: RandomForestRegressor(20, n_jobs=1), Ridge])
    spread = float(found.rows.target.std())
    assert scores["ensemble of the teachers"] < 0.75 * spread
    assert scores["student: chosen fusion"] < spread


def test_breast(data: Path) -> None:
    rows = tl.read_table(data / "medical-breast" / "wdbc.csv", "Class").rows
    assert len(rows) == 569
    assert taught(rows, [forest, logistic])["student: chosen fusion"] > 0.85


def test_views_of_digits(data: Path) -> None:
    """Two teachers that see different columns, and a file whose header names a column twice."""
    with pytest.raises(InputError, match=r"mfeat-mor\.csv names columns \['0'\] more than once"):
        tl.read_table(data / "multiview-mfeat" / "mfeat-mor.csv", "0")
    views = {
        name: np.loadtxt(data / "multiview-mfeat" / f"mfeat-{name}.csv", delimiter=",", skiprows=1)[::4]
        for name in ("kar", "mor")
    }
    target = views["kar"][:, -1].astype(np.int64)
    columns = {name: (view[:, :-1] / view[:, :-1].std(0)).astype(np.float32) for name, view in views.items()}
    rows = tl.rows_of(columns, target, inputs=["kar", "mor"])
    options: dict[str, Any] = {"task": tl.Classification(rows.space.names), "seed": 0, "training": QUICK}
    teachers = [
        fit_teacher(forest, rows, rows.labelled_train, name=name, reads=[name], **options) for name in ("kar", "mor")
    ]
    assert [teacher.reads for teacher in teachers] == [("kar",), ("mor",)]
    report = tl.distill(student(rows), rows, teachers, training=QUICK, seeds=[0], baselines={}, fusion=Mean())
    scores = {c.name: c.metrics["accuracy"][0] for c in report.contenders}
    assert scores["student: chosen fusion"] > 0.5
