"""Are attributions worth anything? Deletion and insertion curves against random orders, and how alike rankings are.

Deletion (Petsiuk et al. 2018): the groups of a row are taken from another row one after another, the
most important first; the faster the score of the decision falls, the better. Insertion is the way back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..report import bootstrap
from .attributions import Asked, decided, spoken
from .groups import mixed


@dataclass(frozen=True)
class Faith:
    """How faithful an attribution is.

    Attributes:
        deletion: mean area over the deletion curve's fall against random orders, [low, high] (95 %, over rows);
            positive where the attribution is better than chance.
        insertion: the same of the insertion curve.
    """

    deletion: tuple[float, float, float]
    insertion: tuple[float, float, float]

    @property
    def better(self) -> bool:
        """Whether both are better than chance beyond chance."""
        return self.deletion[1] > 0 and self.insertion[1] > 0


def faith_of(
    asked: Asked,
    ask: Callable[[dict[str, np.ndarray]], Any],
    attribution: np.ndarray,
    *,
    orders: int = 5,
    seed: int = 0,
) -> Faith:
    """Deletion and insertion of an attribution [B, G] against the mean of random orders, row by row."""
    chance = np.random.default_rng((seed, 7))
    best = np.argsort(-attribution, axis=1, kind="stable")
    drawn = [chance.permuted(best, axis=1) for _ in range(orders)]
    fall, rise = areas(asked, ask, best, seed)
    falls, rises = zip(*(areas(asked, ask, order, seed) for order in drawn), strict=True)
    deleted, inserted = np.mean(falls, axis=0) - fall, rise - np.mean(rises, axis=0)
    return Faith(
        (float(deleted.mean()), *bootstrap(deleted)),
        (float(inserted.mean()), *bootstrap(inserted)),
    )


def areas(
    asked: Asked, ask: Callable[[dict[str, np.ndarray]], Any], order: np.ndarray, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Areas under the deletion and the insertion curve of each row's decision, [B] each.

    Args:
        asked: rows and groups.
        ask: whoever answers about raw columns.
        order: groups of each row, the first to go first, [B, G].
        seed: of the rows that others' groups come from.
    """
    columns, count = asked.columns(), order.shape[1]
    source = np.random.default_rng((seed, 11)).permutation(len(asked.row))
    source = np.where(source == np.arange(len(source)), np.roll(source, 1), source)
    place = decided(ask(columns))
    rank = np.argsort(order, axis=1)

    def area(chosen: Callable[[int], np.ndarray]) -> np.ndarray:
        curve = [spoken(ask(mixed(columns, asked.groups, chosen(size), source)), place) for size in range(count + 1)]
        return np.trapezoid(np.stack([value.double().numpy() for value in curve]), dx=1 / count, axis=0)

    return area(lambda size: rank < size), area(lambda size: rank >= size)


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's correlation of two attributions, [G], or its mean over rows, [B, G]; NaN where nothing varies."""
    if one.ndim == 2:
        found = np.array([rank_correlation(a, b) for a, b in zip(one, other, strict=True)])
        return float(np.nanmean(found)) if np.isfinite(found).any() else float("nan")
    first, second = _ranks(one), _ranks(other)
    if len(first) < 2 or first.std() == 0 or second.std() == 0:
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 0, ties at their mean."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return ((ends - counts + ends - 1) / 2)[inverse]
