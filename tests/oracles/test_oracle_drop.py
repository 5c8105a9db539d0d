"""UNIC's rule of who is kept, on the losses it was given.

Only the rule is compared: the golden losses are of features, and UNIC divides by the number of kept pairs of the batch.
With one number per row and a student at 0, the squared difference of a teacher at sqrt(loss) is that loss.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

import oracle
from tutelage.core import Context, Values
from tutelage.fusion import RandomDrop


@pytest.mark.parametrize("case", oracle.cases("unic"))
@pytest.mark.parametrize("drop", [0.0, 0.5, 1.0])
def test_who_is_kept(case: str, drop: float) -> None:
    numbers = oracle.load("unic")[case]
    losses = torch.from_numpy(numbers["loss_per_teacher"]).double()
    context = Context(student=Values.of(torch.zeros(losses.shape[1], 1)), generator=torch.Generator().manual_seed(0))
    kept = RandomDrop(drop)(Values.of(losses.sqrt().unsqueeze(-1)), context).values.squeeze(-1) > 0
    wanted = numbers[f"drop{drop:g}_keep"] > 0
    if drop != 0.5:
        np.testing.assert_array_equal(kept.numpy(), wanted)
    for rule in (kept.numpy(), wanted):
        assert rule[losses.argmax(0), np.arange(losses.shape[1])].all()
