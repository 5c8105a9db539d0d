"""Measures of quality of numbers, in float64.

Truth and guess are [N] or [N, D]; every measure is taken per column and averaged over columns, except
those that say otherwise.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .metrics import mean_ranks


def mae(truth: Tensor, guess: Tensor) -> float:
    """Mean absolute error."""
    return float(_error(truth, guess).abs().mean())


def mse(truth: Tensor, guess: Tensor) -> float:
    """Mean squared error."""
    return float(_error(truth, guess).square().mean())


def rmse(truth: Tensor, guess: Tensor) -> float:
    """Root mean squared error."""
    return float(_error(truth, guess).square().mean(0).sqrt().mean())


def median_error(truth: Tensor, guess: Tensor) -> float:
    """Median absolute error, of an even number the mean of the middle two."""
    return float(_error(truth, guess).abs().quantile(0.5, dim=0).mean())


def largest_error(truth: Tensor, guess: Tensor) -> float:
    """Largest absolute error of all."""
    return float(_error(truth, guess).abs().max())


def mape(truth: Tensor, guess: Tensor) -> float:
    """Mean absolute error over the size of the truth, as a fraction; sizes are kept above machine epsilon."""
    size = truth.double().abs().clamp_min(torch.finfo(torch.float64).eps)
    return float((_error(truth, guess).abs() / size).mean())


def smape(truth: Tensor, guess: Tensor) -> float:
    """Mean of 2 |error| / (|truth| + |guess|) over all numbers; 0 where both are 0."""
    size = truth.double().abs() + guess.double().abs()
    return float((2 * _error(truth, guess).abs() / size.masked_fill(size == 0, 1.0)).mean())


def wape(truth: Tensor, guess: Tensor) -> float:
    """Sum of absolute errors over the sum of sizes, over all numbers."""
    return float(_error(truth, guess).abs().sum() / truth.double().abs().sum())


def r2(truth: Tensor, guess: Tensor) -> float:
    """Share of variance explained; of a constant truth 1 when it is met exactly, else 0."""
    return _explained(_error(truth, guess).square().sum(0), _away(truth).square().sum(0))


def explained_variance(truth: Tensor, guess: Tensor) -> float:
    """As `r2`, but a constant offset of the guess costs nothing."""
    return _explained(_away(_error(truth, guess)).square().sum(0), _away(truth).square().sum(0))


def pearson(truth: Tensor, guess: Tensor) -> float:
    """Linear correlation over all numbers; NaN when one side is constant."""
    a, b = _away(truth.flatten()), _away(guess.flatten())
    length = float((a.square().sum() * b.square().sum()).sqrt())
    return float((a * b).sum()) / length if length > 0 else math.nan


def spearman(truth: Tensor, guess: Tensor) -> float:
    """Correlation of ranks over all numbers, equal ones sharing theirs; NaN when one side is constant."""
    return pearson(mean_ranks(truth.flatten()), mean_ranks(guess.flatten()))


def kendall(truth: Tensor, guess: Tensor) -> float:
    """Tau-b over all N numbers, in time and memory N^2; NaN when one side is constant."""
    a, b = ((x.flatten() - x.flatten().unsqueeze(1)).sign().double() for x in (truth, guess))
    length = float((a.abs().sum() * b.abs().sum()).sqrt())
    return float((a * b).sum()) / length if length > 0 else math.nan


def pinball(truth: Tensor, guess: Tensor, quantile: float) -> float:
    """Loss that the given quantile of the truth minimises; Koenker and Bassett 1978."""
    error = -_error(truth, guess)
    return float(torch.maximum(quantile * error, (quantile - 1.0) * error).mean())


def gaussian_nll(truth: Tensor, mean: Tensor, scale: Tensor) -> float:
    """Mean negative log-density of the truth in nats, the constant included; Nix and Weigend 1994."""
    away = _error(truth, mean) / scale.double()
    return float((0.5 * away.square() + scale.double().log()).mean()) + 0.5 * math.log(2 * math.pi)


def _error(truth: Tensor, guess: Tensor) -> Tensor:
    return guess.double() - truth.double()


def _away(values: Tensor) -> Tensor:
    return values.double() - values.double().mean(0)


def _explained(left: Tensor, whole: Tensor) -> float:
    constant = torch.where(left > 0, 0.0, 1.0).double()
    return float(torch.where(whole > 0, 1.0 - left / whole.masked_fill(whole == 0, 1.0), constant).mean())
