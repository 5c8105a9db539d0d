"""Entropy: trust goes to the teachers that are sure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch

from ..core import INVARIANTS, Classes, Context, InputError, Scores, Values, Weights
from ..ops.simplex import entropy, masked_softmax, normalised
from .answers import refusal


@dataclass(frozen=True)
class Entropy:
    """Weights from each teacher's entropy H_k at temperature 1; Kwon et al. 2020.

    Being sure is not being right: calibrate the teachers first.

    Args:
        form: `paper`, w_k proportional to 1 - H_k / sum_j H_j over the teachers that answer (equal when all
            entropies are 0, and w = 1 for a single one); or `softmax`, w_k = softmax_k(-H / tau).
        tau: in nats; the softmax form tends to the surest teacher as tau tends to 0. The paper's form has
            no such number.

    Raises:
        InputError: an unknown form or a tau that is not positive; (when called) values.
    """

    name = "entropy"
    gives = "weights"
    needs = frozenset[str]()
    invariants = INVARIANTS
    source = "kwon2020"
    form: Literal["paper", "softmax"] = "paper"
    tau: float = 1.0

    def __post_init__(self) -> None:
        if self.form not in ("paper", "softmax"):
            raise InputError(f"entropy has the forms paper and softmax, got {self.form!r}")
        if not self.tau > 0:
            raise InputError(f"tau must be positive, got {self.tau}")

    def __call__(self, signals: Any, context: Context) -> Weights:
        """Weights [T, *items]."""
        if isinstance(signals, Values):
            raise refusal(self.name, signals, "their entropy depends on the unit", "Precision")
        valid = signals.valid
        if isinstance(signals, Classes | Scores):
            amount = entropy(signals.probs())
        else:
            amount = entropy(torch.stack([torch.sigmoid(signals.logits), torch.sigmoid(-signals.logits)], dim=-1))
        amount = torch.where(valid, amount, torch.zeros_like(amount))
        if self.form == "softmax":
            return Weights(masked_softmax(-amount / self.tau, valid))
        total = amount.sum(0, keepdim=True).clamp_min(torch.finfo(amount.dtype).tiny)
        return Weights(normalised(1.0 - amount / total, valid))
