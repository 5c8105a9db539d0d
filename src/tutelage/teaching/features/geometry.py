"""Lengths and angles whose gradients stay finite where something vanishes."""

from __future__ import annotations

import torch
from torch import Tensor

SHORTEST = 1e-12
"""Length below which a vector has no direction."""


def unit(vectors: Tensor) -> Tensor:
    """Vectors [..., D] at length 1; those without a direction become 0, with gradient 0."""
    squares = vectors.square().sum(-1, keepdim=True)
    some = squares > SHORTEST**2
    return vectors * torch.where(some, squares, 1.0).rsqrt().masked_fill(~some, 0.0)


def rows_of(features: Tensor) -> Tensor:
    """Features [B, ...] as one vector per row, [B, D]."""
    return features.flatten(1)
