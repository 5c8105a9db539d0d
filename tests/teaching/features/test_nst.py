"""NST: the set of channel patterns, whatever their order and number."""

from __future__ import annotations

import pytest
import torch

from hinted import compared
from tutelage.core import InputError
from tutelage.teaching.features import NST


def test_order_and_scale_of_channels_do_not_matter_but_their_patterns_do() -> None:
    student = torch.randn(4, 3, 5, 5)
    scale = torch.rand(1, 6, 1, 1) + 0.5
    same = torch.cat([student.flip(1), student], 1) * scale
    assert compared(NST(), student, same)[0].item() == pytest.approx(0.0, abs=1e-6)
    assert compared(NST(), student, same.roll(1, -1))[0].item() > 1e-2


def test_vectors_have_no_patterns() -> None:
    with pytest.raises(InputError, match="not vectors"):
        compared(NST(), torch.rand(4, 3), torch.rand(4, 3))
