from __future__ import annotations

import torch

from tutelage.core import Classes, Context
from tutelage.fusion import Mean


def answers(*teachers: list[list[float]], **more: torch.Tensor) -> Classes:
    """Stacked answers [T, B, C] from probabilities."""
    return Classes.of(torch.tensor(teachers, dtype=torch.float64).log(), "log_probs", **more)


def test_everyone_who_answers_counts_alike() -> None:
    valid = torch.tensor([[True, True, False], [True, False, False], [True, False, False]])
    weights = Mean()(answers(*[[[0.5, 0.5]] * 3] * 3, valid=valid), Context()).values
    third = 1 / 3
    wanted = torch.tensor([[third, 1.0, 0.0], [third, 0.0, 0.0], [third, 0.0, 0.0]], dtype=torch.float64)
    assert torch.allclose(weights, wanted, atol=0, rtol=1e-15)
