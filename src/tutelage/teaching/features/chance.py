"""Chance that is a pure function of row, seed and step, so that it does not matter how rows are put into batches."""

from __future__ import annotations

import torch
from torch import Tensor

# Constants of the splitmix64 generator (Steele, Lea and Flood, 2014), as signed numbers.
GOLDEN, FIRST, SECOND = -7046029254386353131, -4658895280553007687, -7723592293110705685


def uniform(row: Tensor, *salt: int) -> Tensor:
    """float64 [B] in [0, 1): one number per row.

    Args:
        row: row numbers, int64 [B].
        salt: seed, step, or whatever else shall give other numbers.
    """
    mixed = _mixed(row)
    for one in salt:
        mixed = _mixed(mixed ^ (one + 1))
    return (mixed & ((1 << 52) - 1)).double() / float(1 << 52)


def _mixed(state: Tensor) -> Tensor:
    state = state + GOLDEN
    state = (state ^ _right(state, 30)) * FIRST
    state = (state ^ _right(state, 27)) * SECOND
    return state ^ _right(state, 31)


def _right(state: Tensor, by: int) -> Tensor:
    """Shifted to the right, with zeros coming in."""
    return torch.bitwise_right_shift(state, by) & ((1 << (64 - by)) - 1)
