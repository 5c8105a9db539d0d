"""Places in a ranking."""

from __future__ import annotations

import torch
from torch import Tensor


def places(score: Tensor, listed: Tensor) -> Tensor:
    """Places from 1, float like `score`, the highest score first; equal scores share the mean of their places.

    Args:
        score: float [..., N].
        listed: bool [..., N]; the others have no place, 0.
    """
    shown = score.masked_fill(~listed, -torch.inf).contiguous()
    ordered = shown.sort(dim=-1).values
    below, upto = torch.searchsorted(ordered, shown), torch.searchsorted(ordered, shown, right=True)
    above, alike = shown.shape[-1] - upto, upto - below
    return (above + (alike + 1).to(score.dtype) / 2).masked_fill(~listed, 0.0)
