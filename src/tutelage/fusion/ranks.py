"""Rankings fused by places: what counts is who stands before whom, not by how much.

Scores of recommenders come in units that have nothing in common; places do not. Both fusions also join lists that share
few candidates or none, which no mean of probabilities can.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..core import Context, InputError, Scores, Target
from ..ops.losses import standardised
from ..ops.mixing import mixed
from ..ops.ranks import places
from ..ops.simplex import normalised
from .answers import refusal
from .trust import Trust, checked, expanded, ordered, taken


@dataclass(frozen=True)
class Borda:
    """Each teacher gives a candidate a point for every candidate that stands behind it; Aslam and Montague 2001.

    Of m candidates that anybody lists, a teacher's first gets m - 1 points, its next m - 2, and so on; those that it
    does not list share evenly what is left. Equal scores share the points of their places. The target is the weighted
    mean of the points, brought to mean 0 and the given spread within each row, at temperature 1.

    Args:
        spread: standard deviation of the target's scores over the candidates of a row: how sure the target is.
        weights: strength of each teacher, in the order of the teachers or by name; equal unless given.

    Raises:
        InputError: a spread that is not positive, or bad weights; (when called) no rankings.
    """

    name = "borda"
    gives = "target"
    needs = frozenset[str]()
    invariants = frozenset({"permutation", "absent"})
    source = "aslam2001"
    spread: float = 2.0
    weights: Trust | None = None

    def __post_init__(self) -> None:
        checked(self.weights, "Borda")
        _check_spread(self.spread, "Borda")

    def bound(self, names: Sequence[str]) -> Borda:
        """The same with the weights in the order of these teachers."""
        return replace(self, weights=ordered(self.weights, names, "Borda"))

    def taking(self, teachers: Sequence[int]) -> Borda:
        """The same for these teachers only, in this order."""
        return replace(self, weights=taken(self.weights, teachers, "Borda"))

    def __call__(self, signals: Any, context: Context) -> Target:
        """One ranking of all candidates that anybody lists, at temperature 1."""
        if not isinstance(signals, Scores):
            raise refusal(self.name, signals, "it counts places in rankings", "HardVote or Mean")
        place, union = places(signals.score, signals.listed), signals.listed.any(0)
        most = union.sum(-1, keepdim=True).to(place.dtype)
        left = (most - signals.listed.sum(-1, keepdim=True) - 1.0) / 2.0
        points = torch.where(signals.listed, most - place, left) / (most - 1.0).clamp_min(1.0)
        return _joined(points, union, self.spread, expanded(self.weights, signals, "Borda"), signals)


@dataclass(frozen=True)
class ReciprocalRank:
    """Reciprocal rank fusion: the sum over teachers of 1 / (k + place); Cormack et al. 2009.

    First places count most, and a candidate that a teacher does not list gets nothing from it. Equal scores share the
    mean of their places. The target is the weighted mean of the reciprocals, brought to mean 0 and the given spread
    within each row, at temperature 1.

    Args:
        k: how little the first places stand out; the paper's 60.
        spread: standard deviation of the target's scores over the candidates of a row: how sure the target is.
        weights: strength of each teacher, in the order of the teachers or by name; equal unless given.

    Raises:
        InputError: a negative k, a spread that is not positive, or bad weights; (when called) no rankings.
    """

    name = "reciprocal_rank"
    gives = "target"
    needs = frozenset[str]()
    invariants = frozenset({"permutation", "absent"})
    source = "cormack2009"
    k: float = 60.0
    spread: float = 2.0
    weights: Trust | None = None

    def __post_init__(self) -> None:
        checked(self.weights, "ReciprocalRank")
        _check_spread(self.spread, "ReciprocalRank")
        if not self.k >= 0:
            raise InputError(f"k of ReciprocalRank must not be negative, got {self.k}")

    def bound(self, names: Sequence[str]) -> ReciprocalRank:
        """The same with the weights in the order of these teachers."""
        return replace(self, weights=ordered(self.weights, names, "ReciprocalRank"))

    def taking(self, teachers: Sequence[int]) -> ReciprocalRank:
        """The same for these teachers only, in this order."""
        return replace(self, weights=taken(self.weights, teachers, "ReciprocalRank"))

    def __call__(self, signals: Any, context: Context) -> Target:
        """One ranking of all candidates that anybody lists, at temperature 1."""
        if not isinstance(signals, Scores):
            raise refusal(self.name, signals, "it counts places in rankings", "HardVote or Mean")
        place = places(signals.score, signals.listed)
        points = torch.where(signals.listed, 1.0 / (self.k + place.clamp_min(1.0)), 0.0)
        weights = expanded(self.weights, signals, "ReciprocalRank")
        return _joined(points, signals.listed.any(0), self.spread, weights, signals)


def _check_spread(spread: float, who: str) -> None:
    if not 0 < spread < float("inf"):
        raise InputError(f"the spread of {who} must be positive, got {spread}")


def _joined(points: Tensor, union: Tensor, spread: float, weights: Tensor, signals: Scores) -> Target:
    """The target of points [T, B, N], of which those of teachers that list nothing do not count."""
    answering = signals.listed.any(-1)
    mean = mixed(points, normalised(weights, answering))
    score = standardised(mean, union) * spread
    answer = Scores.of(score, signals.item[0], listed=union, valid=union.sum(-1) >= 2)
    return Target(answer, 1.0, answering.any(0) & answer.valid)
