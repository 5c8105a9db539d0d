"""Measures of quality, one number each, in float64."""

from __future__ import annotations

import torch
from torch import Tensor

from ..core.spaces import FLOOR


def confusion(truth: Tensor, guess: Tensor, classes: int) -> Tensor:
    """Counts int64 [C, C], rows truth, columns guess; guesses outside 0..C-1 fall in no column."""
    inside = (guess >= 0) & (guess < classes)
    flat = truth[inside] * classes + guess[inside]
    return torch.bincount(flat, minlength=classes * classes).view(classes, classes)


def macro(table: Tensor, support: Tensor | None = None) -> tuple[float, float, float]:
    """Macro precision, recall and F1 of a confusion matrix; 0/0 counts as 0 and every class counts.

    Args:
        table: int64 [C, C], rows truth.
        support: rows per true class; row sums unless given (rows without a guess count in neither).
    """
    hit = table.diagonal().double()
    guessed, true = table.sum(0).double(), (table.sum(1) if support is None else support).double()
    precision = hit / guessed.clamp_min(1)
    recall = hit / true.clamp_min(1)
    f1 = 2 * hit / (guessed + true).clamp_min(1)
    return float(precision.mean()), float(recall.mean()), float(f1.mean())


def cross_entropy(probs: Tensor, truth: Tensor) -> float:
    """Mean negative log-probability of the truth, floored at `FLOOR`."""
    chosen = probs.double().gather(-1, truth.unsqueeze(-1)).clamp_min(FLOOR)
    return float(-chosen.log().mean())


def calibration_error(probs: Tensor, truth: Tensor, bins: int = 15) -> float:
    """Expected calibration error of the top class over equal-width bins; Naeini et al. 2015."""
    confidence, guess = probs.double().max(-1)
    right = (guess == truth).double()
    edges = torch.linspace(0, 1, bins + 1, dtype=torch.float64)
    place = torch.bucketize(confidence, edges[1:-1])
    count = torch.bincount(place, minlength=bins).double()
    gap = torch.bincount(place, weights=confidence - right, minlength=bins).abs()
    return float(gap.sum() / count.sum())
