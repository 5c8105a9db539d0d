"""Votes weighed by how able each teacher is and how hard each row, found without labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..core import Context, InputError, Target
from ..ops.claims import Claims
from ..ops.glad import glad
from .ballots import ballots, choices_of, claims_of, elected, fitting, sayable

ROW_STEPS = 50
"""Steps to find how hard a row is: always as many, so that no row depends on its neighbours."""


@dataclass(frozen=True)
class GLAD:
    """Generative model of labels, abilities and difficulties, learned without labels; Whitehill et al. 2009.

    A teacher of ability a is right about a row of ease b > 0 with probability sigma(a b); errors are spread evenly
    over the other classes it knows. Fitting finds the abilities; the ease of a row is found from its own votes
    whenever it is asked about, so that a row on which the able disagree gets a softer target than `OneCoin` gives it.
    An ability below 0 is that of a teacher who errs on purpose, whose votes then count against what it says.
    Temperature 1; labels are a question each.

    Args:
        iterations: most steps of expectation-maximisation.
        abilities: what was fitted, one tuple per question, one number per teacher; leave it out and call `fit`.

    Raises:
        InputError: no step; (when fitted) no answer at all; (when called) not fitted, or fitted on other teachers;
            values or rankings.
    """

    name = "glad"
    gives = "target"
    needs = frozenset[str]()
    invariants = frozenset({"permutation", "absent"})
    unlabelled = True
    source = "whitehill2009"
    iterations: int = 100
    abilities: tuple[tuple[float, ...], ...] | None = None

    def __post_init__(self) -> None:
        if self.iterations < 1:
            raise InputError(f"glad takes at least one step, got iterations={self.iterations}")

    @property
    def fitted(self) -> bool:
        """Whether it knows its voters."""
        return self.abilities is not None

    def fit(self, signals: Any, target: Tensor, labelled: Tensor) -> GLAD:
        """The same, fitted on stacked answers [T, N, ...]; labels are not looked at."""
        size, known = choices_of(signals), sayable(signals)
        found = [
            glad(claims_of(votes, size, self.name), steps=self.iterations, known=known).ability
            for votes in ballots(signals, self.name)
        ]
        return replace(self, abilities=tuple(tuple(one.tolist()) for one in found))

    def bound(self, names: Sequence[str]) -> GLAD:
        """The same: abilities are in the order of the teachers it was fitted on."""
        return self

    def taking(self, teachers: Sequence[int]) -> GLAD:
        """The same for these teachers only, in this order."""
        if self.abilities is None:
            return self
        return replace(self, abilities=tuple(tuple(one[t] for t in teachers) for one in self.abilities))

    def __call__(self, signals: Any, context: Context) -> Target:
        """One answer about the B rows, at temperature 1."""
        votes, size, known = ballots(signals, self.name), choices_of(signals), sayable(signals)
        able: tuple[tuple[float, ...], ...] = fitting(
            self.abilities, votes, [len(one) for one in self.abilities or ()], self.name
        )
        found: list[Tensor] = []
        for one, own in zip(able, votes, strict=True):
            ability = torch.tensor(one, dtype=torch.float64)
            claims = Claims.of_votes(own.cpu(), size)
            found.append(glad(claims, steps=ROW_STEPS, tolerance=0.0, ability=ability, known=known).prob)
        return elected(torch.stack(found), signals)
