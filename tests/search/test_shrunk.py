"""What candidates may be expected to gain, once their luck is taken off."""

from __future__ import annotations

import numpy as np
import pytest

from tutelage.search.shrunk import expected
from tutelage.train.choice import Tried


def tried(gain: float, error: float, loss: float = 0.0, loss_error: float = 0.0) -> Tried:
    return Tried("one", 0.1, 0.3, gain, error, loss, loss_error)


def test_differences_that_chance_explains_are_expected_to_be_none() -> None:
    assert [one.gain for one in expected([tried(0.01, 0.02), tried(-0.01, 0.02)])] == [0.0, 0.0]


def test_of_two_equal_gains_the_one_known_better_counts_for_more() -> None:
    sure, vague, _ = expected([tried(0.03, 0.005), tried(0.03, 0.02), tried(-0.05, 0.01)])
    assert sure.gain > vague.gain > 0
    assert sure.z > vague.z > 0


@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e4])
def test_units_of_a_measure_do_not_matter(unit: float) -> None:
    def of(scale: float) -> list[float]:
        pairs = [(0.03, 0.01), (-0.02, 0.01), (0.0, 0.005)]
        return [one.gain for one in expected([tried(scale * g, scale * e) for g, e in pairs])]

    assert of(unit) == pytest.approx(of(0.01))


def test_where_mistakes_say_nothing_losses_do_unless_they_hardly_differ() -> None:
    better, worse = expected([tried(0.0, 0.0, 0.2, 0.05), tried(0.0, 0.0, -0.1, 0.05)])
    assert better.gain > 0 > worse.gain
    assert [one.gain for one in expected([tried(0.0, 0.0, 0.002, 1e-4), tried(0.0, 0.0, -0.001, 1e-4)])] == [0.0, 0.0]


def test_nothing_tried_nothing_expected() -> None:
    assert expected([]) == ()


def test_taking_the_most_expected_loses_less_than_taking_the_luckiest_or_only_what_is_beyond_chance() -> None:
    """Twelve candidates that differ by about as much as a trial errs; half of the trials err three times as much."""
    chance = np.random.default_rng(0)
    lost = {"expected": 0.0, "luckiest": 0.0, "beyond chance": 0.0}
    for _ in range(2_000):
        error = np.where(np.arange(12) < 6, 0.01, 0.03)
        truth = chance.normal(0.0, 0.015, 12)
        seen = truth + chance.normal(0.0, 1.0, 12) * error
        hopes = expected([tried(float(g), float(e), float(g), float(e)) for g, e in zip(seen, error, strict=True)])
        best = max(0.0, float(truth.max()))
        by_hope = int(np.argmax([one.gain for one in hopes]))
        lost["expected"] += best - (truth[by_hope] if hopes[by_hope].gain > 0 else 0.0)
        by_luck = int(seen.argmax())
        lost["luckiest"] += best - (truth[by_luck] if seen[by_luck] > 0 else 0.0)
        lost["beyond chance"] += best - (truth[by_luck] if seen[by_luck] > 2.5 * error[by_luck] else 0.0)
    assert lost["expected"] < 0.9 * min(lost["luckiest"], lost["beyond chance"])
