"""Labels with gaps: each label learns from the rows that have it, and what stands in a gap changes nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import tutelage as tl
from tutelage.core import InputError, Labels, Space
from tutelage.data import Rows
from tutelage.tasks import MultiLabel
from tutelage.train import Cost, PerLabel, Training, fit_teacher, task_of

NAMES = ("red", "round", "sweet")


def fruit(count: int = 240, missing: float = 0.4) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    seen = draw.normal(size=(count, 4)).astype(np.float32)
    truth = (seen[:, :3] + 0.5 * draw.normal(size=(count, 3)) > 0).astype(float)
    truth[draw.random(truth.shape) < missing] = np.nan
    return seen, truth


def rows_of(missing: float = 0.4) -> Rows:
    seen, truth = fruit(missing=missing)
    task = MultiLabel(NAMES, headline="roc_auc")
    parts: dict[str, Any] = {"train": np.arange(140), "validation": np.arange(140, 180), "test": np.arange(180, 240)}
    return tl.rows_of(seen, truth, space=Space(Labels, NAMES), task=task, **parts)


def test_each_label_learns_from_the_rows_that_have_it() -> None:
    seen, truth = fruit()
    found = PerLabel(LogisticRegression()).fit(seen, truth).predict_proba(seen)
    known = np.isfinite(truth[:, 1])
    alone = LogisticRegression().fit(seen[known], truth[known, 1]).predict_proba(seen)
    np.testing.assert_allclose(found[1], alone)


def test_a_label_that_never_holds_is_answered_so_and_one_that_nobody_knows_is_refused() -> None:
    seen, truth = fruit(20)
    truth[:, 2] = np.where(np.isfinite(truth[:, 2]), 0.0, np.nan)
    assert PerLabel(LogisticRegression()).fit(seen, truth).predict_proba(seen[:2])[2].tolist() == [[1.0, 0.0]] * 2
    truth[:, 2] = np.nan
    with pytest.raises(InputError, match="label 2 of 3 is known in none of 20 rows"):
        PerLabel(LogisticRegression()).fit(seen, truth)


def test_a_teacher_is_fitted_on_rows_with_gaps() -> None:
    rows = rows_of()
    rest: dict[str, Any] = {"seed": 0, "training": Training()}
    whole = fit_teacher(lambda: PerLabel(LogisticRegression()), rows, rows.train, task_of(rows), name="all", **rest)
    assert whole.seen is not None
    assert len(whole.seen) == 140
    answer = whole.answer({"features": rows.columns["features"][180:]})
    batch = rows.batch(np.arange(180, 240), truth=True)
    assert task_of(rows).metrics(answer, batch.target, batch.labelled)["roc_auc"] > 0.8


def test_what_stands_in_a_gap_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tutelage.train.evaluate.cost", lambda one, many, rows: Cost(1.0, 2.0, 3.0))

    def held(rows: Rows) -> dict[str, dict[str, tuple[str, ...]]]:
        makers = (lambda: PerLabel(LogisticRegression(C=0.1)), lambda: tl.MLP(4, 3, (8,)))
        found: list[Any] = []
        for number, make in enumerate(makers):
            options: dict[str, Any] = {"name": f"t{number}", "folds": 2, "training": Training(epochs=2)}
            found += tl.train_models(rows, make, 1, **options)
        makes = lambda: tl.MLP(4, 3, (4,))  # noqa: E731
        settings = Training(epochs=3, patience=1)
        report = tl.distill(makes, rows, found, seeds=[0], training=settings, pseudo_labels=True, rates=(1e-3, 1e-2))
        return {
            one.name: {name: tuple(map(str, one.metrics[name])) for name in ("roc_auc", "cross_entropy")}
            for one in report.contenders
        }

    rows = rows_of()
    assert rows.known is not None
    other = replace(rows, target=np.where(rows.known, rows.target, 1.0).astype(np.float32))
    assert not np.array_equal(rows.target, other.target)
    assert held(rows) == held(other)
