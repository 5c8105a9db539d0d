"""Two ways to look through a step of gradient descent agree with each other and with what can be written down."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from tutelage.ops.bilevel import around_step, leaves, through_step

Named = Mapping[str, Tensor]


def problem(seed: int) -> tuple[Tensor, Tensor, dict[str, Tensor], dict[str, Tensor]]:
    chance = torch.Generator().manual_seed(seed)
    pulls, wanted, start, trust = (
        torch.randn(shape, generator=chance, dtype=torch.float64) for shape in ((3, 5), (5,), (5,), (3,))
    )
    return pulls, wanted, {"theta": start}, {"w": trust}


@pytest.mark.parametrize("seed", range(3))
def test_quadratics_have_a_known_gradient(seed: int) -> None:
    """inner = sum w_t |theta - a_t|^2 / 2: the step ends at theta - r sum w_t (theta - a_t)."""
    pulls, wanted, own, learnt = problem(seed)

    def inner(own: Named, learnt: Named) -> Tensor:
        return (learnt["w"] * (own["theta"] - pulls).square().sum(1)).sum() / 2

    def outer(own: Named) -> Tensor:
        return (own["theta"] - wanted).square().sum() / 2

    away = own["theta"] - pulls
    end = own["theta"] - 0.1 * (learnt["w"].unsqueeze(1) * away).sum(0)
    expected = -0.1 * away @ (end - wanted)
    torch.testing.assert_close(through_step(inner, outer, own, learnt, 0.1)["w"], expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(around_step(inner, outer, own, learnt, 0.1)["w"], expected, rtol=1e-9, atol=1e-9)


def test_the_difference_is_of_second_order() -> None:
    pulls, wanted, own, learnt = problem(7)

    def inner(own: Named, learnt: Named) -> Tensor:
        return (learnt["w"] * torch.tanh(own["theta"] * pulls).exp().sum(1)).sum()

    def outer(own: Named) -> Tensor:
        return torch.cosh(own["theta"] - wanted).sum()

    exact = through_step(inner, outer, own, learnt, 0.1)["w"]
    gaps = [float((around_step(inner, outer, own, learnt, 0.1, d)["w"] - exact).abs().max()) for d in (0.1, 0.05)]
    assert 0 < gaps[1] < gaps[0]
    assert gaps[0] / gaps[1] == pytest.approx(4.0, rel=0.05)


def test_what_plays_no_part_has_gradient_zero() -> None:
    pulls, _, own, learnt = problem(1)
    more = {**learnt, "idle": torch.ones(2, dtype=torch.float64)}

    def inner(own: Named, learnt: Named) -> Tensor:
        return (learnt["w"] * (own["theta"] - pulls).square().sum(1)).sum()

    for way in (through_step, around_step):
        assert torch.equal(way(inner, lambda own: own["theta"].sum(), own, more, 0.1)["idle"], torch.zeros(2).double())
    flat = around_step(inner, lambda own: own["theta"].sum() * 0.0, own, learnt, 0.1)["w"]
    assert torch.equal(flat, torch.zeros(3).double())


def test_leaves_are_cut_off() -> None:
    value = torch.ones(2, requires_grad=True) * 2.0
    found = leaves({"a": value})["a"]
    assert found.is_leaf
    assert found.requires_grad
