"""Votes: each teacher stands behind its answer, and the answers are counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor

from ..core import INVARIANTS, Classes, Context, InputError, Scores, Target, Values
from ..core.spaces.classes import cover
from ..ops.mixing import among
from .answers import knowing, of_classes, of_labels, of_scores, refusal
from .trust import Trust, checked, expanded, ordered, taken

NEAR = 1e-6
"""Shares of votes that differ by less than this are tied."""

Form = Literal["shares", "winner", "lowest"]


@dataclass(frozen=True)
class HardVote:
    """Each teacher votes for its best class; Lam and Suen 1997.

    A class's share is the part of the teachers that know it and voted for it, and the shares are scaled
    to sum to 1: a teacher that does not know a class says nothing against it. A teacher that is torn
    between classes votes for the lowest index. The target has temperature 1. Labels: each teacher votes
    yes or no on each label.

    Args:
        form: what the target is. `shares`: the shares of the votes. `winner`: all mass on the class with
            the most votes, tied classes share it. `lowest`: the same, but of tied classes the one with the
            lowest index gets all ("no", for labels).
        weights: strength of each teacher's vote, in the order of the teachers or by name; equal unless given.

    Raises:
        InputError: an unknown form or bad weights; (when called) values.
    """

    name = "hard_vote"
    gives = "target"
    needs = frozenset[str]()
    invariants = frozenset({"permutation", "absent"})
    source = "lam1997"
    form: Form = "shares"
    weights: Trust | None = None

    def __post_init__(self) -> None:
        checked(self.weights, "HardVote")
        if self.form not in ("shares", "winner", "lowest"):
            raise InputError(f"a hard vote's form is shares, winner or lowest, got {self.form!r}")

    def bound(self, names: Sequence[str]) -> HardVote:
        """The same with the weights in the order of these teachers."""
        return replace(self, weights=ordered(self.weights, names, "HardVote"))

    def taking(self, teachers: Sequence[int]) -> HardVote:
        """The same for these teachers only, in this order."""
        return replace(self, weights=taken(self.weights, teachers, "HardVote"))

    def __call__(self, signals: Any, context: Context) -> Target:
        """One answer about the B rows, at temperature 1."""
        if isinstance(signals, Values):
            raise refusal(self.name, signals, "numbers cannot be counted", "Median")
        if isinstance(signals, Scores):
            raise refusal(self.name, signals, "a ranking is more than its first place", "Borda or ReciprocalRank")
        weights = expanded(self.weights, signals, "HardVote")
        if isinstance(signals, Classes):
            best = signals.scores.masked_fill(~cover(signals.coverage), -torch.inf).argmax(-1)
            ballots = torch.nn.functional.one_hot(best, signals.scores.shape[-1]).to(weights.dtype)
            mass = among(ballots, knowing(signals), weights.unsqueeze(-1))
            return Target(of_classes(self._decided(mass), signals), 1.0)
        yes = among((signals.logits > 0).to(weights.dtype), signals.valid, weights)
        pair = self._decided(torch.stack([1.0 - yes, yes], dim=-1))
        return Target(of_labels(pair[..., 1], pair[..., 0], signals), 1.0)

    def _decided(self, mass: Tensor) -> Tensor:
        """What the form makes of the shares [..., C]."""
        if self.form == "shares":
            return mass
        tied = mass > mass.amax(-1, keepdim=True) - NEAR
        if self.form == "lowest":
            tied = torch.nn.functional.one_hot(tied.int().argmax(-1), mass.shape[-1])
        return tied.to(mass.dtype)


@dataclass(frozen=True)
class SoftVote:
    """Each teacher votes with its probabilities: the sum rule of Kittler et al. 1998.

    A class gets the mean probability among the teachers that know it, and the means are scaled to sum to
    1. Where all teachers know the same classes this is the mean, as one target. It is formed at the
    temperature of the asking term; ties cannot arise.

    Args:
        weights: strength of each teacher's vote, in the order of the teachers or by name; equal unless given.

    Raises:
        InputError: bad weights; (when called) values.
    """

    name = "soft_vote"
    gives = "target"
    needs = frozenset[str]()
    invariants = INVARIANTS - {"convex"}
    source = "kittler1998"
    weights: Trust | None = None

    def __post_init__(self) -> None:
        checked(self.weights, "SoftVote")

    def bound(self, names: Sequence[str]) -> SoftVote:
        """The same with the weights in the order of these teachers."""
        return replace(self, weights=ordered(self.weights, names, "SoftVote"))

    def taking(self, teachers: Sequence[int]) -> SoftVote:
        """The same for these teachers only, in this order."""
        return replace(self, weights=taken(self.weights, teachers, "SoftVote"))

    def __call__(self, signals: Any, context: Context) -> Target:
        """One answer about the B rows, formed at `context.temperature`."""
        if isinstance(signals, Values):
            raise refusal(self.name, signals, "numbers are not voted on", "Mean or Median")
        weights = expanded(self.weights, signals, "SoftVote")
        at = context.temperature
        if isinstance(signals, Classes):
            mass = among(signals.probs(at), knowing(signals), weights.unsqueeze(-1))
            return Target(of_classes(mass, signals), at)
        if isinstance(signals, Scores):
            return Target(of_scores(among(signals.probs(at), signals.common, weights.unsqueeze(-1)), signals), at)
        logits = signals.logits / at
        yes, no = (among(torch.sigmoid(sign * logits), signals.valid, weights) for sign in (1, -1))
        return Target(of_labels(yes, no, signals), at)
