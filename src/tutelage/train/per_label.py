"""One classifier per label, each fitted on the rows whose label is known: for targets with gaps."""

from __future__ import annotations

import copy
from typing import Any, final

import numpy as np

from ..core import InputError


@final
class PerLabel:
    """Copies of a classifier with the scikit-learn interface, one per label, each on the rows that have the label.

    A classifier of several labels at once needs rows in which all are known, which may be few: of the molecules of
    Tox21 two in five. A label that only ever holds, or never does, is answered with how often it does.

    Args:
        model: is copied; it has `fit` and `predict_proba`.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.models_: list[Any] = []
        self.classes_: list[np.ndarray] = []

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Those of the model."""
        return dict(self.model.get_params(deep))

    def set_params(self, **params: Any) -> PerLabel:
        """Changes the model that is copied."""
        self.model.set_params(**params)
        return self

    def fit(self, X: np.ndarray, y: np.ndarray) -> PerLabel:
        """Fits the copies.

        Args:
            X: features [N, F].
            y: 0, 1, or NaN where it is not known [N, C].

        Raises:
            InputError: a label is known in no row.
        """
        self.models_, self.classes_ = [], [np.array([0, 1])] * y.shape[1]
        for label in range(y.shape[1]):
            known = np.isfinite(y[:, label])
            truth = y[known, label].astype(np.int64)
            if not len(truth):
                raise InputError(f"label {label} of {y.shape[1]} is known in none of {len(y)} rows: leave it out")
            alone = len(np.unique(truth)) < 2
            self.models_.append(float(truth[0]) if alone else copy.deepcopy(self.model).fit(X[known], truth))
        return self

    def predict_proba(self, X: np.ndarray) -> list[np.ndarray]:
        """Probabilities of no and yes, [n, 2] per label."""
        found: list[np.ndarray] = []
        for model in self.models_:
            if isinstance(model, float):
                found.append(np.tile([1.0 - model, model], (len(X), 1)))
            else:
                found.append(np.asarray(model.predict_proba(X)))
        return found
