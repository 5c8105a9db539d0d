from __future__ import annotations

import torch

from tutelage.core import Context, Values
from tutelage.fusion import Mean, Precision
from tutelage.ops.mixing import mixed


def test_it_estimates_better_than_the_mean() -> None:
    """Independent teachers with known errors: the variance falls to 1 / sum of precisions, as it should."""
    chance = torch.Generator().manual_seed(0)
    scale = torch.tensor([0.1, 1.0, 3.0]).view(3, 1, 1).expand(3, 4000, 1)
    signals = Values.of(scale * torch.randn(3, 4000, 1, generator=chance), scale)
    error = {f.name: mixed(signals.mean, f(signals, Context()).values).var().item() for f in (Mean(), Precision())}
    best = 1 / (1 / scale[:, 0, 0] ** 2).sum().item()
    assert abs(error["precision"] / best - 1) < 0.1
    assert error["mean"] > 50 * error["precision"]


def test_extreme_scales_stay_on_the_simplex() -> None:
    scale = torch.tensor([1e-30, 1e-30, 1e30]).view(3, 1, 1)
    weights = Precision()(Values.of(torch.zeros(3, 1, 1), scale), Context()).values
    assert weights.flatten().tolist() == [0.5, 0.5, 0.0]
