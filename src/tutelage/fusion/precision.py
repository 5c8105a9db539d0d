"""Precision: trust in numbers, by the scale each teacher gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from ..core import INVARIANTS, Context, Values, Weights
from ..ops.simplex import normalised
from .answers import refusal


@dataclass(frozen=True)
class Precision:
    """Weights w_k proportional to 1 / sigma_k^2, per row and column; scales as in Nix and Weigend 1994.

    The weighted mean is then the best estimate from independent teachers with these errors.

    Raises:
        InputError: (when called) classes or labels, or a teacher without scale.
    """

    name = "precision"
    gives = "weights"
    needs = frozenset[str]()
    invariants = INVARIANTS
    source = "nix1994"

    def __call__(self, signals: Any, context: Context) -> Weights:
        """Weights [T, B, D]."""
        if not isinstance(signals, Values):
            raise refusal(self.name, signals, "they have no scale", "Entropy or Confidence")
        scale = signals.variance("fusion 'precision'").sqrt().masked_fill(~signals.valid, torch.inf)
        least = scale.amin(0, keepdim=True)
        return Weights(normalised(torch.where(scale == least, 1.0, least / scale).square(), signals.valid))
