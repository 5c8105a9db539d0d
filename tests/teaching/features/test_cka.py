"""CKA: the student's space is aligned with the teacher's as a whole."""

from __future__ import annotations

import torch
from torch import Tensor

from hinted import known, learnt
from tutelage.core import Context
from tutelage.teaching.features import CKA


def alignment(one: Tensor, other: Tensor) -> float:
    one, other = (x.double() - x.double().mean(0) for x in (one, other))
    cross, own, their = (float((a.T @ b).norm()) for a, b in ((one, other), (one, one), (other, other)))
    return cross**2 / (own * their)


def test_alignment_grows() -> None:
    without, with_hint = (alignment(learnt(CKA(), weight, epochs=25)[0], known()) for weight in (0.0, 5.0))
    assert with_hint > without + 0.05


def test_it_is_one_minus_the_alignment() -> None:
    one, other = torch.randn(9, 3), torch.randn(9, 5)
    found = CKA().loss(one, other, Context())
    torch.testing.assert_close(found, torch.full((9,), 1.0 - alignment(one, other)))
