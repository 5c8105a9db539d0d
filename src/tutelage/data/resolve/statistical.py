"""Statistical resolvers: how far each source is right is learned from where the sources agree, without any truth.

They are thin: the mathematics is in `tutelage.ops` (`claims`, `dawid_skene`, `truth`), which teachers use as well.
Their confidence is a probability, or for numbers u / (u + v) with the variance v of the result and u of a usual claim:
one usual claim alone has 1/2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor

from ...core import InputError
from ...ops import dawid_skene, truth
from ...ops.claims import Measurements, weighted_mean
from .choose import best_claims, candidates, chosen, combined, usual_distance
from .table import Resolved, Table

LARGEST = 20_000_000
"""Most entries of a table of probabilities or confusions."""


@final
@dataclass(frozen=True)
class Weighted:
    """Votes (numbers: a weighted mean) with weights that are known.

    Args:
        weights: source name to weight; 0 is never believed. Every source needs one.
        near: claims this close to a mean agree with it; their usual distance from it unless given.
    """

    weights: Mapping[str, float]
    near: float | None = None

    def __call__(self, table: Table) -> Resolved:
        """See `Resolver`."""
        lost = [name for name in table.sources if name not in self.weights]
        if lost:
            raise InputError(f"sources {lost} have no weight; there are weights of {list(self.weights)}")
        weight = table.weight * np.array([self.weights[name] for name in table.sources])[table.source]
        if table.numbers:
            value = weighted_mean(table.measurements(), torch.from_numpy(weight)).numpy()
            near = usual_distance(table) if self.near is None else self.near
            return combined(table, value, "weighted mean", trust=self.weights, near=near)
        return _by_votes(table, weight, "weighted vote", self.weights)


@final
@dataclass(frozen=True)
class ByAgreement:
    """Each source votes with its agreement with the majority (Wawa)."""

    def __call__(self, table: Table) -> Resolved:
        """See `Resolver`."""
        _small(table)
        skill = dawid_skene.agreement(table.claims()).numpy()
        return _by_votes(table, table.weight * skill[table.source], "vote by agreement", _named(table, skill))


@final
@dataclass(frozen=True)
class OneCoin:
    """One accuracy per source, by expectation-maximisation (Dawid and Skene 1979); few values.

    Args:
        smoothing: pseudo-claims per source, four fifths right.
        steps: most iterations.
    """

    smoothing: float = 1.0
    steps: int = 100

    def __call__(self, table: Table) -> Resolved:
        """See `Resolver`."""
        _small(table)
        found = dawid_skene.one_coin(table.claims(), smoothing=self.smoothing, steps=self.steps)
        return _by_table(table, found.prob, "one coin per source", found.accuracy)


@final
@dataclass(frozen=True)
class DawidSkene:
    """One confusion matrix per source, stopped early (Dawid and Skene 1979); few values, many claims per source.

    Args:
        smoothing: pseudo-claims per source and true value, four fifths right.
        steps: most iterations; few of them guard against overfitting.
    """

    smoothing: float = 1.0
    steps: int = 10

    def __call__(self, table: Table) -> Resolved:
        """See `Resolver`."""
        _small(table)
        if len(table.sources) * len(table.names) ** 2 > LARGEST:
            raise InputError(
                f"{len(table.sources)} sources × {len(table.names)} values squared are too many confusions: "
                "use OneCoin or Accuracies"
            )
        found = dawid_skene.dawid_skene(table.claims(), smoothing=self.smoothing, steps=self.steps)
        return _by_table(table, found.prob, "a confusion matrix per source", found.accuracy)


@final
@dataclass(frozen=True)
class Accuracies:
    """One accuracy per source where each fact has values of its own, such as names (Dong et al. 2009).

    Args:
        wrong: number of false values of a fact.
        smoothing: pseudo-claims per source.
    """

    wrong: int = 10
    smoothing: float = 1.0

    def __call__(self, table: Table) -> Resolved:
        """See `Resolver`."""
        found = truth.accu(table.claims(), wrong=self.wrong, smoothing=self.smoothing)
        prob = found.prob.numpy()
        best = best_claims(table, prob)
        confidence = np.where(best >= 0, prob[best] if len(prob) else 0.0, 0.0)
        return chosen(table, best, "accuracies", confidence=confidence, trust=_named(table, found.accuracy))


@final
@dataclass(frozen=True)
class TruthDiscovery:
    """Source weights from losses (CRH, Li et al. 2014), for words and numbers.

    For several properties at once, whose errors tell of each other, see `tutelage.ops.truth.crh`.

    Args:
        robust: weighted median and absolute distance for numbers.
    """

    robust: bool = False

    def __call__(self, table: Table) -> Resolved:
        """See `Resolver`."""
        if not table.numbers:
            _small(table)
        found = truth.crh([table.measurements() if table.numbers else table.claims()], robust=self.robust)
        weight = found.weight
        if not table.numbers:
            votes = table.weight * weight.numpy()[table.source]
            return _by_votes(table, votes, "truth discovery", _named(table, weight))
        claims = table.measurements()
        value = found.truth[0]
        residual = (claims.value - value[claims.fact]).square() * claims.weight
        scale = residual.sum() / max(len(table) - int((value == value).sum()), 1) / weight.clamp_min(1e-6)
        return _numbers(table, value, _variance(claims, scale), scale, "truth discovery", _named(table, weight))


@final
@dataclass(frozen=True)
class InverseVariance:
    """Numbers weighted by 1 / variance.

    Args:
        scale: source name to standard deviation of its claims; learned unless given.
        biased: learn a constant offset per source too.
    """

    scale: Mapping[str, float] | None = None
    biased: bool = False

    def __call__(self, table: Table) -> Resolved:
        """See `Resolver`."""
        claims = table.measurements()
        given = None
        if self.scale is not None:
            lost = [name for name in table.sources if name not in self.scale]
            if lost:
                raise InputError(f"sources {lost} have no standard deviation; there are those of {list(self.scale)}")
            given = torch.tensor([self.scale[name] for name in table.sources], dtype=torch.float64).square()
        found = truth.inverse_variance(claims, given, biased=self.biased)
        trust = _named(table, 1 / found.scale.sqrt())
        return _numbers(table, found.value, found.variance, found.scale, "inverse variance", trust)


def _small(table: Table) -> None:
    """Raises InputError where a table [facts, values] would be too large, or values are amounts."""
    if table.numbers and len(table.names) > 50:
        raise InputError(f"{len(table.names)} different numbers are amounts: use InverseVariance or TruthDiscovery")
    if len(table.facts) * len(table.names) > LARGEST:
        raise InputError(
            f"{len(table.facts)} facts × {len(table.names)} values are too many for a table of probabilities: "
            "use Accuracies, which looks at each fact's own values"
        )


def _named(table: Table, numbers: Tensor | np.ndarray) -> dict[str, float]:
    return dict(zip(table.sources, numbers.tolist(), strict=True))


def _by_votes(table: Table, weight: np.ndarray, rule: str, trust: Mapping[str, float]) -> Resolved:
    """The value with the most weight, its share as confidence."""
    fact, _, place = candidates(table)
    votes = np.bincount(place, weights=weight, minlength=len(fact))
    total = np.bincount(table.fact, weights=weight, minlength=len(table.facts))
    share = votes / np.where(total[fact] > 0, total[fact], 1.0)
    best = best_claims(table, votes[place])
    confidence = np.zeros(len(table.facts))
    known = best >= 0
    confidence[known] = share[place[best[known]]]
    return chosen(table, best, rule, confidence=confidence, trust=trust)


def _by_table(table: Table, prob: Tensor, rule: str, accuracy: Tensor) -> Resolved:
    """The most probable of the values that somebody claims."""
    each = prob.numpy()[table.fact, table.code]
    best = best_claims(table, each)
    known = best >= 0
    confidence = np.zeros(len(table.facts))
    confidence[known] = each[best[known]]
    return chosen(table, best, rule, confidence=confidence, trust=_named(table, accuracy))


def _variance(claims: Measurements, scale: Tensor) -> Tensor:
    precision = torch.zeros(claims.facts, dtype=torch.float64)
    return 1 / precision.index_add_(0, claims.fact, claims.weight / scale[claims.source])


def _numbers(
    table: Table, value: Tensor, variance: Tensor, scale: Tensor, rule: str, trust: Mapping[str, float]
) -> Resolved:
    heard = torch.from_numpy(np.bincount(table.source, minlength=len(table.sources)) > 0)
    usual = float(scale[heard].median()) if bool(heard.any()) else 1.0
    confidence = (usual / (usual + variance)).nan_to_num(0.0).numpy()
    near = float(np.sqrt(usual))
    return combined(table, value.numpy(), rule, confidence=confidence, trust=trust, near=near)
