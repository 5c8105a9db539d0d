"""Difference: trust goes to the teachers that the others agree with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..core import INVARIANTS, Classes, Context, InputError, Labels, Scores, Values, Weights
from ..core.spaces.classes import cover
from ..ops.differences import Measure, pairwise
from ..ops.simplex import masked_softmax


@dataclass(frozen=True)
class Difference:
    """Weights from the distances between teachers, a soft form of choosing as in Blanchard et al. 2017.

    w_k is proportional to exp(-mean over j != k of d(p_k, p_j) / tau), over the teachers that answer, with
    probabilities at temperature 1. Teachers of different coverage are compared on the classes that both
    know; a teacher that shares less than two classes with every other gets the mean distance of the rest.
    Values: squared distances of the means, divided by the mean distance of all pairs of that item, so that
    units do not matter.

    The rule acts where teachers disagree: their best classes or first items differ, one says yes and another no, or two
    means lie more than two joint standard deviations apart (any distance, without scales).

    Args:
        measure: `squared` (Euclidean), `kl` or `js`; values know `squared` only.
        tau: how much distance costs a factor e of trust; in the unit of the measure.

    Raises:
        InputError: an unknown measure or a tau that is not positive; (when called) values with another
            measure than `squared`.
    """

    name = "difference"
    gives = "weights"
    needs = frozenset[str]()
    invariants = INVARIANTS
    source = "blanchard2017"
    measure: Measure = "squared"
    tau: float = 0.1

    def __post_init__(self) -> None:
        if self.measure not in ("squared", "kl", "js"):
            raise InputError(f"difference has the measures squared, kl and js, got {self.measure!r}")
        if not self.tau > 0:
            raise InputError(f"tau must be positive, got {self.tau}")

    def __call__(self, signals: Any, context: Context) -> Weights:
        """Weights [T, *items]."""
        valid: Tensor = signals.valid
        others = ~torch.eye(len(valid), dtype=torch.bool, device=valid.device)
        pairs = valid.unsqueeze(0) & valid.unsqueeze(1) & others.view(*others.shape, *[1] * (valid.dim() - 1))
        if isinstance(signals, Classes):
            distance, shared = _between_classes(signals, self.measure)
            pairs = pairs & shared
        elif isinstance(signals, Scores):
            distance = pairwise(signals.probs(), self.measure, signals.common).sum(-1)
        elif isinstance(signals, Labels):
            both = torch.stack([torch.sigmoid(signals.logits), torch.sigmoid(-signals.logits)], dim=-1)
            distance = pairwise(both, self.measure).sum(-1)
        else:
            distance = _between_values(signals, pairs, self.measure)
        return Weights(masked_softmax(-_mean_of_pairs(distance, pairs) / self.tau, valid), _disagree(signals))


def _between_classes(signals: Classes, measure: Measure) -> tuple[Tensor, Tensor]:
    """Distances [T, T, B], and which pairs share at least two classes, bool [T, T, 1]."""
    coverage = signals.coverage
    probs = signals.probs()
    if bool((coverage == coverage[0]).all()):
        return pairwise(probs, measure).sum(-1), torch.ones_like(coverage[:, None, :1]).expand(-1, len(probs), 1)
    shared = (coverage.unsqueeze(0) & coverage.unsqueeze(1)).sum(-1, keepdim=True) >= 2
    return pairwise(probs, measure, cover(coverage).expand_as(probs)).sum(-1), shared


def _between_values(signals: Values, pairs: Tensor, measure: Measure) -> Tensor:
    """Squared distances [T, T, B, D] in units of the mean distance of the item's pairs."""
    if measure != "squared":
        raise InputError(f"values are compared by their squared distance, not by {measure!r}: use measure='squared'")
    centre = signals.mean.masked_fill(~signals.valid, 0.0).sum(0) / signals.valid.sum(0).clamp_min(1)
    away = (signals.mean - centre).masked_fill(~signals.valid, 0.0)
    size = away.abs().amax(0)
    away = away / torch.where(size > 0, size, torch.ones_like(size))
    distance = torch.where(pairs, (away.unsqueeze(1) - away.unsqueeze(0)).square(), 0.0)
    mean = distance.sum((0, 1)) / pairs.sum((0, 1)).clamp_min(1)
    return distance / torch.where(mean > 0, mean, torch.ones_like(mean))


def _mean_of_pairs(distance: Tensor, pairs: Tensor) -> Tensor:
    """Each teacher's mean distance [T, *items] to those it is comparable with; else the others' mean."""
    total = torch.where(pairs, distance, torch.zeros_like(distance)).sum(1)
    count = pairs.sum(1)
    own = total / count.clamp_min(1)
    compared = count > 0
    rest = torch.where(compared, own, torch.zeros_like(own)).sum(0) / compared.sum(0).clamp_min(1)
    return torch.where(compared, own, rest)


def _disagree(signals: Any) -> Tensor:
    """bool [*items]: where two answering teachers say different things."""
    valid = signals.valid
    if isinstance(signals, Values):
        spread = torch.zeros_like(signals.mean) if signals.scale is None else signals.scale.square()
        gap = (signals.mean.unsqueeze(0) - signals.mean.unsqueeze(1)).square()
        apart = gap > 4.0 * (spread.unsqueeze(0) + spread.unsqueeze(1))
        return (apart & valid.unsqueeze(0) & valid.unsqueeze(1)).any(0).any(0)
    if isinstance(signals, Classes):
        said = signals.scores.masked_fill(~cover(signals.coverage), -torch.inf).argmax(-1)
    elif isinstance(signals, Scores):
        said = signals.score.masked_fill(~signals.common, -torch.inf).argmax(-1)
    else:
        said = (signals.logits > 0).long()
    most = said.masked_fill(~valid, -1).amax(0)
    least = said.masked_fill(~valid, torch.iinfo(said.dtype).max).amin(0)
    return valid.any(0) & (most != least)
