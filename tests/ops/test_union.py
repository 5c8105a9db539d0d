"""The united answer against its optimality conditions."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tutelage.ops.union import union


def slope(told: Tensor, probs: Tensor, coverage: Tensor, weights: Tensor) -> Tensor:
    """Gradient of sum_k w_k CE(p_k, t | L_k) with respect to the logits of t, [B, C]."""
    total = torch.zeros_like(told)
    for p, known, w in zip(probs, coverage, weights, strict=True):
        own = told * known
        share = own.sum(-1, keepdim=True)
        total = total + torch.where(share > 0, w.unsqueeze(-1) * (own / share.clamp_min(1e-300) - p), 0.0)
    return total


@st.composite
def problems(draw: st.DrawFn) -> tuple[Tensor, Tensor, Tensor]:
    teachers, rows, size = draw(st.integers(1, 5)), draw(st.integers(1, 4)), draw(st.integers(2, 6))
    chance = torch.Generator().manual_seed(draw(st.integers(0, 2**31 - 1)))
    coverage = torch.rand(teachers, size, generator=chance) > 0.35
    coverage[:, 0] |= ~coverage.any(1)
    scores = draw(st.sampled_from([1.0, 3.0])) * torch.randn(
        teachers, rows, size, dtype=torch.float64, generator=chance
    )
    probs = torch.softmax(scores.masked_fill(~coverage.unsqueeze(1), -torch.inf), -1)
    weights = torch.rand(teachers, rows, dtype=torch.float64, generator=chance)
    weights = weights * (torch.rand(teachers, rows, generator=chance) > 0.2)
    return probs, coverage, weights


@settings(deadline=None, max_examples=150, derandomize=True)
@given(problems())
def test_nothing_is_better(problem: tuple[Tensor, Tensor, Tensor]) -> None:
    probs, coverage, weights = problem
    told = union(probs, coverage, weights, floor=0.0)
    assert bool(torch.isfinite(told).all())
    assert float(slope(told, probs, coverage, weights).abs().max()) < 1e-6
    assert bool((told[:, ~coverage.any(0)] == 0).all())


def test_shared_classes_set_the_scale() -> None:
    """One says a = b, the other b = 3 c: so the shares are 3, 3 and 1."""
    coverage = torch.tensor([[True, True, False], [False, True, True]])
    probs = torch.tensor([[[0.5, 0.5, 0.0]], [[0.0, 0.75, 0.25]]], dtype=torch.float64)
    told = union(probs, coverage, torch.ones(2, 1, dtype=torch.float64))
    told = told / told.sum(-1, keepdim=True)
    torch.testing.assert_close(told, torch.tensor([[3.0, 3.0, 1.0]], dtype=torch.float64) / 7, rtol=1e-4, atol=1e-5)


def test_one_coverage_is_the_mean() -> None:
    probs = torch.softmax(torch.randn(3, 4, 5, dtype=torch.float64), -1)
    told = union(probs, torch.ones(3, 5, dtype=torch.bool), torch.ones(3, 4, dtype=torch.float64), floor=0.0)
    torch.testing.assert_close(told, probs.mean(0))


def test_islands_get_mass_by_their_numbers_of_classes() -> None:
    coverage = torch.tensor([[True, True, False, False, False], [False, False, True, True, True]])
    probs = torch.tensor([[[0.5, 0.5, 0, 0, 0]], [[0, 0, 0.2, 0.2, 0.6]]], dtype=torch.float64)
    told = union(probs, coverage, torch.ones(2, 1, dtype=torch.float64), floor=0.0)
    assert (told / told.sum()).flatten().tolist() == pytest.approx([0.2, 0.2, 0.12, 0.12, 0.36])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_contradiction_without_end(dtype: torch.dtype) -> None:
    """One-hot answers whose classes exclude each other have their minimum at infinity; the floor keeps it in reach."""
    coverage = torch.tensor([[True, True, False], [False, True, True], [True, False, True]])
    probs = torch.tensor([[[1, 0, 0]], [[0, 1, 0]], [[1, 0, 0]]], dtype=dtype)
    told = union(probs, coverage, torch.ones(3, 1, dtype=dtype))
    assert bool(torch.isfinite(told).all())
    assert int(told.argmax()) == 0
    assert not union(probs, coverage, torch.zeros(3, 1, dtype=dtype)).any()
