"""How far a voter can be trusted, judged on known labels; without labels see `claims`, `dawid_skene` and `truth`."""

from __future__ import annotations

import torch
from torch import Tensor

SMALLEST_TEMPERATURE, LARGEST_TEMPERATURE = 0.01, 100.0


def fit_temperature(scores: Tensor, target: Tensor, steps: int = 200, tolerance: float = 1e-10) -> float:
    """argmin over T of the mean negative log-likelihood of softmax(scores / T); Guo et al. 2017.

    The loss is unimodal in log T (it is convex in 1/T), so a golden-section search finds it.

    Args:
        scores: float [N, C], minus infinity marks classes that are out of the question.
        target: int64 [N], among the possible classes.
        steps: most narrowing steps.
        tolerance: of log T.
    """
    wide = scores.double()

    def loss(log_t: float) -> float:
        logs = torch.log_softmax(wide / torch.tensor(log_t, dtype=torch.float64).exp(), dim=-1)
        return float(-logs.gather(-1, target.unsqueeze(-1)).mean())

    low = float(torch.tensor(SMALLEST_TEMPERATURE, dtype=torch.float64).log())
    high = float(torch.tensor(LARGEST_TEMPERATURE, dtype=torch.float64).log())
    golden = (5.0**0.5 - 1.0) / 2.0
    a, b = high - golden * (high - low), low + golden * (high - low)
    loss_a, loss_b = loss(a), loss(b)
    for _ in range(steps):
        if high - low < tolerance:
            break
        if loss_a < loss_b:
            high, b, loss_b = b, a, loss_a
            a = high - golden * (high - low)
            loss_a = loss(a)
        else:
            low, a, loss_a = a, b, loss_b
            b = low + golden * (high - low)
            loss_b = loss(b)
    return float(torch.tensor((low + high) / 2, dtype=torch.float64).exp())


def confusion_posterior(votes: Tensor, target: Tensor, coverage: Tensor) -> Tensor:
    """P(truth | vote) from held-out votes, Laplace-smoothed and shrunk to the voter's accuracy.

    The prior of row v puts the voter's overall (smoothed) accuracy on class v and spreads the rest;
    it counts as much as C observations.

    Args:
        votes: shares of votes, float [N, C].
        target: int64 [N].
        coverage: bool [C].

    Returns:
        float [C, C]; rows sum to 1 over the covered classes.
    """
    classes = votes.shape[-1]
    known = coverage.to(votes.dtype)
    count = int(known.sum())
    chosen = votes.argmax(-1)
    accuracy = (float((chosen == target).sum()) + 1.0) / (len(target) + 2.0)
    prior = torch.eye(classes, dtype=votes.dtype)
    rest = (1.0 - accuracy) / max(count - 1, 1)
    prior = prior * (accuracy - rest) + rest
    observed = torch.zeros(classes, classes, dtype=votes.dtype)
    observed.index_put_((chosen, target), torch.ones(len(target), dtype=votes.dtype), accumulate=True)
    table = (observed + count * prior) * known
    return table / table.sum(-1, keepdim=True)


def residual_scale(mean: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Root mean squared held-out residual per column, floored at a thousandth of the target's spread.

    Args:
        mean: float [N, D].
        target: float [N, D].
        known: bool [N, D].

    Returns:
        float [D].
    """
    count = known.sum(0).clamp_min(1)
    error = torch.where(known, mean - target, torch.zeros_like(mean))
    centre = torch.where(known, target, torch.zeros_like(target)).sum(0) / count
    spread = torch.where(known, target - centre, torch.zeros_like(target)).square().sum(0).div(count).sqrt()
    return torch.maximum(error.square().sum(0).div(count).sqrt(), spread * 1e-3 + 1e-12)
