"""AT: where a layer is active, whatever its channels are."""

from __future__ import annotations

import pytest
import torch

from hinted import compared
from tutelage.core import InputError
from tutelage.teaching.features import AT


def test_it_sees_places_and_not_channels() -> None:
    """A teacher with twice the channels, in another order, at another scale, is the same; a moved one is not."""
    student = torch.rand(4, 3, 5, 5)
    same = 7.0 * torch.cat([student.flip(1), student], 1)
    assert compared(AT(), student, same)[0].item() < 1e-10
    assert compared(AT(), student, same.roll(2, -1))[0].item() > 1e-4


def test_a_map_twice_the_size_is_averaged_down() -> None:
    student = torch.rand(4, 3, 5, 5)
    doubled = student.repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert compared(AT("norm"), student, doubled)[0].item() < 1e-6


def test_vectors_have_no_places() -> None:
    with pytest.raises(InputError, match="not vectors"):
        compared(AT(), torch.rand(4, 3), torch.rand(4, 3))
