"""Pools in log space: the geometric mean, and the mean of logits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..core import INVARIANTS, Classes, Context, Labels, Scores, Target, Values
from ..ops.mixing import geometric, mixed
from ..ops.simplex import normalised
from .answers import one_coverage, refusal
from .trust import Trust, checked, expanded, ordered, taken


@dataclass(frozen=True)
class GeometricMean:
    """Logarithmic opinion pool: the weighted geometric mean, normalised; Heskes 1998.

    A class that one teacher rules out is out, however the others think of it. For labels the log-odds
    are averaged; for values with scales the pool of normal distributions is again normal, with the
    mean precision. The target may be softened to any temperature: the pool of softened answers is the
    softened pool.

    Args:
        weights: one number per teacher, in the order of the teachers or by name; equal unless given.

    Raises:
        InputError: (when called) teachers of classes with different coverages, or values without scales.
    """

    name = "geometric_mean"
    gives = "target"
    needs = frozenset[str]()
    invariants = INVARIANTS - {"convex"}
    source = "heskes1998"
    weights: Trust | None = None

    def __post_init__(self) -> None:
        checked(self.weights, "GeometricMean")

    def bound(self, names: Sequence[str]) -> GeometricMean:
        """The same with the weights in the order of these teachers."""
        return replace(self, weights=ordered(self.weights, names, "GeometricMean"))

    def taking(self, teachers: Sequence[int]) -> GeometricMean:
        """The same for these teachers only, in this order."""
        return replace(self, weights=taken(self.weights, teachers, "GeometricMean"))

    def __call__(self, signals: Any, context: Context) -> Target:
        """One answer about the B rows."""
        weights = normalised(expanded(self.weights, signals, "GeometricMean"), signals.valid)
        valid = signals.valid.any(0)
        if isinstance(signals, Classes):
            coverage = one_coverage(signals, self.name)
            logs = signals.log_probs().masked_fill(~coverage, 0.0)
            scores = torch.zeros_like(logs[0])
            scores[..., coverage] = geometric(logs[..., coverage], weights)
            return Target(Classes.of(scores, "log_probs", valid=valid, coverage=coverage))
        if isinstance(signals, Scores):
            return Target(_pooled(signals.log_probs().masked_fill(~signals.common, 0.0), weights, signals))
        if isinstance(signals, Labels):
            return Target(Labels.of(mixed(signals.logits, weights), valid=valid, coverage=signals.coverage.any(0)))
        if signals.scale is None:
            raise refusal(self.name, signals, "without scales they are no distributions", "Mean or Median")
        return Target(_normal_pool(signals, weights))


@dataclass(frozen=True)
class MeanLogits:
    """Mean of the teachers' logits, each centred over the covered classes.

    After a softmax this is the geometric mean with equal weights, at every temperature (Hinton et al.
    2015 name both means); as logits it keeps the teachers' scale for terms that compare logits.

    Raises:
        InputError: (when called) teachers of classes with different coverages, or values.
    """

    name = "mean_logits"
    gives = "target"
    needs = frozenset[str]()
    invariants = INVARIANTS - {"convex"}
    source = "hinton2015"

    def __call__(self, signals: Any, context: Context) -> Target:
        """One answer about the B rows."""
        if isinstance(signals, Values):
            raise refusal(self.name, signals, "values have no logits", "Mean")
        weights = normalised(expanded(None, signals, self.name), signals.valid)
        valid = signals.valid.any(0)
        if isinstance(signals, Classes):
            coverage = one_coverage(signals, self.name)
            scores = mixed(signals.centred(), weights)
            return Target(Classes.of(scores, "logits", valid=valid, coverage=coverage))
        if isinstance(signals, Scores):
            return Target(_pooled(signals.centred(), weights, signals))
        return Target(Labels.of(mixed(signals.logits, weights), valid=valid, coverage=signals.coverage.any(0)))


def _pooled(logs: Tensor, weights: Tensor, signals: Scores) -> Scores:
    """The weighted mean of scores [T, B, N] over the candidates that are compared."""
    return Scores.of(mixed(logs, weights), signals.item[0], listed=signals.common.any(0), valid=signals.valid.any(0))


def _normal_pool(signals: Values, weights: Tensor) -> Values:
    """The geometric mean of normal distributions, worked out relative to the smallest scale in play."""
    assert signals.scale is not None
    trusted = weights > 0
    scale = torch.where(trusted, signals.scale, torch.full_like(signals.scale, torch.inf))
    least = scale.amin(0)
    unit = torch.where(torch.isfinite(least), least, torch.ones_like(least))
    precision = torch.where(trusted, (unit / scale).square(), torch.zeros_like(scale)) * weights
    total = precision.sum(0)
    seen = total > 0
    safe = torch.where(seen, total, torch.ones_like(total))
    mean = (precision * signals.mean).sum(0) / safe
    return Values.of(mean, unit / safe.sqrt(), valid=signals.valid.any(0), coverage=signals.coverage.any(0))
