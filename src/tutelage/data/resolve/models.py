"""Model-based: one model per source learns what the source says from what else is known of the facts.

A model smooths its source's noise and answers about facts that its source does not claim; its answers about facts of
its own source come from a model that was fitted without them. The models are combined by the reliability of their
sources into one opinion, which joins the claims as one more source: models of the same features agree with each
other, right or wrong, so that as several sources they would only confirm themselves. Where features say nothing, the
opinion disagrees with the claims and gets little trust.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np

from ...core import InputError, require
from ...ops.truth import accu, inverse_variance
from .statistical import InverseVariance, OneCoin
from .table import Resolved, Resolver, Table


@final
@dataclass(frozen=True)
class SourceModels:
    """One model per source, combined by reliability.

    Args:
        features: what else is known of each fact of the table, float [F, D].
        model: an estimator of scikit-learn's kind; gradient boosted trees unless given.
        then: resolves claims and opinion together; one accuracy per source for words, inverse variance for numbers,
            unless given.
        least: claims a source needs to get a model.
        folds: for answers about a source's own facts.
        seed: of the folds.
    """

    features: np.ndarray
    model: Any = None
    then: Resolver | None = None
    least: int = 50
    folds: int = 5
    seed: int = 0

    def __call__(self, table: Table) -> Resolved:
        """See `Resolver`.

        Raises:
            InputError: the features are not of the table's facts, or no source has enough claims.
            MissingExtraError: scikit-learn is not installed.
        """
        if len(self.features) != len(table.facts):
            raise InputError(f"features of {len(table.facts)} facts are needed, got {len(self.features)}")
        answers = {n: self.answers(table, n) for n in range(len(table.sources)) if self._enough(table, n)}
        if not answers:
            raise InputError(f"no source has {self.least} claims: give a smaller least=, or another resolver")
        whole = _joined(table, _opinion(table, answers))
        then = self.then or (InverseVariance() if table.numbers else OneCoin())
        found = then(whole)
        claims = np.bincount(table.fact, minlength=len(table.facts))
        said = _agreeing(table, found)
        rule = f"{len(answers)} models of sources, then {found.rule}"
        return replace(found, claims=claims, agreeing=said, rule=rule)

    def _enough(self, table: Table, source: int) -> bool:
        mine = table.source == source
        return int(mine.sum()) >= self.least and len(np.unique(table.code[mine])) > 1

    def answers(self, table: Table, source: int) -> np.ndarray:
        """What the model of a source says about every fact: float64 [F], or codes int64 [F]."""
        base = require("sklearn.base", extra="sklearn", why="fit one model per source")
        mine = np.flatnonzero(table.source == source)
        fact, said = table.fact[mine], (table.value if table.numbers else table.code)[mine]
        model = self.model if self.model is not None else _trees(table.numbers, self.seed)
        found = base.clone(model).fit(self.features[fact], said).predict(self.features)
        fold = np.random.default_rng(self.seed).permutation(len(table.facts)) % self.folds
        for number in range(self.folds):
            inside = fold[fact] == number
            if inside.any() and len(np.unique(said[~inside])) > 1:
                own = fact[inside]
                found[own] = (
                    base.clone(model).fit(self.features[fact[~inside]], said[~inside]).predict(self.features[own])
                )
        return found


def _trees(numbers: bool, seed: int) -> Any:
    ensemble = require("sklearn.ensemble", extra="sklearn", why="fit one model per source")
    kind = ensemble.HistGradientBoostingRegressor if numbers else ensemble.HistGradientBoostingClassifier
    return kind(max_iter=60, random_state=seed)


def _opinion(table: Table, answers: dict[int, np.ndarray]) -> np.ndarray:
    """The models' answers [F], weighted by 1 / variance, or log-odds of the accuracy, of their sources' claims."""
    stacked = np.stack(list(answers.values()))
    if table.numbers:
        weight = 1 / inverse_variance(table.measurements()).scale.numpy()[list(answers)]
        return np.average(stacked, axis=0, weights=weight)
    skill = accu(table.claims(), wrong=max(len(table.names) - 1, 1)).accuracy.numpy()[list(answers)]
    others = (1 - skill) / max(len(table.names) - 1, 1)
    weight = np.log(np.clip(skill, 1e-6, None) / np.clip(others, 1e-6, None)).clip(1e-3)
    votes = np.zeros((len(table.facts), len(table.names)))
    for answer, trust in zip(stacked, weight, strict=True):
        votes[np.arange(len(answer)), answer.astype(np.int64)] += trust
    return votes.argmax(1)


def _joined(table: Table, opinion: np.ndarray) -> Table:
    """The claims and, as one more source, the opinion."""
    extra = len(opinion)
    if table.numbers:
        value = np.concatenate([table.value, opinion])
        names, code = np.unique(value, return_inverse=True)
    else:
        names, code = table.names, np.concatenate([table.code, opinion])
        value = names[code].astype(object)
    return Table(
        table.facts,
        (*table.sources, "models of the sources"),
        np.concatenate([table.fact, np.arange(extra)]),
        np.concatenate([table.source, np.full(extra, len(table.sources))]),
        value,
        code.reshape(-1),
        names,
        np.concatenate([table.time, np.full(extra, np.nan)]),
        np.concatenate([table.weight, np.ones(extra)]),
        np.concatenate([table.filled, np.ones(extra, dtype=np.int64)]),
    )


def _agreeing(table: Table, found: Resolved) -> np.ndarray:
    """Claims, without the models, that say the value (numbers: to nine digits)."""
    if table.numbers:
        value = found.value[table.fact]
        says = np.abs(table.value - value) <= 1e-9 * np.abs(value)
    else:
        says = table.value == found.value[table.fact]
    return np.bincount(table.fact[says], minlength=len(table.facts))
