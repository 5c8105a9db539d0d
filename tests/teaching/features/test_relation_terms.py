"""Relations: how tokens attend to each other, with widths and heads of their own."""

from __future__ import annotations

import pytest
import torch

from hinted import compared
from tutelage.core import InputError
from tutelage.teaching.features import Relations


def test_widths_differ_and_relations_are_learnt() -> None:
    torch.manual_seed(0)
    teacher, student = torch.randn(3, 5, 12), torch.randn(3, 5, 4)
    loss, model, _ = compared(Relations(2), student, teacher)
    first = loss.item()
    for _ in range(200):
        student = student - 3.0 * model.grad()
        loss, model, _ = compared(Relations(2), student, teacher)
    assert loss.item() < 0.5 * first


def test_it_is_the_kl_of_scaled_products() -> None:
    student, teacher = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    p, q = ((x @ x.transpose(1, 2) / 2.0).softmax(-1) for x in (teacher, student))
    expected = (p * (p / q).log()).sum(-1).mean()
    assert compared(Relations(), student, teacher)[0].item() == pytest.approx(float(expected), rel=1e-5)


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(InputError, match="a multiple of it"):
        compared(Relations(3), torch.randn(2, 3, 4), torch.randn(2, 3, 6))
    with pytest.raises(InputError, match="as many tokens"):
        compared(Relations(), torch.randn(2, 3, 4), torch.randn(2, 4, 4))
