"""Votes weighed by what each teacher tends to mistake for what, found without labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..core import Context, InputError, Target
from ..ops.dawid_skene import FLOOR, dawid_skene
from .ballots import Table, ballots, choices_of, claims_of, elected, fitting, sayable

MOST_CLASSES = 256
"""Above this the confusion matrices are larger than the answers they are learned from."""


@dataclass(frozen=True)
class Voters:
    """What is known of the teachers on one question.

    Args:
        prior: probability of each answer, [V].
        error: probability that a teacher says (second index) when the truth is (third), [T][V][V].
    """

    prior: tuple[float, ...]
    error: tuple[Table, ...]

    def prob(self, votes: Tensor) -> Tensor:
        """Probabilities of the answers, float64 [B, V], given votes [B, T]."""
        table = torch.tensor(self.error, dtype=torch.float64, device=votes.device).clamp_min(FLOOR).log()
        teacher = torch.arange(votes.shape[1], device=votes.device)
        said = table[teacher, votes.clamp_min(0)].masked_fill((votes < 0).unsqueeze(-1), 0.0)
        prior = torch.tensor(self.prior, dtype=torch.float64, device=votes.device).clamp_min(FLOOR)
        return torch.softmax(said.sum(1) + prior.log(), dim=-1)

    def taking(self, teachers: Sequence[int]) -> Voters:
        """The same for these teachers only, in this order."""
        return replace(self, error=tuple(self.error[t] for t in teachers))


@dataclass(frozen=True)
class DawidSkene:
    """One confusion matrix per teacher, learned without labels by expectation-maximisation; Dawid and Skene 1979.

    Each teacher votes for its best class. The truth is a hidden class per row, the votes of a row are independent given
    it, and both are found together from how often teachers agree. A teacher that always mixes up two classes is then
    worth as much as one that does not, and what it cannot say (classes off its coverage) is no evidence. A row's target
    is the probability of each class given its votes, at temperature 1. Labels: a question per label.

    The model has C² numbers per teacher and overfits with more steps, so that it is stopped early. Two teachers do not
    identify it; the result is then close to the shares of the votes.

    Args:
        iterations: most steps of expectation-maximisation; the last one is taken when a row is asked about.
        smoothing: pseudo-votes per teacher and class, four fifths of them right.
        voters: what was fitted, one entry per question; leave it out and call `fit`.

    Raises:
        InputError: no step, a negative smoothing; (when fitted) no answer at all, or more than 256 classes; (when
            called) not fitted, or fitted on other teachers; values or rankings.
    """

    name = "dawid_skene"
    gives = "target"
    needs = frozenset[str]()
    invariants = frozenset({"permutation", "absent"})
    unlabelled = True
    source = "dawid1979"
    iterations: int = 10
    smoothing: float = 1.0
    voters: tuple[Voters, ...] | None = None

    def __post_init__(self) -> None:
        if self.iterations < 1 or not self.smoothing >= 0:
            raise InputError(
                f"dawid_skene takes at least one step and no negative smoothing, got iterations={self.iterations} and "
                f"smoothing={self.smoothing}"
            )

    @property
    def fitted(self) -> bool:
        """Whether it knows its voters."""
        return self.voters is not None

    def fit(self, signals: Any, target: Tensor, labelled: Tensor) -> DawidSkene:
        """The same, fitted on stacked answers [T, N, ...]; labels are not looked at."""
        size, found = choices_of(signals), list[Voters]()
        if size > MOST_CLASSES:
            raise InputError(f"dawid_skene learns {size}² numbers per teacher for {size} classes: use OneCoin")
        for votes in ballots(signals, self.name):
            claims = claims_of(votes, size, self.name)
            known = sayable(signals)
            learnt = dawid_skene(claims, steps=self.iterations - 1, smoothing=self.smoothing, known=known)
            errors = tuple(tuple(tuple(row) for row in table) for table in learnt.error.tolist())
            found.append(Voters(tuple(learnt.prior.tolist()), errors))
        return replace(self, voters=tuple(found))

    def bound(self, names: Sequence[str]) -> DawidSkene:
        """The same: voters are in the order of the teachers it was fitted on."""
        return self

    def taking(self, teachers: Sequence[int]) -> DawidSkene:
        """The same for these teachers only, in this order."""
        return self if self.voters is None else replace(self, voters=tuple(v.taking(teachers) for v in self.voters))

    def __call__(self, signals: Any, context: Context) -> Target:
        """One answer about the B rows, at temperature 1."""
        votes = ballots(signals, self.name)
        voters: tuple[Voters, ...] = fitting(self.voters, votes, [len(v.error) for v in self.voters or ()], self.name)
        return elected(torch.stack([one.prob(own) for one, own in zip(voters, votes, strict=True)]), signals)
