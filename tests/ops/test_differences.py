from __future__ import annotations

import math

import pytest
import torch

from tutelage.ops.differences import Measure, js, kl, pairwise, squared
from tutelage.ops.mixing import leave_one_out, mixed

A = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64)
B = torch.tensor([0.1, 0.4, 0.5], dtype=torch.float64)
PAIR = torch.stack([A, B]).unsqueeze(1)


def test_worked_example() -> None:
    assert squared(A, B).tolist() == pytest.approx([0.01, 0.01, 0.0])
    assert pairwise(PAIR).sum(-1).flatten().tolist() == pytest.approx([0.0, 0.02, 0.02, 0.0])
    half = torch.full((2, 1), 0.5, dtype=torch.float64)
    assert mixed(PAIR, half)[0].tolist() == pytest.approx([0.15, 0.35, 0.5])
    assert torch.equal(leave_one_out(PAIR, half)[0, 0], B)
    assert torch.equal(leave_one_out(PAIR, half)[1, 0], A)


def test_entries_sum_to_the_textbook_divergences() -> None:
    p, q = torch.rand(2, 6, 4, dtype=torch.float64).softmax(-1)
    m = (p + q) / 2
    assert torch.allclose(kl(p, q).sum(-1), (p * (p / q).log()).sum(-1))
    halves = (p * (p / m).log()).sum(-1) + (q * (q / m).log()).sum(-1)
    assert torch.allclose(js(p, q).sum(-1), halves / 2)
    assert bool((kl(p, q) >= 0).all())


def test_opposites_are_finite() -> None:
    one, two = torch.eye(2)
    assert float(js(one, two).sum()) == pytest.approx(math.log(2))
    assert math.isfinite(float(kl(one, two).sum()))
    assert float(kl(one, one).sum()) == 0.0


@pytest.mark.parametrize("measure", ["squared", "kl", "js"])
def test_pairs_hold_every_two_teachers(measure: Measure) -> None:
    probs = torch.rand(3, 5, 4).softmax(-1)
    table = pairwise(probs, measure)
    assert table.shape == (3, 3, 5, 4)
    measured = {"squared": squared, "kl": kl, "js": js}[measure]
    assert torch.allclose(table[2, 1], measured(probs[2], probs[1]))


def test_teachers_are_compared_on_what_both_know() -> None:
    known = torch.tensor([[[True, True, False]], [[True, True, True]]])
    probs = torch.tensor([[[0.4, 0.6, 0.0]], [[0.1, 0.3, 0.6]]])
    wanted = squared(torch.tensor([0.4, 0.6, 0.0]), torch.tensor([0.25, 0.75, 0.0]))
    assert torch.allclose(pairwise(probs, "squared", known)[0, 1, 0], wanted)
