"""Weights and distributions: points of a simplex, with absent entries."""

from __future__ import annotations

import torch
from torch import Tensor


def normalised(weights: Tensor, valid: Tensor) -> Tensor:
    """Weights [T, *] scaled to sum to 1 over the valid teachers; equal where all weights vanish.

    Args:
        weights: float [T, *items], not negative.
        valid: bool [T, *items].

    Returns:
        float [T, *items]; all 0 where no teacher is valid.
    """
    kept = torch.nan_to_num(weights, nan=0.0, posinf=0.0).clamp_min(0.0) * valid
    total = kept.sum(0, keepdim=True)
    tiny = torch.finfo(kept.dtype).tiny
    return torch.where(total > tiny, kept / total.clamp_min(tiny), equal(valid, kept.dtype))


def equal(valid: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """The same weight for every valid teacher [T, *items]; all 0 where no teacher is valid."""
    return valid.to(dtype) / valid.sum(0, keepdim=True).clamp_min(1)


def masked_softmax(scores: Tensor, valid: Tensor) -> Tensor:
    """Softmax over the teacher axis [T, *items]; absent teachers get 0, all absent gives 0.

    Equal where every valid score is minus infinity.
    """
    filled = scores.masked_fill(~valid, -torch.inf)
    top = filled.amax(0, keepdim=True)
    return normalised((filled - torch.where(torch.isfinite(top), top, torch.zeros_like(top))).exp(), valid)


def entropy(probs: Tensor) -> Tensor:
    """Shannon entropy in nats over the last axis; 0 log 0 is 0."""
    return -(probs * positive(probs).log()).sum(-1)


def positive(probs: Tensor) -> Tensor:
    """Probabilities [..., C] made strictly positive: at least the smallest normal number."""
    return probs.clamp_min(torch.finfo(probs.dtype).tiny)
