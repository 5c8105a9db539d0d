"""Densely guided: all bigger models teach, and some of them are left out of each step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..core import INVARIANTS, Context, InputError, Weights
from ..ops.simplex import normalised
from .answers import dtype_of
from .drop import told_apart


@dataclass(frozen=True)
class DenselyGuided:
    """Equal trust in a teacher and its assistants, each left out of a step with a probability; Son et al. 2021.

    Per batch every teacher is kept with probability 1 - `drop`, all rows alike; when nobody would be kept, one is.
    Where those that are kept are silent, all others that answer count alike, and the rule has not acted. Teachers are
    told apart by what they say, so that their order does not matter; those that say the same are left out together.
    Chance comes from `Distillation.generator`, else from torch's own, which `fit` seeds.

    Args:
        drop: probability in [0, 1); 0 is the plain mean.

    Raises:
        InputError: a probability outside [0, 1).
    """

    name = "densely_guided"
    gives = "weights"
    needs = frozenset({"random", "batch"})
    invariants = INVARIANTS
    source = "son2021"
    drop: float = 0.25

    def __post_init__(self) -> None:
        if not 0.0 <= self.drop < 1.0:
            raise InputError(f"densely_guided leaves teachers out with a probability in [0, 1), got {self.drop}")

    def __call__(self, signals: Any, context: Context) -> Weights:
        """Weights [T, *items]."""
        valid: Tensor = signals.valid
        speaks, place = told_apart(signals)
        chance = torch.rand(len(valid), generator=context.generator, dtype=torch.float64).to(valid.device)[place]
        most = chance.masked_fill(~speaks, -1.0).max()
        kept = ((chance >= self.drop) | (chance == most)) & speaks
        wide = kept.view(-1, *[1] * (valid.dim() - 1)) & valid
        return Weights(normalised(wide.to(dtype_of(signals)), valid), wide.any(0))
