"""Words against each other: the counts of the oracle, distances by another way, and votes that keep what all heard."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracle
from tutelage.core import InputError
from tutelage.ops.rover import rover
from tutelage.ops.words import Edits, edits, word_edits

WER = [case for case in oracle.cases("metrics_text") if not isinstance(case, str) or case.startswith("wer")]
strings = st.lists(st.sampled_from("abc"), max_size=6)


@pytest.mark.parametrize("name", WER)
def test_oracle(name: str) -> None:
    case = oracle.load("metrics_text")[name]
    truth, said = case["ref"].tolist(), case["hyp"].tolist()
    found = word_edits(truth, said)
    counts = (found.hits, found.substitutions, found.deletions, found.insertions)
    assert counts == tuple(int(case[key]) for key in ("hits", "substitutions", "deletions", "insertions"))
    assert found.error_rate == pytest.approx(float(case["wer"]), abs=1e-6)
    assert found.match_error_rate == pytest.approx(float(case["mer"]), abs=1e-6)
    assert found.information_preserved == pytest.approx(float(case["wip"]), abs=1e-6)
    assert 1 - found.information_preserved == pytest.approx(float(case["wil"]), abs=1e-6)
    each = [word_edits([one], [two]).error_rate for one, two in zip(truth, said, strict=True)]
    np.testing.assert_allclose(each, case["wer_per_sentence"], atol=1e-6)
    letters = sum((edits(one, two) for one, two in zip(truth, said, strict=True)), Edits())
    assert letters.error_rate == pytest.approx(float(case["cer"]), abs=1e-6)


def distance(one: list[str], two: list[str]) -> int:
    """By the longest common subsequence and brute force over which words are hit: short strings only."""
    best = len(one) + len(two)
    for count in range(min(len(one), len(two)) + 1):
        for left in itertools.combinations(range(len(one)), count):
            for right in itertools.combinations(range(len(two)), count):
                ends = [(-1, -1), *zip(left, right, strict=True), (len(one), len(two))]
                gaps = [max(b - a, d - c) - 1 for (a, c), (b, d) in itertools.pairwise(ends)]
                wrong = sum(one[i] != two[j] for i, j in zip(left, right, strict=True))
                best = min(best, sum(gaps) + wrong)
    return best


@given(st.lists(st.sampled_from("abc"), max_size=4), st.lists(st.sampled_from("abc"), max_size=4))
def test_errors_are_the_least_number_of_changes(one: list[str], two: list[str]) -> None:
    assert edits(one, two).errors == distance(one, two)


@given(strings, strings)
def test_counts_add_up_and_turn_round(one: list[str], two: list[str]) -> None:
    found, back = edits(one, two), edits(two, one)
    assert found.hits + found.substitutions + found.deletions == len(one)
    assert found.hits + found.substitutions + found.insertions == len(two)
    assert (found.errors, found.deletions) == (back.errors, back.insertions)
    assert edits(one, one).errors == 0


def test_nothing_to_hear() -> None:
    assert edits([], []).error_rate == 0
    assert edits([], ["x"]).error_rate == float("inf")
    assert edits(["x"], []).error_rate == 1
    assert edits(["x"], []).information_preserved == 0
    with pytest.raises(ValueError, match="shorter"):
        word_edits(["a", "b"], ["a"])


@given(strings, st.integers(1, 4))
def test_what_all_heard_stays(string: list[str], count: int) -> None:
    assert rover([string] * count) == string


@given(st.lists(strings, min_size=3, max_size=3))
def test_what_two_of_three_heard_alike_wins(heard: list[list[str]]) -> None:
    same, other = heard[0], heard[1]
    assert rover([same, same, other]) == same


def test_a_vote_mends_errors_of_each() -> None:
    heard = [["one", "two", "three"], ["one", "too", "three", "four"], ["won", "two", "three"]]
    assert rover(heard) == ["one", "two", "three"]
    assert rover([["a", "b"], ["a", "x", "b"], ["a", "x", "b"]]) == ["a", "x", "b"]


def test_the_sure_outweigh_the_many_where_asked() -> None:
    heard = [["five"], ["nine"], ["nine"]]
    sure = [[0.95], [0.2], [0.3]]
    assert rover(heard, sure) == ["nine"]
    assert rover(heard, sure, weight=0.0) == ["five"]
    assert rover([["five"], []], [[0.3], []], weight=0.0) == []
    assert rover([["five"], []], [[0.8], []], weight=0.0) == ["five"]


def test_what_cannot_be_voted_on_is_refused() -> None:
    with pytest.raises(InputError, match="at least one string"):
        rover([])
    with pytest.raises(InputError, match='none of them ""'):
        rover([["a", ""]])
    with pytest.raises(InputError, match="one confidence for each word"):
        rover([["a"]], [[0.5, 0.5]])
    with pytest.raises(InputError, match=r"in \[0, 1\], got 2"):
        rover([["a"]], weight=2.0)
