"""Fixed weights: trust per teacher, given by whoever knows the teachers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..core import INVARIANTS, Context, Weights
from ..ops.simplex import normalised
from .trust import Trust, checked, expanded, ordered, taken


@dataclass(frozen=True)
class Weighted:
    """Weights that never change: the weighted average of Perrone and Cooper 1993.

    Args:
        weights: one number per teacher, not negative, not all 0; in the order of the teachers or by
            name. They are scaled to sum to 1 over the teachers that answer; where only teachers of
            weight 0 answer, these count equally.

    Raises:
        InputError: a weight is negative, not finite, or all are 0.
    """

    name = "weighted"
    gives = "weights"
    needs = frozenset[str]()
    invariants = INVARIANTS
    blind = True
    source = "perrone1993"
    weights: Trust

    def __post_init__(self) -> None:
        checked(self.weights, "Weighted")

    def bound(self, names: Sequence[str]) -> Weighted:
        """The same with the weights in the order of these teachers."""
        return replace(self, weights=ordered(self.weights, names, "Weighted"))

    def taking(self, teachers: Sequence[int]) -> Weighted:
        """The same for these teachers only, in this order."""
        return replace(self, weights=taken(self.weights, teachers, "Weighted"))

    def __call__(self, signals: Any, context: Context) -> Weights:
        """The given weights over the valid teachers, per item."""
        return Weights(normalised(expanded(self.weights, signals, "Weighted"), signals.valid))
