"""Numbers that look random and depend on nothing but what they are made from (Steele, Lea and Flood, 2014)."""

from __future__ import annotations

import numpy as np


def golden(times: int = 1) -> np.uint64:
    """A multiple of the golden ratio, modulo 2^64: how far apart states are."""
    return np.uint64(0x9E3779B97F4A7C15 * times % (1 << 64))


def mixed(state: np.ndarray) -> np.ndarray:
    """The finaliser of splitmix64, uint64 to uint64: every bit of the result depends on every bit given."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
