"""Dealing: whole groups, stratified by the rarest class that one holds."""

from __future__ import annotations

import numpy as np
import pytest

from tutelage.core import InputError
from tutelage.data.dealing import deal, shown


def test_groups_stay_whole_and_rare_classes_are_in_every_part() -> None:
    groups = np.repeat(np.arange(200), 3)
    target = np.where(np.isin(groups, np.arange(10)), 2, groups % 2)
    part = deal(target, 5, 0, groups)
    assert {*part.tolist()} == set(range(5))
    for group in range(200):
        assert len({*part[groups == group].tolist()}) == 1
    assert [int((target[part == one] == 2).sum()) for one in range(5)] == [6] * 5
    assert np.bincount(part).tolist() == [120] * 5


def test_every_row_is_a_group_unless_told_and_the_seed_decides() -> None:
    target = np.repeat([0, 1], [90, 10])
    part = deal(target, 5, 1)
    assert [int(target[part == one].sum()) for one in range(5)] == [2] * 5
    assert np.array_equal(part, deal(target, 5, 1))
    assert not np.array_equal(part, deal(target, 5, 2))


def test_more_parts_than_groups_are_refused() -> None:
    with pytest.raises(InputError, match="3 parts need at least as many groups of rows, there are 2"):
        deal(np.zeros(4, np.int64), 3, 0, np.array(["a", "a", "b", "b"]))


@pytest.mark.parametrize(("share", "most"), [(0.1, 30), (0.5, 150), (0.4, 120), (0.7, 210), (0.9, 270), (1.0, 300)])
def test_a_share_is_as_large_as_said_in_every_class(share: float, most: int) -> None:
    target = np.repeat([0, 1, 2], 100)
    found = shown(target, share, 0)
    assert abs(int(found.sum()) - most) <= 3
    assert np.ptp(np.bincount(target[found])) <= 3
    with pytest.raises(InputError, match=r"share of rows in \(0, 1\], got 0"):
        shown(target, 0.0, 0)
