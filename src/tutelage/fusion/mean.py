"""Mean of the teachers: equal trust in everyone who answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch

from ..core import INVARIANTS, Context, Weights
from ..ops.simplex import normalised


@dataclass(frozen=True)
class Mean:
    """Equal weights; with KL this is the mean of the teachers' probabilities. You et al. 2017."""

    name: ClassVar[str] = "mean"
    gives: ClassVar[Literal["weights", "target"]] = "weights"
    needs: ClassVar[frozenset[str]] = frozenset()
    invariants: ClassVar[frozenset[str]] = INVARIANTS
    source: ClassVar[str] = "you2017"

    def __call__(self, signals: Any, context: Context) -> Weights:
        """1 / number of valid teachers, per item."""
        valid = signals.valid
        return Weights(normalised(torch.ones(valid.shape), valid))
