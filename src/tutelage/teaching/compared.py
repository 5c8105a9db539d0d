"""Where teachers differ, and how far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..ops.differences import pairwise


@dataclass(frozen=True)
class Differences:
    """Distances between every two of T teachers on B rows; 0 where one of the two abstains.

    Attributes:
        squared: squared Euclidean distance, float [T, T, B]; of probabilities, or of values.
        kl: KL(row teacher || column teacher) in nats, or None for values.
        js: Jensen-Shannon divergence in nats, or None for values.
        per_entry: mean squared difference per class, label, column or place among the candidates, float [T, T, C].
        both: where both teachers of a pair answer, bool [T, T, B].
    """

    squared: Tensor
    kl: Tensor | None
    js: Tensor | None
    per_entry: Tensor
    both: Tensor

    @property
    def score(self) -> Tensor:
        """Mean squared distance over the pairs that both answer, float [B]: how much a row divides the teachers."""
        return (self.squared * self.both).sum((0, 1)) / self.both.sum((0, 1)).clamp_min(1)


def differences(stacked: Any) -> Differences:
    """All distances of stacked, calibrated answers."""
    valid = stacked.valid
    kind = stacked.kind_of_space
    if kind == "classes":
        probs, known = stacked.probs(), stacked.coverage.unsqueeze(1).expand(-1, valid.shape[1], -1)
        answers = valid
    elif kind == "scores":
        probs, known, answers = stacked.probs(), stacked.common, valid
    elif kind == "labels":
        probs, known, answers = stacked.probs(), valid, valid.any(-1)
    else:
        probs, known, answers = stacked.mean, valid, valid.any(-1)
    both = answers.unsqueeze(0) & answers.unsqueeze(1)
    if kind in ("classes", "scores"):
        entries = pairwise(probs, "squared", known)
        kl, js = (pairwise(probs, measure, known).sum(-1) * both for measure in ("kl", "js"))
    elif kind == "labels":
        two = torch.stack([1 - probs, probs], dim=-1)
        shared = (known.unsqueeze(0) & known.unsqueeze(1)).to(probs.dtype)
        entries = pairwise(probs) * shared
        kl, js = ((pairwise(two, measure).sum(-1) * shared).sum(-1) for measure in ("kl", "js"))
    else:
        entries = pairwise(probs) * (known.unsqueeze(0) & known.unsqueeze(1))
        kl = js = None
    entries = entries * both.unsqueeze(-1)
    per_entry = entries.sum(2) / both.sum(-1, keepdim=True).clamp_min(1)
    return Differences(entries.sum(-1), kl, js, per_entry, both)
