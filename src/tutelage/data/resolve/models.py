"""Model-based: one model per source learns what the source says from what else is known of the facts.

A model smooths its source's noise and answers about facts that its source does not claim. Claims and models are then
resolved together by reliability; a model's answers about facts of its own source come from a model that was fitted
without them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np

from ...core import InputError, require
from .statistical import InverseVariance, OneCoin
from .table import Resolved, Resolver, Table


@final
@dataclass(frozen=True)
class SourceModels:
    """One model per source, combined by reliability.

    The confidence takes claims and models for independent, which models of the same features are not quite; models with
    little to say are found out by the combination and get little trust.

    Args:
        features: what else is known of each fact of the table, float [F, D].
        model: an estimator of scikit-learn's kind; gradient boosted trees unless given.
        then: resolves claims and models together; one accuracy per source for words, inverse variance for numbers,
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
        whole = _joined(table, answers)
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


def _joined(table: Table, answers: dict[int, np.ndarray]) -> Table:
    """The claims and, as more sources, the answers of the models."""
    size, many = len(table.facts), len(table.sources)
    models = list(answers)
    said = np.concatenate([answers[n] for n in models])
    facts = np.tile(np.arange(size), len(models))
    sources = np.repeat(many + np.arange(len(models)), size)
    if table.numbers:
        value = np.concatenate([table.value, said.astype(np.float64)])
        names, code = np.unique(value, return_inverse=True)
    else:
        names, code = table.names, np.concatenate([table.code, said.astype(np.int64)])
        value = names[code].astype(object)
    extra = len(said)
    return Table(
        table.facts,
        (*table.sources, *(f"model of {table.sources[n]}" for n in models)),
        np.concatenate([table.fact, facts]),
        np.concatenate([table.source, sources]),
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
