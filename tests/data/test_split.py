from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutelage.core import InputError, LeakageError
from tutelage.data.rows import rows_of
from tutelage.data.split import (
    Split,
    group_split,
    group_time_split,
    random_split,
    rolling_origin,
    stratified_split,
    time_split,
)
from tutelage.data.target import encode_target
from tutelage.data.target import split as split_target

DAYS = np.datetime64("2025-01-01") + np.arange(100)


def check_whole(split: Split, count: int) -> None:
    every = np.concatenate([split.train, split.validation, split.test, split.unused])
    assert np.array_equal(np.sort(every), np.arange(count))


def test_random() -> None:
    split = random_split(1000, seed=3)
    check_whole(split, 1000)
    assert [len(part) for part in split.parts().values()] == [700, 150, 150]
    assert np.array_equal(split.test, random_split(1000, seed=3).test)
    assert not np.array_equal(split.test, random_split(1000, seed=4).test)


def test_stratified_is_the_split_of_a_target() -> None:
    target = np.array(["a"] * 80 + ["b"] * 20 + [None], dtype=object)
    split = stratified_split(target, shares=(0.1, 0.2))
    check_whole(split, 101)
    assert [int((target[split.test] == name).sum()) for name in "ab"] == [16, 4]
    assert 100 in split.train
    coded, space, known = encode_target(target)
    assert np.array_equal(split_target(coded, space, known, shares=(0.1, 0.2))[2], split.test)


@given(st.lists(st.integers(0, 12), min_size=20, max_size=200), st.integers(0, 9))
def test_groups_stay_together(groups: list[int], seed: int) -> None:
    column = np.array(groups)
    if len(set(groups)) < 3:
        with pytest.raises(InputError, match="cannot be dealt"):
            group_split(column, seed=seed)
        return
    split = group_split(column, seed=seed)
    check_whole(split, len(column))
    split.check(groups=column)
    assert all(map(len, split.parts().values()))


def test_group_shares_are_of_rows() -> None:
    groups = np.random.default_rng(0).integers(0, 500, 20_000)
    split = group_split(groups, shares=(0.1, 0.2))
    assert [round(len(part) / 20_000, 2) for part in split.parts().values()] == [0.7, 0.1, 0.2]


def test_time_by_shares_tears_no_day_apart() -> None:
    time = np.repeat(DAYS, 7)
    split = time_split(time)
    split.check(time=time)
    check_whole(split, 700)
    assert [len(part) for part in split.parts().values()] == [490, 105, 105]


@pytest.mark.parametrize("gap", [np.timedelta64(5, "D"), timedelta(days=5)])
def test_time_by_starts_with_a_gap(gap: Any) -> None:
    split = time_split(DAYS, starts=("2025-03-01", "2025-03-21"), gap=gap)
    check_whole(split, 100)
    assert str(DAYS[split.train].max()) == "2025-02-24"
    assert [str(DAYS[split.validation].min()), str(DAYS[split.validation].max())] == ["2025-03-01", "2025-03-16"]
    assert str(DAYS[split.test].min()) == "2025-03-21"
    assert len(split.unused) == 8


def test_times_may_be_numbers() -> None:
    split = time_split(np.arange(10.0), starts=(6, 8), gap=1.5)
    assert [part.tolist() for part in split.parts().values()] == [[0, 1, 2, 3, 4], [6], [8, 9]]
    assert split.unused.tolist() == [5, 7]


def test_groups_and_time() -> None:
    chance = np.random.default_rng(1)
    groups, time = chance.integers(0, 60, 5000), chance.integers(0, 1000, 5000)
    split = group_time_split(groups, time, shares=(0.3, 0.3), gap=20)
    check_whole(split, 5000)
    split.check(groups=groups, time=time)
    first = time[split.validation].min()
    assert first - time[split.train].max() >= 20


def test_rolling_origin() -> None:
    folds = rolling_origin(DAYS, 3, horizon=timedelta(days=10), gap=timedelta(days=2))
    for number, split in enumerate(folds):
        check_whole(split, 100)
        start = 70 + 10 * number
        assert split.test.tolist() == list(range(start, start + 10))
        assert split.train.tolist() == list(range(start - 2))
    narrow = rolling_origin(np.arange(100), 2, horizon=10, window=5)
    assert [split.train.tolist() for split in narrow] == [list(range(75, 80)), list(range(85, 90))]


def test_rows_take_a_split_as_it_is() -> None:
    split = time_split(DAYS)
    rows = rows_of(
        np.arange(100.0)[:, None], np.arange(100) % 2, train=split.train, validation=split.validation, test=split.test
    )
    assert np.array_equal(rows.train, split.train)
    assert len(rows.test) == len(split.test)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: random_split(10, shares=(0.5, 0.5)), "leave rows to train on"),
        (lambda: group_split(np.array(["a", "b"])), "2 groups cannot be dealt to 3 parts"),
        (lambda: time_split(DAYS, starts=("2025-03-01", "2025-02-01")), "begin before test"),
        (lambda: time_split(DAYS, starts=("2025-03-01", "2026-02-01")), "no row is left for \\['test'\\]"),
        (lambda: time_split(np.zeros(9)), "begin before test"),
        (lambda: time_split(np.array([1.0, np.nan])), "1 rows have no time \\(first \\[1\\]\\)"),
        (lambda: rolling_origin(DAYS, 20, horizon=timedelta(days=10)), "no training or no test rows"),
        (lambda: rolling_origin(DAYS, 0, horizon=timedelta(days=10)), "more than zero"),
    ],
)
def test_mistakes_are_named(call: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()


def test_check_names_what_is_torn_apart() -> None:
    split = random_split(100)
    with pytest.raises(LeakageError, match="train goes up to"):
        split.check(time=DAYS)
    with pytest.raises(LeakageError, match="groups are in train and in"):
        split.check(groups=np.arange(100) % 3)
