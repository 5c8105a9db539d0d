"""Divergences between distributions over C classes: one number per row, in nats.

Both sides are log-probabilities [..., C]; minus infinity is probability 0. Everything is differentiable
in both and finite, with finite gradients, wherever the divergence itself is.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def expected(probs: Tensor, values: Tensor) -> Tensor:
    """Sum over classes of probability times value [...]; probability 0 gives 0, even times infinity."""
    return (probs * values.masked_fill(probs == 0, 0.0)).sum(-1)


def cross_entropy(log_p: Tensor, log_q: Tensor) -> Tensor:
    """H(p, q) = -sum p log q."""
    return -expected(log_p.exp(), log_q)


def kl(log_p: Tensor, log_q: Tensor) -> Tensor:
    """KL(p || q); Kullback and Leibler 1951."""
    return expected(log_p.exp(), log_p - log_q)


def generalized_jsd(log_p: Tensor, log_q: Tensor, beta: float = 0.5) -> Tensor:
    """beta KL(p || m) + (1 - beta) KL(q || m) with m = beta p + (1 - beta) q; Lin 1991.

    Args:
        log_p: [..., C].
        log_q: [..., C].
        beta: 0 stands for KL(p || q) and 1 for KL(q || p), which are the limits of the divergence divided
            by beta and by 1 - beta; the divergence itself goes to 0 there.
    """
    if beta == 0.0:
        return kl(log_p, log_q)
    if beta == 1.0:
        return kl(log_q, log_p)
    p, q = log_p.exp(), log_q.exp()
    nowhere = torch.isneginf(log_p) & torch.isneginf(log_q)
    log_p, log_q = log_p.masked_fill(nowhere, 0.0), log_q.masked_fill(nowhere, 0.0)
    log_m = torch.logaddexp(log_p + math.log(beta), log_q + math.log(1.0 - beta))
    return beta * expected(p, log_p - log_m) + (1.0 - beta) * expected(q, log_q - log_m)


def total_variation(log_p: Tensor, log_q: Tensor) -> Tensor:
    """Half the sum of absolute differences, in [0, 1]."""
    return (log_p.exp() - log_q.exp()).abs().sum(-1) / 2


def squared_hellinger(log_p: Tensor, log_q: Tensor) -> Tensor:
    """Half the sum of squared differences of square roots, in [0, 1]; Hellinger 1909."""
    return ((log_p / 2).exp() - (log_q / 2).exp()).square().sum(-1) / 2


def wasserstein(log_p: Tensor, log_q: Tensor) -> Tensor:
    """First Wasserstein distance when class c lies at place c of a line."""
    return (log_p.exp() - log_q.exp()).cumsum(-1)[..., :-1].abs().sum(-1)
