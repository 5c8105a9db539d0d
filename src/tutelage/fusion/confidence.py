"""Confidence: on labelled rows, trust goes to the teachers that are right about the label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch

from ..core import INVARIANTS, Context, InputError, Values, Weights
from ..ops.simplex import masked_softmax, normalised
from .answers import refusal, truth


@dataclass(frozen=True)
class Confidence:
    """CA-MKD, the part on answers: weights from the cross-entropy with the label; Zhang et al. 2022.

    Per item, over the K teachers that can judge (they answer, and their coverage holds the label), with
    CE_k at temperature 1. Teachers that cannot judge get weight 0 there. On an item without a label, or
    whose label no answering teacher knows, all answering teachers get equal weights and the rule counts
    as not having acted.

    Args:
        form: `exact`, the paper's w_k = (1 - softmax_k(CE)) / (K - 1), and w = 1 for K = 1; or `softmax`,
            w_k = softmax_k(-CE), which many re-implementations use. They agree for K = 2 only: the paper's
            weights never exceed 1 / (K - 1).

    Raises:
        InputError: an unknown form; (when called) values, or a context without labels.
    """

    name = "confidence"
    gives = "weights"
    needs = frozenset({"labels"})
    invariants = INVARIANTS
    source = "zhang2022"
    form: Literal["exact", "softmax"] = "exact"

    def __post_init__(self) -> None:
        if self.form not in ("exact", "softmax"):
            raise InputError(f"confidence has the forms exact and softmax, got {self.form!r}")

    def __call__(self, signals: Any, context: Context) -> Weights:
        """Weights [T, *items]."""
        if isinstance(signals, Values):
            raise refusal(
                self.name,
                signals,
                "they have no cross-entropy",
                "Precision, or Performance(reward='inv_mse')",
            )
        logs, judges = truth(signals, context.target, context.labelled, self.name)
        if self.form == "softmax":
            weights = masked_softmax(logs, judges)
        else:
            count = judges.sum(0, keepdim=True)
            rest = (1.0 - masked_softmax(-logs, judges)) / (count - 1).clamp_min(1)
            weights = torch.where(count > 1, rest, torch.ones_like(rest)) * judges
        return Weights(normalised(weights, signals.valid), judges.any(0))
