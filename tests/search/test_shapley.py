"""Shapley values: the axioms on games whose answer is known, and the sampled values against the exact ones."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from tutelage.core import InputError
from tutelage.search import shapley

WEIGHTS = (3.0, 1.0, 2.0, 0.0)


def squared(members: frozenset[int]) -> float:
    """A game that is more than the sum of its parts; player 3 is a dummy."""
    return sum(WEIGHTS[i] for i in members) ** 2


def test_exact_values_are_the_mean_over_all_orders() -> None:
    found = shapley(squared, 4)
    by_hand = np.zeros(4)
    for order in permutations(range(4)):
        for place, player in enumerate(order):
            before = frozenset(order[:place])
            by_hand[player] += squared(before | {player}) - squared(before)
    np.testing.assert_allclose(found.values, by_hand / 24, atol=1e-12)
    assert found.how == "exact, over 16 subsets"
    assert found.errors == (0.0,) * 4


def test_efficiency_dummy_and_symmetry() -> None:
    found = shapley(squared, 4)
    assert sum(found.values) == pytest.approx(squared(frozenset(range(4))) - squared(frozenset()))
    assert found.values[3] == 0.0
    majority = shapley(lambda members: float(len(members) >= 3), 5)
    np.testing.assert_allclose(majority.values, np.full(5, 0.2), atol=1e-12)


def test_sampled_values_are_efficient_and_within_their_errors_of_the_exact_ones() -> None:
    chance = np.random.default_rng(3)
    worth = {frozenset(np.flatnonzero([n >> i & 1 for i in range(10)]).tolist()): chance.normal() for n in range(1024)}
    exact = shapley(worth.__getitem__, 10, exact=10)
    found = shapley(worth.__getitem__, 10, pairs=400)
    assert found.how == "estimated from 800 permutations"
    assert sum(found.values) == pytest.approx(worth[frozenset(range(10))] - worth[frozenset()])
    apart = np.abs(np.subtract(found.values, exact.values)) / np.array(found.errors)
    assert apart.max() < 4
    assert 0 < max(found.errors) < 0.2


def test_opposite_orders_make_a_game_of_pairs_exact() -> None:
    """In a game of singles and pairs a pair of opposite orders gives every player its exact value."""
    chance = np.random.default_rng(0)
    pairs = chance.normal(size=(9, 9))

    def value(members: frozenset[int]) -> float:
        return float(sum(pairs[i, j] for i in members for j in members))

    found = shapley(value, 9, pairs=2)
    np.testing.assert_allclose(found.values, shapley(value, 9, exact=9).values, atol=1e-9)


def test_nobody_has_no_values() -> None:
    with pytest.raises(InputError, match="need a player"):
        shapley(squared, 0)
