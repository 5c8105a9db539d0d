"""Top-k: row by row, only the teachers that are surest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..core import INVARIANTS, Context, InputError, Labels, Values, Weights
from ..ops.simplex import normalised
from .answers import dtype_of, refusal


@dataclass(frozen=True)
class TopK:
    """The k surest teachers of a row, all alike; the rule of sparsely gated experts, Shazeer et al. 2017.

    A teacher's gate is its confidence: the probability of its best class (of the candidate it puts first, of the
    likelier answer to a label) at temperature 1; of values its precision. Teachers as sure as the k-th take part too.

    Args:
        k: how many; where fewer answer, all of these.

    Raises:
        InputError: k is below 1; (when called) values without scales.
    """

    name = "top_k"
    gives = "weights"
    needs = frozenset[str]()
    invariants = INVARIANTS
    source = "shazeer2017"
    k: int = 1

    def __post_init__(self) -> None:
        if self.k < 1:
            raise InputError(f"top_k keeps at least one teacher, got k={self.k}")

    def __call__(self, signals: Any, context: Context) -> Weights:
        """Weights [T, *items]."""
        valid = signals.valid
        return Weights(normalised(largest(sureness(signals, self.name), valid, self.k).to(dtype_of(signals)), valid))


def sureness(signals: Any, who: str) -> Tensor:
    """How sure each teacher is of each item, float [T, *items].

    Raises:
        InputError: values without scales.
    """
    if isinstance(signals, Values):
        if signals.scale is None:
            raise refusal(who, signals, "without scales nobody says how sure it is", "Elected or Performance")
        return -signals.scale
    probs = signals.probs()
    return torch.maximum(probs, 1 - probs) if isinstance(signals, Labels) else probs.amax(-1)


def largest(scores: Tensor, valid: Tensor, k: int) -> Tensor:
    """bool [T, *items]: valid teachers whose score is among the k largest of an item, or equal to the k-th."""
    heard = scores.masked_fill(~valid, -torch.inf)
    least = heard.topk(min(k, len(heard)), dim=0).values[-1:]
    return valid & (heard >= least)
