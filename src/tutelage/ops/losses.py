"""Pure pieces of losses: rows brought to a common scale, and constants on the right device."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

TINY_SPREAD = 1e-7
"""Added to a standard deviation before it divides; Sun et al. 2024."""

TINY_NORM = 1e-7
"""Rows whose norm is not above this have no direction; above the rounding of float32 probabilities."""


def centred(values: Tensor, known: Tensor) -> Tensor:
    """Values [..., C] minus their mean over the known classes; 0 elsewhere."""
    count = known.sum(-1, keepdim=True).clamp_min(1)
    mean = values.masked_fill(~known, 0.0).sum(-1, keepdim=True) / count
    return (values - mean).masked_fill(~known, 0.0)


def unit(values: Tensor) -> Tensor:
    """Rows [..., C] scaled to length 1; a row that is all but 0 stays as it is, with an ordinary gradient."""
    square = values.square().sum(-1, keepdim=True)
    directed = square > TINY_NORM**2
    return values / torch.where(directed, square, 1.0).sqrt()


def standardised(values: Tensor, known: Tensor) -> Tensor:
    """Rows [..., C] with mean 0 and unbiased standard deviation 1 over the known classes; 0 elsewhere.

    A row without spread is only centred: it becomes 0, with an ordinary gradient.
    """
    away = centred(values, known)
    freedom = (known.sum(-1, keepdim=True) - 1).clamp_min(1)
    variance = away.square().sum(-1, keepdim=True) / freedom
    varied = variance > TINY_SPREAD**2
    return away / torch.where(varied, torch.where(varied, variance, 1.0).sqrt() + TINY_SPREAD, 1.0)


def constants(values: tuple[float, ...], like: Tensor) -> Tensor:
    """These numbers as a tensor of the dtype and on the device of another; made once."""
    return _constants(values, like.dtype, like.device)


@lru_cache(maxsize=256)
def _constants(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    with torch.inference_mode(False):
        return torch.tensor(values, dtype=dtype, device=device)
