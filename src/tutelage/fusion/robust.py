"""Median and trimmed mean: an answer that a few bad teachers cannot move far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from ..core import INVARIANTS, Classes, Context, InputError, Labels, Scores, Target, Values
from ..ops.mixing import trimmed
from .answers import knowing, of_classes, of_labels, of_scores


@dataclass(frozen=True)
class Median:
    """Median of the teachers, class by class; Yin et al. 2018.

    Taken over the teachers that know the class (the mean of the middle two when they are even), at the
    temperature of the asking term, then scaled to sum to 1. Where every class's median is 0, the teachers'
    mean stands in and the rule counts as not having acted. Values: the median of the means, and of the
    scales where all are known.
    """

    name = "median"
    gives = "target"
    needs = frozenset[str]()
    invariants = INVARIANTS - {"convex"}
    source = "yin2018"

    def __call__(self, signals: Any, context: Context) -> Target:
        """One answer about the B rows, formed at `context.temperature`."""
        return _cut(signals, context.temperature, 0.5)


@dataclass(frozen=True)
class Trimmed:
    """Mean of the teachers after the extremes are cut off, class by class; Yin et al. 2018.

    Otherwise as `Median`.

    Args:
        share: part of the teachers cut off at each end, in [0, 0.5]; of n teachers floor(share * n), but one
            teacher (two, when n is even) always stays.

    Raises:
        InputError: the share leaves [0, 0.5].
    """

    name = "trimmed"
    gives = "target"
    needs = frozenset[str]()
    invariants = INVARIANTS - {"convex"}
    source = "yin2018"
    share: float = 0.2

    def __post_init__(self) -> None:
        if not 0.0 <= self.share <= 0.5:
            raise InputError(f"the share cut off at each end must stay within [0, 0.5], got {self.share}")

    def __call__(self, signals: Any, context: Context) -> Target:
        """One answer about the B rows, formed at `context.temperature`."""
        return _cut(signals, context.temperature, self.share)


def _cut(signals: Any, temperature: float, share: float) -> Target:
    if isinstance(signals, Classes):
        probs, known = signals.probs(temperature), knowing(signals)
        mass = trimmed(probs, known, share)
        mean = trimmed(probs, known, 0.0)
        acted = (mass.sum(-1) > torch.finfo(mass.dtype).tiny) & signals.valid.any(0)
        return Target(of_classes(mass, signals, mean), temperature, acted)
    if isinstance(signals, Scores):
        probs, known = signals.probs(temperature), signals.common
        mass, mean = trimmed(probs, known, share), trimmed(probs, known, 0.0)
        acted = (mass.sum(-1) > torch.finfo(mass.dtype).tiny) & signals.valid.any(0)
        return Target(of_scores(mass, signals, mean), temperature, acted)
    if isinstance(signals, Labels):
        logits = signals.logits / temperature
        yes, no = (trimmed(torch.sigmoid(sign * logits), signals.valid, share) for sign in (1, -1))
        return Target(of_labels(yes, no, signals), temperature)
    mean = trimmed(signals.mean, signals.valid, share)
    scale = None
    if signals.scale is not None:
        unknown = ~signals.valid.any(0)
        scale = trimmed(signals.scale, signals.valid, share).masked_fill(unknown, 1.0)
    return Target(Values.of(mean, scale, valid=signals.valid.any(0), coverage=signals.coverage.any(0)))
