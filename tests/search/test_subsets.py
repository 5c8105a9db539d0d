"""Losses of subsets: by hand where that is possible, and what silence costs."""

from __future__ import annotations

import math

import numpy as np
import torch

from tutelage.core import Batch, Classes, Signals, Values
from tutelage.fusion import Mean, Weighted
from tutelage.search import shapley, subsets_of


def batch_of(target: torch.Tensor) -> Batch:
    row = torch.arange(len(target))
    labelled = torch.ones_like(target, dtype=torch.bool)
    return Batch({}, row, torch.zeros_like(row), torch.ones(len(row)), target, labelled)


def three(rows: int = 200) -> tuple[Signals, Batch]:
    """A good teacher, its twin, and one that never answers."""
    chance = torch.Generator().manual_seed(0)
    target = torch.randint(0, 3, (rows,), generator=chance)
    good = 2.0 * torch.nn.functional.one_hot(target, 3) + torch.randn(rows, 3, generator=chance)
    silent = Classes.of(torch.zeros(rows, 3), "logits", valid=torch.zeros(rows, dtype=torch.bool))
    return Signals(
        ("good", "twin", "silent"), (Classes.of(good, "logits"), Classes.of(good.clone(), "logits"), silent)
    ), batch_of(target)


def test_nobody_costs_what_knowing_nothing_costs() -> None:
    subsets = subsets_of(*three())
    np.testing.assert_allclose(subsets.losses([]), math.log(3), rtol=1e-6)
    np.testing.assert_allclose(subsets.losses([2]), math.log(3), rtol=1e-6)
    assert subsets.loss([0]) < 0.6 * math.log(3)


def test_twins_share_and_the_silent_one_gets_nothing() -> None:
    subsets = subsets_of(*three())
    found = shapley(lambda members: -subsets.loss(members), 3)
    assert found.values[2] == 0.0
    assert abs(found.values[0] - found.values[1]) < 1e-6
    assert abs(sum(found.values) - (math.log(3) - subsets.loss([0, 1, 2]))) < 1e-6


def test_values_without_a_teacher_cost_their_variance() -> None:
    target = torch.linspace(-1, 1, 120)[torch.randperm(120, generator=torch.Generator().manual_seed(0))].unsqueeze(1)
    answers = Values.of(target + 0.1)
    subsets = subsets_of(Signals(("near",), (answers,)), batch_of(target))
    assert abs(subsets.loss([]) - float(target.var())) < 0.05
    assert subsets.loss([0]) < 0.02


def test_weights_of_a_subset_are_the_teachers_own() -> None:
    signals, batch = three()
    bad = Classes.of(torch.zeros(len(batch), 3), "logits")
    both = Signals(("good", "bad"), (signals.answers[0], bad))
    trusting = subsets_of(both, batch, Weighted(weights={"good": 1.0, "bad": 0.0}))
    plain = subsets_of(both, batch, Mean())
    assert abs(trusting.loss([0, 1]) - plain.loss([0])) < 1e-5
    assert plain.loss([0, 1]) > plain.loss([0]) + 0.01
    assert abs(trusting.loss([0]) - plain.loss([0])) < 1e-6
