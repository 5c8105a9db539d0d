"""Order statistics of a column as a mergeable summary; see `sketch`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from ..core import InputError

EXACT = 1_000_000
"""So many values are kept before quantiles become approximate."""
BUFFER = 1 << 15
"""Values of one weight that an approximate quantile summary keeps, before half of them go."""


@final
@dataclass(frozen=True)
class Quantiles:
    """Order statistics of one column; NaN is left out.

    Attributes:
        levels: sorted values; one of level h stands for 2**h rows.
        count: rows with a value.
        error: the rank of an answer is off by at most so many rows.
    """

    levels: tuple[np.ndarray, ...]
    count: int
    error: int

    @staticmethod
    def of(values: np.ndarray) -> Quantiles:
        """From float64 [N]."""
        there = np.sort(values[~np.isnan(values)])
        return Quantiles((there,), len(there), 0)._cut()

    def merge(self, other: Quantiles) -> Quantiles:
        """The summary of both sets of rows."""
        one, two = self.levels, other.levels
        none = np.zeros(0)
        deep = max(len(one), len(two))
        pairs = [(one[h] if h < len(one) else none, two[h] if h < len(two) else none) for h in range(deep)]
        levels = tuple(np.sort(np.concatenate(pair), kind="stable") for pair in pairs)
        return Quantiles(levels, self.count + other.count, self.error + other.error)._cut()

    def at(self, shares: np.ndarray) -> np.ndarray:
        """Values below which these shares of the rows lie, float64; as `np.quantile` while `error` is 0.

        Raises:
            InputError: there is no value.
        """
        if not self.count:
            raise InputError(
                "there are no quantiles of a column without values: leave it out, or fill it with a constant"
            )
        if len(self.levels) == 1:
            return np.quantile(self.levels[0], shares)
        values = np.concatenate(self.levels)
        weight = np.concatenate([np.full(len(part), 1 << h) for h, part in enumerate(self.levels)])
        order = np.argsort(values, kind="stable")
        place = np.searchsorted(np.cumsum(weight[order]), np.asarray(shares) * (self.count - 1), side="right")
        return values[order][np.minimum(place, len(values) - 1)]

    def below(self, values: np.ndarray) -> np.ndarray:
        """The share of rows below each value, float64; off by at most `error` rows."""
        rows = sum(np.searchsorted(part, values, side="left") << h for h, part in enumerate(self.levels))
        return np.asarray(rows, dtype=np.float64) / max(self.count, 1)

    def _cut(self) -> Quantiles:
        if len(self.levels) == 1 and self.count <= EXACT:
            return self
        levels, error, h = list(self.levels), self.error, 0
        while h < len(levels):
            while len(levels[h]) > BUFFER:
                if h + 1 == len(levels):
                    levels.append(np.zeros(0))
                full = levels[h]
                even = len(full) - len(full) % 2
                first = (self.count >> h) & 1
                levels[h] = full[even:]
                levels[h + 1] = np.sort(np.concatenate([levels[h + 1], full[first:even:2]]), kind="stable")
                error += 1 << h
            h += 1
        return Quantiles(tuple(levels), self.count, error)
