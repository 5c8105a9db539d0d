"""Votes weighed by how often each teacher is right, found without labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..core import Context, InputError, Target
from ..ops.claims import Claims, evenly
from ..ops.dawid_skene import FLOOR, one_coin
from .ballots import ballots, choices_of, claims_of, elected, fitting, sayable


@dataclass(frozen=True)
class Coins:
    """What is known of the teachers on one question.

    Args:
        prior: probability of each answer, [V].
        skill: how often each teacher is right, [T].
    """

    prior: tuple[float, ...]
    skill: tuple[float, ...]


@dataclass(frozen=True)
class OneCoin:
    """One accuracy per teacher, learned without labels by expectation-maximisation; after Dawid and Skene 1979.

    As `DawidSkene`, but a teacher that is wrong says any other class that it knows with the same probability. One
    number per teacher needs few rows, and the weight of a vote is the log-odds of its voter. Where the truth is a
    class that a teacher does not know, its vote says nothing. Labels: a question, and so an accuracy, per label.

    Args:
        iterations: most steps of expectation-maximisation; the last one is taken when a row is asked about.
        smoothing: pseudo-votes per teacher, four fifths of them right.
        coins: what was fitted, one entry per question; leave it out and call `fit`.

    Raises:
        InputError: no step, a negative smoothing; (when fitted) no answer at all; (when called) not fitted, or fitted
            on other teachers; values or rankings.
    """

    name = "one_coin"
    gives = "target"
    needs = frozenset[str]()
    invariants = frozenset({"permutation", "absent"})
    unlabelled = True
    source = "dawid1979"
    iterations: int = 100
    smoothing: float = 1.0
    coins: tuple[Coins, ...] | None = None

    def __post_init__(self) -> None:
        if self.iterations < 1 or not self.smoothing >= 0:
            raise InputError(
                f"one_coin takes at least one step and no negative smoothing, got iterations={self.iterations} and "
                f"smoothing={self.smoothing}"
            )

    @property
    def fitted(self) -> bool:
        """Whether it knows its voters."""
        return self.coins is not None

    def fit(self, signals: Any, target: Tensor, labelled: Tensor) -> OneCoin:
        """The same, fitted on stacked answers [T, N, ...]; labels are not looked at."""
        found: list[Coins] = []
        for votes in ballots(signals, self.name):
            claims = claims_of(votes, choices_of(signals), self.name)
            known = sayable(signals)
            learnt = one_coin(claims, steps=self.iterations - 1, smoothing=self.smoothing, known=known)
            skill = learnt.error.diagonal(dim1=1, dim2=2).amax(-1)
            found.append(Coins(tuple(learnt.prior.tolist()), tuple(skill.tolist())))
        return replace(self, coins=tuple(found))

    def bound(self, names: Sequence[str]) -> OneCoin:
        """The same: accuracies are in the order of the teachers it was fitted on."""
        return self

    def taking(self, teachers: Sequence[int]) -> OneCoin:
        """The same for these teachers only, in this order."""
        if self.coins is None:
            return self
        return replace(self, coins=tuple(replace(c, skill=tuple(c.skill[t] for t in teachers)) for c in self.coins))

    def __call__(self, signals: Any, context: Context) -> Target:
        """One answer about the B rows, at temperature 1."""
        votes, known = ballots(signals, self.name), sayable(signals)
        coins: tuple[Coins, ...] = fitting(self.coins, votes, [len(c.skill) for c in self.coins or ()], self.name)
        found: list[Tensor] = []
        for one, own in zip(coins, votes, strict=True):
            claims = Claims.of_votes(own.cpu(), choices_of(signals))
            skill = torch.tensor(one.skill, dtype=torch.float64)[claims.source]
            logs = evenly(claims, skill.clamp_min(FLOOR).log(), (1 - skill).clamp_min(FLOOR).log(), known)
            found.append(torch.softmax(logs + torch.tensor(one.prior, dtype=torch.float64).clamp_min(FLOOR).log(), -1))
        return elected(torch.stack(found), signals)
