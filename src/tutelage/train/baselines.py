"""Cheap classical models that a student has to be compared with."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping

from ..core import Teacher
from ..data import Rows
from .evaluate import task_of
from .fitted import fit_teacher
from .per_label import PerLabel
from .settings import Training


def linear(rows: Rows) -> Mapping[str, Callable[[Rows, int], Teacher]]:
    """A linear model on the student's columns and labels; nothing for rankings or without scikit-learn."""
    if importlib.util.find_spec("sklearn") is None or len(rows.labelled_train) < 2 or rows.space.kind == "scores":
        return {}
    if rows.space.kind == "classes":
        return {"logistic regression: labels only": _logistic}
    if rows.space.kind == "values":
        return {"ridge regression: labels only": _ridge}
    return {"logistic regression per label: labels only": _per_label}


def _logistic(rows: Rows, seed: int) -> Teacher:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return _fitted(rows, seed, lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)))


def _ridge(rows: Rows, seed: int) -> Teacher:
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return _fitted(rows, seed, lambda: make_pipeline(StandardScaler(), Ridge()))


def _per_label(rows: Rows, seed: int) -> Teacher:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    one = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    return _fitted(rows, seed, lambda: PerLabel(one))


def _fitted(rows: Rows, seed: int, make: Callable[[], object]) -> Teacher:
    task = task_of(rows)
    return fit_teacher(make, rows, rows.labelled_train, task, name="linear", seed=seed, training=Training())
