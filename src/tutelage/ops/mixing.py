"""Mixing over the teacher axis."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .simplex import normalised


def mixed(phi: Tensor, weights: Tensor) -> Tensor:
    """Weighted sum over teachers: phi [T, *items, ...] and weights [T, *items] give [*items, ...]."""
    return (phi * _expand(weights, phi.dim())).sum(0)


BLOCK = 2**17
"""Numbers handled at a time where there are many classes: few enough to stay in a core's own cache."""


def softmax_mixture(scores: Sequence[Tensor], weights: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Mixed softmaxes of many classes, teacher by teacher: [T, B, C] never exists and nothing is kept for gradients.

    Args:
        scores: T tensors float [B, C], finite where the weight is not 0.
        weights: float [T, B].
        temperature: divides the scores.

    Returns:
        sum_k w_k p_k, float [B, C], and sum_k w_k sum_c p_kc log p_kc, float [B].
    """
    rows, classes = scores[0].shape
    step = min(rows, max(1, BLOCK // classes))
    mean, order, heard = torch.zeros_like(scores[0]), scores[0].new_zeros(rows), weights.to(scores[0].dtype)
    silent = bool((heard <= 0).any())
    odds, logits = mean.new_empty(step, classes), mean.new_ones(step + 1, classes)  # a last row of ones adds up
    with torch.no_grad():
        for part in (slice(at, min(at + step, rows)) for at in range(0, rows, step)):
            size = part.stop - part.start
            for own, weight in zip(scores, heard[:, part], strict=True):
                block = torch.where(weight.unsqueeze(1) > 0, own[part], 0.0) if silent else own[part]
                top = block.amax(-1, keepdim=True).div_(-temperature)
                torch.add(top, block, alpha=1.0 / temperature, out=logits[-1 - size : -1])
                torch.exp(logits[-1 - size : -1], out=odds[:size])
                sums = odds[:size] @ logits[-1 - size :].T
                total = sums[:, -1]
                mean[part].addcmul_(odds[:size], (weight / total).unsqueeze(1))
                order[part] += weight * (sums.diagonal() / total - total.log())
    return mean, order


def geometric(log_probs: Tensor, weights: Tensor) -> Tensor:
    """Logarithmic opinion pool: sum over teachers of weight times log-probability, normalised.

    Args:
        log_probs: float [T, B, C], finite.
        weights: float [T, B].

    Returns:
        log-probabilities float [B, C].
    """
    return torch.log_softmax(mixed(log_probs, weights), dim=-1)


def among(values: Tensor, known: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean over the teachers that know an entry: [T, *items] to [*items]; 0 where none does.

    Args:
        values: float [T, *items].
        known: bool [T, *items].
        weights: float, broadcasts against `values`; equal where all weights of the knowing vanish.
    """
    heard = torch.where(known, values, torch.zeros_like(values))
    return mixed(heard, normalised(weights.expand_as(values), known))


def median(values: Tensor, valid: Tensor) -> Tensor:
    """Median over valid teachers (mean of the middle two when even), [T, *items] to [*items]; else 0."""
    return trimmed(values, valid, 0.5)


def trimmed(values: Tensor, valid: Tensor, share: float) -> Tensor:
    """Mean over valid teachers after dropping the share of smallest and of largest values.

    Args:
        values: float [T, *items].
        valid: bool [T, *items].
        share: part cut off at each end, in [0, 0.5]; floor(share * n) teachers of n are cut, but one
            (or the middle two, when n is even) is always kept.

    Returns:
        float [*items]; 0 where no teacher is valid.
    """
    ordered = values.masked_fill(~valid, torch.inf).sort(0).values
    count = valid.sum(0, keepdim=True)
    cut = torch.minimum((count * share + 1e-9).floor().long(), (count - 1).clamp_min(0) // 2)
    place = torch.arange(values.shape[0], device=values.device)
    place = place.view(-1, *[1] * (values.dim() - 1))
    kept = (place >= cut) & (place < count - cut)
    total = torch.where(kept, ordered, torch.zeros_like(ordered)).sum(0)
    return total / kept.sum(0).clamp_min(1)


def moments(mean: Tensor, variance: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of a mixture of T distributions, all [T, *items] to [*items]."""
    centre = mixed(mean, weights)
    return centre, mixed(variance + (mean - centre).square(), weights)


def leave_one_out(phi: Tensor, weights: Tensor) -> Tensor:
    """For each teacher j the weighted mean of the others: sum over i != j of w_i phi_i / sum of w_i.

    Args:
        phi: float [T, *items, ...].
        weights: float [T, *items].

    Returns:
        float like `phi`; 0 where no other teacher has weight.
    """
    wide = _expand(weights, phi.dim())
    others, total = _sum_of_others(phi * wide), _sum_of_others(wide)
    return torch.where(total > 0, others / total.clamp_min(torch.finfo(phi.dtype).tiny), torch.zeros_like(others))


def _sum_of_others(values: Tensor) -> Tensor:
    """Sums over the first axis without the entry itself; nothing is subtracted, so nothing cancels."""
    zero = torch.zeros_like(values[:1])
    before = torch.cat([zero, values[:-1]]).cumsum(0)
    after = torch.cat([values[1:], zero]).flip(0).cumsum(0).flip(0)
    return before + after


def _expand(weights: Tensor, dims: int) -> Tensor:
    return weights.view(*weights.shape, *[1] * (dims - weights.dim()))
