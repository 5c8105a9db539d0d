"""What is compared when nobody says: also for values it does not depend on their unit."""

from __future__ import annotations

import numpy as np
import torch

import tutelage as tl
from tutelage.fusion import Mean
from tutelage.train import task_of


def test_the_loss_of_values_does_not_depend_on_their_unit() -> None:
    generator = np.random.default_rng(0)
    inputs = generator.normal(size=(60, 3)).astype(np.float32)
    target = inputs.sum(1) + 0.1 * generator.normal(size=60)
    student = tl.MLP(3, 1, (4,))
    found: list[float] = []
    for unit in (1.0, 1000.0):
        rows = tl.rows_of(inputs, (target * unit).astype(np.float32), names=["y"])
        rule = tl.RuleTeacher(
            lambda row, unit=unit: unit * float(row["features"].sum()), reads="features", space=rows.space
        )
        joined = tl.generate_distillation_targets(tl.Memory.of([rule], rows.columns), rows, Mean())
        assert joined.task == task_of(rows)
        found.append(joined.loss(student, rows.batch(rows.train)).item())
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=0.0)
