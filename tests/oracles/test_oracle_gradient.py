"""AEKD's weights against an interior-point solution, through `Distillation.loss`.

The golden gradients are any numbers. The gradient of a label's binary KL is sigmoid(z) - p, so that with a student at
logit 0 a teacher with p = 1/2 - s g has the gradient s g; the weights must not depend on the scale s.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import oracle
from distilling import Says, gradient, named
from tutelage.core import Batch, Labels
from tutelage.fusion import AEKD
from tutelage.tasks import MultiLabel
from tutelage.teaching import Distillation, Memory, Objective
from tutelage.teaching.terms import BinaryKL


@pytest.mark.parametrize("case", oracle.cases("aekd_weights"))
def test_weights(case: str) -> None:
    numbers = oracle.load("aekd_weights")[case]
    pulls = torch.from_numpy(numbers["grads"]).double()
    rows, width = pulls.shape[1:]
    probs = 0.5 - 0.45 * pulls / pulls.abs().max()
    task: Any = MultiLabel(tuple(f"l{i}" for i in range(width)))
    signals = named(*[Labels.of(torch.logit(one)) for one in probs])
    term: Any = BinaryKL(1.0)
    distillation = Distillation(Memory(signals), AEKD(float(numbers["cap"])), Objective((term,), soft=1.0), task)
    assert distillation.plan.number == 2
    student = Says(torch.zeros(rows, width, dtype=torch.float64))
    loss = distillation.loss(student, Batch.of({"row": torch.arange(rows)}))
    assert loss.weights is not None
    alpha = loss.weights[:, 0, 0].numpy()
    gram = numbers["gram_scaled"]
    assert 0.5 * alpha @ gram @ alpha == pytest.approx(float(numbers["objective_scaled"]), rel=1e-7, abs=1e-12)
    if bool(numbers["unique"]):
        np.testing.assert_allclose(alpha, numbers["alpha"], atol=1e-5)
    pull = gradient(loss.total, student).view(rows, width)
    wanted = torch.einsum("k,kbc->bc", torch.from_numpy(alpha), 0.5 - probs) / rows
    ratio = (pull * wanted).sum() / wanted.square().sum().clamp_min(1e-30)
    torch.testing.assert_close(pull, ratio * wanted, rtol=1e-6, atol=1e-9)
