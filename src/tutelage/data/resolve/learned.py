"""Learned: a classifier or regressor that was shown some conflicts with their truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from ...core import InputError, require
from ...ops import truth as discovery
from ...ops.claims import weighted_median
from .choose import best_claims, candidates, chosen, combined
from .table import Resolved, Table


@final
@dataclass(frozen=True)
class Learned:
    """A resolver that `learn` fitted.

    Attributes:
        model: the estimator: of "this value is right" for words, of the truth's distance from the median for numbers.
        sources: names of the sources it knows, in the order of its features.
        variance: of its errors on facts it was not fitted on; 0 for words.
        usual: of the errors of single claims; 0 for words.
    """

    model: Any
    sources: tuple[str, ...]
    variance: float
    usual: float

    def __call__(self, table: Table) -> Resolved:
        """See `Resolver`.

        Raises:
            InputError: the table has other sources than those it was fitted on.
        """
        if table.sources != self.sources:
            raise InputError(f"the resolver knows the sources {list(self.sources)}, not {list(table.sources)}")
        if table.numbers:
            value = _middle(table)
            if len(table):
                heard = np.isfinite(value)
                value[heard] += self.model.predict(_deviations(table, value)[heard])
            confidence = np.full(len(table.facts), self.usual / max(self.usual + self.variance, 1e-300))
            near = float(np.sqrt(self.usual))
            return combined(table, value, "learned from known truth", confidence=confidence, near=near)
        fact, _, place = candidates(table)
        right = self.model.predict_proba(describe(table))[:, 1] if len(fact) else np.zeros(0)
        total = np.bincount(fact, weights=right, minlength=len(table.facts))
        # what the model leaves over belongs to the values that nobody claims
        prob = right / np.maximum(total[fact], 1.0)
        best = best_claims(table, prob[place])
        known = best >= 0
        confidence = np.zeros(len(table.facts))
        confidence[known] = prob[place[best[known]]]
        return chosen(table, best, "learned from known truth", confidence=confidence)


def learn(table: Table, truth: np.ndarray, *, model: Any = None, seed: int = 0) -> Learned:
    """Fits a resolver on facts whose truth is known.

    For words it sees of each claimed value: its share of the votes and its rank, whether it is the newest, what the
    accuracies of its sources make of it (learned without truth), and who says it and who says something else. For
    numbers it sees how far each source is from the median.

    Args:
        table: claims; the facts to be resolved may be among them.
        truth: true value of each fact of the table [F], None or NaN where unknown.
        model: an estimator of scikit-learn's kind, with `predict_proba` for words and `predict` for numbers; a logistic
            or ridge regression on standardised features unless given.
        seed: of the folds in which the errors of numbers are judged.

    Raises:
        InputError: fewer than ten facts are known.
        MissingExtraError: scikit-learn is not installed.
    """
    known = truth_known(table, truth)
    base = require("sklearn.base", extra="sklearn", why="learn a resolver")
    if table.numbers:
        return _learn_numbers(table, truth, known, base.clone(_model(model, numbers=True)), base, seed)
    fact, code, _ = candidates(table)
    right = np.array([str(table.names[c]) == truth[f] for f, c in zip(fact.tolist(), code.tolist(), strict=True)])
    use = known[fact]
    if len(np.unique(right[use])) < 2:
        raise InputError("all claimed values of the known facts are right, or all wrong: there is no conflict to learn")
    fitted = base.clone(_model(model, numbers=False)).fit(describe(table)[use], right[use])
    return Learned(fitted, table.sources, 0.0, 0.0)


def truth_known(table: Table, truth: np.ndarray) -> np.ndarray:
    """Which facts have a known truth, bool [F].

    Raises:
        InputError: the lengths differ or fewer than ten are known.
    """
    if len(truth) != len(table.facts):
        raise InputError(f"the truth of {len(table.facts)} facts is needed (None where unknown), got {len(truth)}")
    if table.numbers:
        known = np.isfinite(np.asarray(truth, dtype=np.float64))
    else:
        known = np.array([value is not None and value == value for value in truth.tolist()], dtype=bool)
    if known.sum() < 10:
        raise InputError(f"the truth of {int(known.sum())} facts is known: a learned resolver needs ten or more")
    return known


def _model(given: Any, *, numbers: bool) -> Any:
    if given is not None:
        return given
    linear = require("sklearn.linear_model", extra="sklearn", why="learn a resolver")
    pipeline = require("sklearn.pipeline", extra="sklearn", why="learn a resolver")
    scaler = require("sklearn.preprocessing", extra="sklearn", why="learn a resolver").StandardScaler()
    last = linear.RidgeCV(np.logspace(-3, 3, 13)) if numbers else linear.LogisticRegression(max_iter=1000)
    return pipeline.make_pipeline(scaler, last)


def describe(table: Table) -> np.ndarray:
    """Features of each claimed value of each fact, float64 [K, 7 + 2 S], in the order of `candidates`."""
    fact, _, place = candidates(table)
    size, many = len(table.facts), len(fact)
    votes = np.bincount(place, weights=table.weight, minlength=many)
    total = np.bincount(table.fact, weights=table.weight, minlength=size)[fact]
    best = np.zeros(size)
    np.maximum.at(best, fact, votes)
    newest = np.full(size, -np.inf)
    np.maximum.at(newest, table.fact, np.nan_to_num(table.time, nan=-np.inf))
    young = np.zeros(many)
    np.maximum.at(young, place, (table.time == newest[table.fact]).astype(float))
    believed = np.zeros(many)
    np.maximum.at(believed, place, discovery.accu(table.claims()).prob.numpy())
    believed = np.clip(believed, 1e-6, 1 - 1e-6)
    says = np.zeros((many, len(table.sources)))
    says[place, table.source] = 1.0
    heard = np.zeros((size, len(table.sources)))
    heard[table.fact, table.source] = 1.0
    count = np.bincount(fact, minlength=size)[fact]
    share = votes / np.where(total > 0, total, 1.0)
    plain = [share, votes, total, count, votes >= best[fact], young, np.log(believed / (1 - believed))]
    return np.column_stack([*plain, says, heard[fact] - says])


def _middle(table: Table) -> np.ndarray:
    return weighted_median(table.measurements()).numpy().copy()


def _deviations(table: Table, middle: np.ndarray) -> np.ndarray:
    """Mean distance of each source from the median, and whether it says anything, float64 [F, 2 S]."""
    shape = (len(table.facts), len(table.sources))
    total, count = np.zeros(shape), np.zeros(shape)
    np.add.at(total, (table.fact, table.source), table.value - middle[table.fact])
    np.add.at(count, (table.fact, table.source), 1.0)
    return np.concatenate([total / np.maximum(count, 1.0), count > 0], axis=1)


def _learn_numbers(table: Table, truth: np.ndarray, known: np.ndarray, model: Any, base: Any, seed: int) -> Learned:
    middle = _middle(table)
    known = known & np.isfinite(middle)
    features, gap = _deviations(table, middle)[known], (np.asarray(truth, dtype=np.float64) - middle)[known]
    fold = np.random.default_rng(seed).permutation(len(gap)) % 5
    error = np.zeros(len(gap))
    for number in range(5):
        inside = fold == number
        error[inside] = base.clone(model).fit(features[~inside], gap[~inside]).predict(features[inside]) - gap[inside]
    real = np.asarray(truth, dtype=np.float64)[table.fact]
    usual = float(np.nanmean(np.square(table.value - real)))
    return Learned(model.fit(features, gap), table.sources, float(np.mean(np.square(error))), usual)
