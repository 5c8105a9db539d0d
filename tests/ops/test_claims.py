from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tutelage.ops.claims import Claims, Measurements, majority, shares, tally, weighted_mean, weighted_median

VOTES = torch.tensor([[0, 0, 1], [2, -1, -1], [-1, -1, -1], [1, 2, 1]])


def test_votes_become_flat_claims() -> None:
    claims = Claims.of_votes(VOTES, 3)
    assert (claims.facts, claims.sources, claims.values, len(claims.fact)) == (4, 3, 3, 7)
    assert tally(claims).tolist() == [[2, 1, 0], [0, 0, 1], [0, 0, 0], [0, 2, 1]]


def test_majority_gives_shares_and_a_fact_without_votes_the_prior() -> None:
    claims = Claims.of_votes(VOTES, 3)
    assert majority(claims)[0].tolist() == pytest.approx([2 / 3, 1 / 3, 0])
    assert majority(claims)[2].tolist() == pytest.approx([1 / 3] * 3)
    assert majority(claims, torch.tensor([0.5, 0.5, 0.0]))[2].tolist() == [0.5, 0.5, 0.0]


def test_weights_count() -> None:
    fact, source = torch.tensor([0, 0, 0]), torch.tensor([0, 1, 2])
    claims = Claims.of(fact, source, torch.tensor([0, 1, 1]), torch.tensor([3.0, 1.0, 1.0]))
    assert shares(tally(claims))[0].tolist() == pytest.approx([0.6, 0.4])


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.floats(-5, 5), st.sampled_from([0.0, 0.5, 1.0, 2.0])), min_size=1, max_size=12
    )
)
def test_weighted_mean_and_median_by_hand(rows: list[tuple[int, float, float]]) -> None:
    fact = torch.tensor([row[0] for row in rows])
    value, weight = (torch.tensor([row[i] for row in rows], dtype=torch.float64) for i in (1, 2))
    claims = Measurements.of(fact, torch.zeros_like(fact), value, weight, facts=5)
    mean, median = weighted_mean(claims), weighted_median(claims)
    for number in range(5):
        mine = sorted((v, w) for f, v, w in rows if f == number and w)
        if not mine:
            assert mean[number].isnan()
            assert median[number].isnan()
            continue
        values, weights = np.array(mine).T
        assert float(mean[number]) == pytest.approx(np.average(values, weights=weights), abs=1e-12)
        halves = np.repeat(values, (weights * 2).astype(int))
        assert float(median[number]) == pytest.approx(np.median(halves))


def test_mistakes_are_named() -> None:
    one = torch.tensor([0, 1])
    with pytest.raises(ValueError, match="value holds 0 to 1, allowed are 0 to 0"):
        Claims.of(one, one, one, values=1)
    with pytest.raises(ValueError, match="as many finite weights"):
        Claims.of(one, one, one, torch.tensor([1.0, -1.0]))
    with pytest.raises(ValueError, match="an absent claim is an abstention"):
        Measurements.of(one, one, torch.tensor([1.0, torch.nan]))


def test_no_claims_at_all() -> None:
    none = torch.zeros(0, dtype=torch.int64)
    assert majority(Claims.of(none, none, none, facts=2, sources=1, values=2)).tolist() == [[0.5, 0.5]] * 2
    assert weighted_median(Measurements.of(none, none, none.double(), facts=2, sources=1)).isnan().all()
