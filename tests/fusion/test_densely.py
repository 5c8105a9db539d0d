"""All bigger models teach, some of them are left out of a step."""

from __future__ import annotations

import pytest
import torch

from tutelage.core import Classes, Context, InputError
from tutelage.fusion import DenselyGuided, Mean


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def signals() -> Classes:
    valid = torch.ones(4, 6, dtype=torch.bool)
    valid[0, 2] = False
    return Classes.of(torch.randn(4, 6, 3, generator=chance(1)), "logits", valid=valid)


def test_teachers_are_left_out_of_whole_batches() -> None:
    """The mean hears everyone in every step; here each is left out of its share of the steps, for all rows alike."""
    source, heard, sizes = chance(), torch.zeros(4), set[int]()
    for _ in range(400):
        weights = DenselyGuided(0.4)(signals(), Context(generator=source)).values
        kept = weights[:, 0] > 0
        assert torch.allclose(weights[:, 0], kept.to(weights) / kept.sum())
        assert torch.allclose(weights[:, 1], weights[:, 0])
        heard += kept
        sizes.add(int(kept.sum()))
    assert sizes == {1, 2, 3, 4}
    assert bool(((heard / 400 - 0.6).abs() < 0.1).all()), heard
    whole = DenselyGuided(0.0)(signals(), Context(generator=source)).values
    assert torch.equal(whole, Mean()(signals(), Context()).values)


def test_where_those_that_are_kept_are_silent_the_others_count_alike() -> None:
    source = chance()
    for _ in range(200):
        result = DenselyGuided(0.9)(signals(), Context(generator=source))
        assert result.acted is not None
        if result.values[:, 0].tolist() == [1.0, 0.0, 0.0, 0.0]:
            assert result.values[:, 2].tolist() == pytest.approx([0.0, 1 / 3, 1 / 3, 1 / 3])
            assert result.acted.tolist() == [True, True, False, True, True, True]
            break
    else:
        pytest.fail("the first was never heard alone")


def test_a_probability_of_one_is_refused() -> None:
    with pytest.raises(InputError, match=r"\[0, 1\)"):
        DenselyGuided(1.0)
