"""Calibration against a numerical optimum, through the teacher that `Distillation` really listens to.

Covered keys of temperature_scaling: temperature, nll_before, nll_after.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import oracle
from tutelage.core import Batch, Classes, Signals
from tutelage.fusion import Mean
from tutelage.tasks import Classification
from tutelage.teaching.calibration import AsIs, Calibration, Temperature, calibrate
from tutelage.teaching.distillation import Distillation
from tutelage.teaching.objective import Objective
from tutelage.teaching.sources import Memory
from tutelage.teaching.terms import KL


class Blank(nn.Module):
    """A student that says the same about every class."""

    def __init__(self, rows: int, classes: int) -> None:
        super().__init__()
        self.answers = nn.Parameter(torch.zeros(rows, classes, dtype=torch.float64))

    def forward(self, row: torch.Tensor) -> torch.Tensor:
        return self.answers[row]


def nll(calibration: Calibration, answer: Classes, target: torch.Tensor) -> float:
    """Of what the student hears from this teacher, read off the gradient of the loss."""
    rows, classes = answer.scores.shape
    task: Any = Classification(tuple(str(c) for c in range(classes)))
    source = Memory(Signals(("teacher",), (answer,)))
    fusion: Any = Mean()
    term: Any = KL(1.0)
    distillation = Distillation(source, fusion, Objective((term,), soft=1.0), task, (calibration,))
    student = Blank(rows, classes)
    distillation.loss(student, Batch.of({"row": torch.arange(rows)}, target)).backward()
    assert student.answers.grad is not None
    heard = 1.0 / classes - rows * student.answers.grad
    return float(-heard[torch.arange(rows), target].log().mean())


@pytest.mark.parametrize("case", oracle.cases("temperature_scaling"))
def test_temperature(case: str) -> None:
    numbers = oracle.load("temperature_scaling")[case]
    answer = Classes.of(torch.from_numpy(numbers["z"]).double(), "logits")
    target = torch.from_numpy(numbers["y"])
    found = calibrate(answer, target, torch.ones_like(target, dtype=torch.bool))
    assert isinstance(found, Temperature)
    np.testing.assert_allclose(found.value, numbers["temperature"], rtol=1e-4)
    np.testing.assert_allclose(nll(AsIs(), answer, target), numbers["nll_before"], rtol=1e-8)
    np.testing.assert_allclose(nll(found, answer, target), numbers["nll_after"], rtol=1e-8)
    assert found.value != pytest.approx(1.0, abs=0.05)
