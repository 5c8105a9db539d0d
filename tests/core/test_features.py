"""The space of features does what store, teach and split rely on."""

from __future__ import annotations

import pytest
import torch

from tutelage.core import KINDS, Features, InputError, Signals


def test_arrays_there_and_back() -> None:
    one = Features.of(torch.randn(5, 2, 3), torch.tensor([True, False, True, True, True]))
    again = Features.from_arrays(one.to_arrays(), one.meta())
    assert torch.equal(again.values, one.values)
    assert torch.equal(again.valid, one.valid)
    assert one.items == (5,)
    assert one.shape == (2, 3)
    assert bool((one.values[1] == 0).all()), "nothing is said of a row that is not valid"
    assert KINDS["features"] is Features


def test_rows_are_taken_and_joined() -> None:
    one = Features.of(torch.randn(5, 3))
    parts = Features.concat([one.take(slice(0, 2)), one.take(torch.tensor([2, 3, 4]))])
    assert torch.equal(parts.values, one.values)
    stacked = Signals(("a", "b"), (one, one)).stacked()
    assert stacked.values.shape == (2, 5, 3)
    assert stacked.take(torch.tensor([4])).values.shape == (2, 1, 3)
    assert stacked.items == (2, 5)
    assert len(stacked) == 5
    assert one.aligned([[0]]) is one
    with pytest.raises(InputError, match="one name"):
        one.aligned([[1]])
    with pytest.raises(InputError, match="cannot be stacked"):
        Features.stack([one, Features.of(torch.randn(5, 4))])


def test_bad_features_name_the_teacher_and_the_rows() -> None:
    values = torch.ones(4, 2)
    values[2, 1] = torch.nan
    with pytest.raises(InputError, match=r"teacher 'x' answered NaN.*\[2\]"):
        Features.of(values).check("teacher 'x'")
    Features.of(values, torch.tensor([True, True, False, True])).check("x")
    with pytest.raises(InputError, match="do not fit together"):
        Features(torch.ones(4, 2), torch.ones(3, dtype=torch.bool)).check("x")
