"""Shapley values of teachers (Shapley 1953): each one's share of what all together gain.

Up to `EXACT` teachers all subsets are asked for; beyond, permutations are drawn in pairs of opposite order
(Castro et al. 2009; Mitchell et al. 2022), which gives unbiased values with a standard error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

from ..core import InputError

EXACT = 8
"""Most teachers for which all 2^T subsets are asked for."""
Value = Callable[[frozenset[int]], float]


@dataclass(frozen=True)
class Shapley:
    """One value per player.

    Attributes:
        values: in the players' order; they add up to the value of all minus the value of none.
        errors: standard errors; 0 where the values are exact.
        how: in words.
    """

    values: tuple[float, ...]
    errors: tuple[float, ...]
    how: str


def shapley(value: Value, players: int, *, pairs: int = 100, seed: int = 0, exact: int = EXACT) -> Shapley:
    """Shapley values of a game.

    Args:
        value: of a subset of 0..players-1, the empty one included.
        players: how many.
        pairs: permutations drawn beyond `exact` players, each with its reverse.
        seed: of the permutations.
        exact: most players for which all subsets are asked for.

    Raises:
        InputError: there is no player, or fewer than two pairs are drawn.
    """
    if players < 1 or pairs < 2:
        raise InputError(f"Shapley values need a player and at least two pairs, got {players} and {pairs}")
    if players <= exact:
        return _exactly(value, players)
    chance = np.random.default_rng(seed)
    drawn = np.empty((pairs, players))
    for number in range(pairs):
        order = chance.permutation(players)
        drawn[number] = (_marginals(value, order) + _marginals(value, order[::-1])) / 2
    errors = drawn.std(0, ddof=1) / pairs**0.5
    words = f"estimated from {2 * pairs} permutations"
    return Shapley(tuple(drawn.mean(0).tolist()), tuple(errors.tolist()), words)


def _exactly(value: Value, players: int) -> Shapley:
    known = {
        frozenset(members): value(frozenset(members))
        for size in range(players + 1)
        for members in combinations(range(players), size)
    }
    found = [0.0] * players
    for members, worth in known.items():
        for player in range(players):
            if player not in members:
                share = 1.0 / (players * comb(players - 1, len(members)))
                found[player] += share * (known[members | {player}] - worth)
    return Shapley(tuple(found), (0.0,) * players, f"exact, over {2**players} subsets")


def _marginals(value: Value, order: np.ndarray) -> np.ndarray:
    """What each player adds to those before it, by player."""
    found, members = np.empty(len(order)), frozenset[int]()
    before = value(members)
    for player in order.tolist():
        members |= {player}
        after = value(members)
        found[player] = after - before
        before = after
    return found
