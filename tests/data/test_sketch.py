"""Summaries: any partition of the rows gives the same, exactly or within the bound they state."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tutelage.core import InputError
from tutelage.data import quantiles, sketch
from tutelage.data.sketch import CoMoments, Counts, Extremes, Moments, Pool, Quantiles, Sums, merged
from tutelage.data.state import pack, unpack

VALUES = st.lists(
    st.one_of(st.floats(-1e6, 1e6), st.just(float("nan"))).map(lambda x: [x, -2 * x + 1]), min_size=1, max_size=60
)
CUTS = st.lists(st.integers(0, 60), max_size=5)
ORDER = st.randoms(use_true_random=False)


def parts(values: np.ndarray, cuts: list[int], chance: Any) -> list[np.ndarray]:
    """The rows cut anywhere (empty parts too), in any order."""
    found = np.split(values, sorted(min(cut, len(values)) for cut in cuts))
    chance.shuffle(found)
    return found


def same(one: Any, other: Any) -> None:
    for name, part in sketch.summary_state(one).items():
        twin = sketch.summary_state(other)[name]
        if isinstance(part, np.ndarray | float):
            assert np.allclose(part, twin, rtol=1e-9, atol=1e-9 * (1 + np.abs(np.asarray(part, dtype=float)).max()))
        elif isinstance(part, list) and name == "groups":
            pairs = zip(sorted(part, key=str), sorted(twin, key=str), strict=True)
            assert all(one[0] == two[0] and np.allclose(one[1], two[1]) for one, two in pairs)
        elif isinstance(part, list) and name == "levels":
            assert all(np.array_equal(a, b) for a, b in zip(part, twin, strict=True))
        else:
            assert (sorted(part, key=str) if isinstance(part, list) else part) == (
                sorted(twin, key=str) if isinstance(twin, list) else twin
            )


@given(VALUES, CUTS, ORDER)
def test_any_partition_of_numbers_gives_the_same(values: list[list[float]], cuts: list[int], chance: Any) -> None:
    table = np.array(values)
    pieces = parts(table, cuts, chance)
    same(merged(Moments.of(piece) for piece in pieces), Moments.of(table))
    same(merged(CoMoments.of(piece) for piece in pieces), CoMoments.of(table))
    exact = merged(Extremes.of(piece) for piece in pieces)
    assert np.array_equal(exact.low, Extremes.of(table).low)
    assert np.array_equal(exact.high, Extremes.of(table).high)
    same(merged(Quantiles.of(piece[:, 0]) for piece in pieces), Quantiles.of(table[:, 0]))


@given(VALUES, CUTS, ORDER)
def test_any_partition_gives_the_same_sums(values: list[list[float]], cuts: list[int], chance: Any) -> None:
    numbers = np.nan_to_num(np.array(values)[:, 0])
    words, fold = np.array(["a", "b", None], dtype=object)[np.arange(len(numbers)) % 3], np.arange(len(numbers)) % 4
    pieces = parts(np.arange(len(numbers)), cuts, chance)
    found = merged(Sums.of(words[piece].tolist(), numbers[piece], fold[piece], 4) for piece in pieces)
    whole = Sums.of(words.tolist(), numbers, fold, 4)
    assert found.groups.keys() == whole.groups.keys()
    for value, group in whole.groups.items():
        assert np.allclose(found.groups[value], group, atol=1e-6)


@given(st.lists(st.sampled_from("abcdefgh"), max_size=80), CUTS, ORDER, st.integers(1, 8))
def test_counts_are_exact_or_within_their_bound(words: list[str], cuts: list[int], chance: Any, most: int) -> None:
    truth = Counts.of(words)
    pieces = parts(np.array(words, dtype=object), cuts, chance)
    found = merged(Counts.of(piece.tolist(), most) for piece in pieces)
    assert found.total == truth.total == len(words)
    assert len(found.counts) <= most
    assert found.lost <= len(words) // (most + 1)
    for word, count in truth.counts.items():
        assert count - found.lost <= found.counts.get(word, 0) <= count
    if len(truth.counts) <= most:
        assert (found.counts, found.lost) == (truth.counts, 0)


@pytest.mark.parametrize("grouping", ["left", "right", "tree"])
def test_grouping_does_not_matter(grouping: str) -> None:
    pieces = [Moments.of(np.random.default_rng(i).normal(1e3, 1.0, (50, 3))) for i in range(4)]
    a, b, c, d = pieces
    ways = {
        "left": a.merge(b).merge(c).merge(d),
        "right": a.merge(b.merge(c.merge(d))),
        "tree": a.merge(b).merge(c.merge(d)),
    }
    same(
        ways[grouping],
        Moments.of(np.concatenate([np.random.default_rng(i).normal(1e3, 1.0, (50, 3)) for i in range(4)])),
    )


def test_moments_do_not_cancel() -> None:
    values = 1e9 + np.random.default_rng(0).normal(0, 1e-2, (10_000, 1))
    found = merged(Moments.of(part) for part in np.array_split(values, 7))
    assert found.variance[0] == pytest.approx(float((values - values.mean()).var()), rel=1e-6)


def test_empty_columns() -> None:
    nothing = np.full((3, 1), np.nan)
    assert Moments.of(nothing).variance.tolist() == [0.0]
    assert CoMoments.of(nothing).correlation.tolist() == [[0.0]]
    with pytest.raises(InputError, match="without values"):
        Quantiles.of(nothing[:, 0]).at(np.array([0.5]))


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 9), st.integers(0, 2**31), st.sampled_from(["normal", "rising", "few", "heavy"]))
def test_many_quantiles_keep_their_bound(pieces: int, seed: int, shape: str) -> None:
    chance, size = np.random.default_rng(seed), 5000
    made = {
        "normal": chance.normal(size=size),
        "rising": np.arange(size, dtype=float),
        "few": chance.integers(0, 5, size).astype(float),
        "heavy": np.exp(5 * chance.normal(size=size)),
    }
    values, shares = made[shape], np.linspace(0, 1, 21)
    old = quantiles.EXACT, quantiles.BUFFER
    try:
        quantiles.EXACT, quantiles.BUFFER = 400, 64
        found = merged(Quantiles.of(piece) for piece in np.array_split(values, pieces))
    finally:
        quantiles.EXACT, quantiles.BUFFER = old
    assert found.count == size
    assert sum(len(part) << h for h, part in enumerate(found.levels)) == size
    assert 0 < found.error < size / 10
    assert all(len(part) <= 64 for part in found.levels)
    ordered = np.sort(values)
    for share, value in zip(shares, found.at(shares), strict=True):
        low, high = np.searchsorted(ordered, value, "left"), np.searchsorted(ordered, value, "right")
        rank = share * (size - 1)
        assert low - found.error - 1 <= rank <= high + found.error + 1


def test_a_few_quantiles_are_those_of_numpy() -> None:
    values = np.random.default_rng(0).normal(size=1001)
    shares = np.array([0.0, 0.01, 0.25, 0.5, 0.99, 1.0])
    found = merged(Quantiles.of(part) for part in np.array_split(values, 5))
    assert found.error == 0
    assert np.array_equal(found.at(shares), np.quantile(values, shares))


def test_correlation() -> None:
    values = np.random.default_rng(0).normal(size=(200, 3)) @ np.array([[1, 0.5, 0], [0, 1, 0], [0, 0, 1.0]])
    found = merged(CoMoments.of(part) for part in np.array_split(values, 4))
    assert np.allclose(found.correlation, np.corrcoef(values.T))


def test_every_summary_goes_to_disk_and_back() -> None:
    table = np.random.default_rng(0).normal(size=(20, 2))
    made = [
        Moments.of(table),
        CoMoments.of(table),
        Extremes.of(table),
        Counts.of(["a", "b", "a", 3.5]),
        Quantiles.of(table[:, 0]),
        Pool.of(table, np.arange(20)),
        Sums.of(["a", None] * 10, table[:, 0], np.arange(20) % 3, 3),
    ]
    assert {type(summary) for summary in made} == set(sketch.KINDS)
    for summary in made:
        tree, arrays = pack(sketch.summary_state(summary))
        again = sketch.summary_from_state(unpack(json.loads(json.dumps(tree)), arrays))
        assert type(again) is type(summary)
        same(again, summary)
    with pytest.raises(InputError, match="no summary is called 'Magic'"):
        sketch.summary_from_state({"summary": "Magic"})
