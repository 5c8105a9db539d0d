"""Stacking with any model: whatever has `fit` and `predict_proba` puts the teachers together; Wolpert 1992."""

from __future__ import annotations

import copy
import hashlib
import pickle
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..core import Classes, Context, InputError, Labels, Target, Values
from .answers import dtype_of, refusal
from .learnt import learnable, said, side_by_side

FLOOR = 1e-6


@dataclass(frozen=True, eq=False)
class MetaModel:
    """Stacked generalisation with a model of the user's, scikit-learn's way; Wolpert 1992.

    Args:
        model: an unfitted estimator. For classes and labels with `predict_proba`, for values with `predict`; labels and
            several columns of values get a copy each. It sees the answers of all teachers side by side: probabilities
            less the uniform one (less a half, for labels), or values; 0 where a teacher is silent.
        models: fitted copies; leave it out and call `fit`.
        seen: the classes that occurred in the fitting rows; only these are covered by the target.

    Raises:
        InputError: the model cannot be asked; (when fitted) no labelled row with an answer; (when called) not fitted;
            rankings.
    """

    name = "meta_model"
    gives = "target"
    needs = frozenset[str]()
    invariants = frozenset[str]()
    source = "wolpert1992"
    model: Any
    models: tuple[Any, ...] | None = field(default=None, repr=False)
    seen: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not hasattr(self.model, "fit") or not hasattr(self.model, "predict"):
            who = type(self.model).__name__
            raise InputError(f"a meta-model needs fit and predict (else predict_proba), and {who} has none")

    def __repr__(self) -> str:
        state = "" if self.models is None else hashlib.sha256(pickle.dumps(self.models)).hexdigest()[:16]
        return f"MetaModel({self.model!r}, fitted={state!r}, seen={self.seen})"

    @property
    def fitted(self) -> bool:
        """Whether it has fitted models."""
        return self.models is not None

    def fit(self, signals: Any, target: Tensor, labelled: Tensor) -> MetaModel:
        """The same, fitted on out-of-fold answers (stacked, [T, N, ...]) and their labels."""
        if isinstance(signals, Values) == hasattr(self.model, "predict_proba"):
            fitting = "a regressor for values, a classifier with predict_proba for all else"
            raise refusal(self.name, signals, f"its model is a {type(self.model).__name__}", fitting)
        x, rows = self._x(signals), learnable(signals, target, labelled, "a meta-model").cpu().numpy()
        truth = target.cpu().numpy()[rows]
        if isinstance(signals, Classes):
            seen = np.unique(truth)
            if len(seen) < 2:
                raise InputError(f"a meta-model needs two classes in its fitting rows, got only {seen.tolist()}")
            return replace(self, models=(copy.deepcopy(self.model).fit(x[rows], truth),), seen=tuple(seen.tolist()))
        wanted = truth > 0.5 if isinstance(signals, Labels) else truth
        columns = range(wanted.shape[1])
        return replace(self, models=tuple(copy.deepcopy(self.model).fit(x[rows], wanted[:, c]) for c in columns))

    def __call__(self, signals: Any, context: Context) -> Target:
        """One answer about the B rows, at temperature 1."""
        if self.models is None:
            raise InputError(f"fusion {self.name!r} was not fitted: call fit(signals, target, labelled)")
        x, valid, coverage = self._x(signals), signals.valid.any(0), signals.coverage.any(0)
        device, kind = valid.device, dtype_of(signals)

        def tensor(array: Any) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float64)).to(device, kind)

        if isinstance(signals, Classes):
            scores, known = torch.zeros_like(signals.scores[0]), torch.zeros_like(coverage)
            scores[:, list(self.seen)] = tensor(self.models[0].predict_proba(x)).clamp_min(FLOOR).log()
            known[list(self.seen)] = True
            return Target(Classes.of(scores, "log_probs", valid=valid, coverage=known), 1.0)
        if isinstance(signals, Labels):
            yes = torch.stack([tensor(_yes(model, x)) for model in self.models], -1)
            return Target(Labels.from_probs(yes.clamp(FLOOR, 1 - FLOOR), valid=valid, coverage=coverage), 1.0)
        mean = torch.stack([tensor(model.predict(x)) for model in self.models], -1)
        return Target(Values.of(mean, valid=valid, coverage=coverage))

    def _x(self, signals: Any) -> np.ndarray:
        return side_by_side(said(signals, self.name)[0]).cpu().numpy()


def _yes(model: Any, x: np.ndarray) -> np.ndarray:
    """Probability of yes; of a model that saw one answer only, that answer."""
    told = model.predict_proba(x)
    if told.shape[1] == 2:
        return told[:, 1]
    return np.full(len(x), float(model.classes_[0]))
