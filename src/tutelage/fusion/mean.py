"""Mean of the teachers: equal trust in everyone who answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..core import INVARIANTS, Context, Weights
from ..ops.simplex import equal
from .answers import dtype_of


@dataclass(frozen=True)
class Mean:
    """Equal weights; with KL this is the mean of the teachers' probabilities. You et al. 2017."""

    name = "mean"
    gives = "weights"
    needs = frozenset[str]()
    invariants = INVARIANTS
    blind = True
    source = "you2017"

    def __call__(self, signals: Any, context: Context) -> Weights:
        """1 / number of valid teachers, per item."""
        return Weights(equal(signals.valid, dtype_of(signals)))
