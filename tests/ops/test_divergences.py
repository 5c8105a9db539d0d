"""Divergences at the edges; their values are in `oracles/test_oracle_losses.py`."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor

from tutelage.ops import divergences as div

NEVER = -math.inf
logits = arrays("float64", (3, 5), elements=st.floats(-60, 60))


@settings(deadline=None, max_examples=50)
@given(logits, logits)
def test_bounds_and_symmetry(a: object, b: object) -> None:
    p, q = (torch.log_softmax(torch.as_tensor(x), -1) for x in (a, b))
    for rule, top in ((div.generalized_jsd, math.log(2)), (div.total_variation, 1.0), (div.squared_hellinger, 1.0)):
        found = rule(p, q)
        assert bool((found >= -1e-12).all())
        assert bool((found <= top + 1e-12).all())
        torch.testing.assert_close(found, rule(q, p))
        torch.testing.assert_close(rule(p, p), torch.zeros(3, dtype=torch.float64), atol=1e-12, rtol=0)
    assert bool((div.kl(p, q) >= 2 * div.total_variation(p, q).square() - 1e-9).all())  # Pinsker


@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0])
def test_classes_without_probability(beta: float) -> None:
    p = torch.tensor([[0.0, 0.7, 0.3, 0.0]]).log()
    leaf = torch.tensor([[0.4, 0.1, -0.2]], requires_grad=True)
    q = torch.log_softmax(torch.cat([leaf, torch.full((1, 1), NEVER)], -1), -1)
    found = div.generalized_jsd(p, q, beta)
    if beta == 1.0:
        assert bool(torch.isposinf(found).all())  # the student says something where the teacher says never
        return
    found.sum().backward()
    assert leaf.grad is not None
    assert bool(torch.isfinite(found).all())
    assert bool(torch.isfinite(leaf.grad).all())


def test_limits_of_the_generalised_divergence() -> None:
    p, q = (torch.log_softmax(torch.randn(4, 6, dtype=torch.float64), -1) for _ in range(2))
    beta = 1e-7
    torch.testing.assert_close(div.generalized_jsd(p, q, beta) / beta, div.kl(p, q), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(div.generalized_jsd(p, q, 1 - beta) / beta, div.kl(q, p), rtol=1e-5, atol=1e-6)


def test_expected_value_of_what_never_happens() -> None:
    probs, values = torch.tensor([0.5, 0.5, 0.0]), torch.tensor([1.0, 3.0, -math.inf])
    assert float(div.expected(probs, values)) == 2.0


def test_wasserstein_counts_steps() -> None:
    def sure(c: int) -> Tensor:
        return torch.eye(5)[c].log()

    assert float(div.wasserstein(sure(0), sure(4))) == 4.0
    assert float(div.wasserstein(sure(2), sure(1))) == 1.0
