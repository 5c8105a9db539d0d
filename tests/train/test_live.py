"""A teacher that still changes is never stored: `distill` asks it anew at every step (plan 4)."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from tutelage.data import rows_of
from tutelage.nets import MLP
from tutelage.search import distill
from tutelage.teachers import EstimatorTeacher, ModuleTeacher
from tutelage.train import Training


class Counting(nn.Module):
    """A linear model that counts how often it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)
        self.asked = 0

    def forward(self, features: Tensor) -> Tensor:
        self.asked += len(features)
        return self.layer(features)


def test_a_changing_teacher_is_asked_at_every_step() -> None:
    inputs, target = load_iris(return_X_y=True)
    inputs = inputs.astype(np.float32)
    rows = rows_of(inputs, target)
    torch.manual_seed(0)
    model, epochs = Counting(), 3
    line = LogisticRegression(max_iter=500).fit(inputs, target)
    teachers = [
        ModuleTeacher(model, reads="features", name="moving", classes=(0, 1, 2), output="logits", frozen=False),
        EstimatorTeacher(line, reads="features", name="line"),
    ]
    report = distill(lambda: MLP(4, 3, (8,)), rows, teachers, training=Training(epochs, 32), seeds=(0,), baselines={})
    assert report.plan.startswith("plan 4")
    students = 2 + ("student: plain mean" in {c.name for c in report.contenders})
    assert model.asked >= students * epochs * len(rows.train)
