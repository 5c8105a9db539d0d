"""Mixing over the teacher axis."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .simplex import normalised


def mixed(phi: Tensor, weights: Tensor) -> Tensor:
    """Weighted sum over teachers: phi [T, *items, ...] and weights [T, *items] give [*items, ...]."""
    return (phi * _expand(weights, phi.dim())).sum(0)


BLOCK = 2**19
"""Numbers handled at a time where there are many classes: one pass over them costs more than the calls do, and they
stay in the cache of a processor."""

GROUP = 2**22
"""Numbers handled at a time on any other device, of several teachers: there the calls cost more than the passes."""

_FEW, _SEEN = 512, 1e-20
"""Classes among which one is looked for whose probability is at least so much."""


def softmax_mixture(scores: Sequence[Tensor], weights: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Mixed softmaxes of many classes, teacher by teacher: [T, B, C] never exists and nothing is kept for gradients.

    Args:
        scores: T tensors float [B, C], finite where the weight is not 0.
        weights: float [T, B].
        temperature: divides the scores.

    Returns:
        sum_k w_k p_k, float [B, C], and sum_k w_k sum_c p_kc log p_kc, float [B].
    """
    if not scores[0].is_cpu:
        return _mixture_in_groups(scores, weights, temperature)
    rows, classes = scores[0].shape
    step = min(rows, max(1, BLOCK // classes))
    mean, order, heard = torch.zeros_like(scores[0]), scores[0].new_zeros(rows), weights.to(scores[0].dtype)
    silent = bool((heard <= 0).any())
    logits, odds = mean.new_empty(step, classes), mean.new_empty(step, classes)
    with torch.no_grad():
        for part in (slice(at, min(at + step, rows)) for at in range(0, rows, step)):
            size = part.stop - part.start
            for own, weight in zip(scores, heard[:, part], strict=True):
                block = torch.where(weight.unsqueeze(1) > 0, own[part], 0.0) if silent else own[part]
                z, p = logits[:size], odds[:size]
                near = block[:, :_FEW].amax(-1, keepdim=True).div_(-temperature)  # so that z has no large offset
                torch.add(near, block, alpha=1.0 / temperature, out=z)
                torch.softmax(z, -1, out=p)
                mean[part].addcmul_(p, weight.unsqueeze(1))
                total = _log_total(z, p)
                order[part] += weight * (torch.mul(p, z, out=z).sum(-1) - total)
    return mean, order


@torch.no_grad()
def _mixture_in_groups(scores: Sequence[Tensor], weights: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """`softmax_mixture` with as few calls as memory allows, and without waiting for any of them."""
    mean, heard = torch.zeros_like(scores[0]), weights.to(scores[0].dtype)
    order, size = mean.new_zeros(len(mean)), max(1, GROUP // max(mean.numel(), 1))
    for at in range(0, len(scores), size):
        trust = heard[at : at + size]
        z = torch.stack(list(scores[at : at + size])).div_(temperature)
        z.masked_fill_((trust <= 0).unsqueeze(-1), 0.0)
        z = torch.log_softmax(z, -1)
        p = z.exp()
        order += (z.mul_(p).sum(-1) * trust).sum(0)
        mean += p.mul_(trust.unsqueeze(-1)).sum(0)
    return mean, order


def cross_entropy_wide(scores: Tensor, phi: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """-sum_c phi_c log q_c [B] with q = softmax(scores / temperature), and q [B, C], for many classes.

    Args:
        scores: float [B, C].
        phi: float [B, C], each row sums to 1.
        temperature: divides the scores.
    """
    near = scores[:, :_FEW].amax(-1, keepdim=True).div_(-temperature).nan_to_num_(0.0, 0.0, 0.0)
    z = torch.add(near, scores, alpha=1.0 / temperature)
    q = torch.softmax(z, -1)
    total = _log_total(z, q)
    return total - torch.mul(phi, z, out=z).sum(-1), q


def _log_total(z: Tensor, p: Tensor) -> Tensor:
    """logsumexp(z), where p = softmax(z) is known: z - log p wherever p is not tiny."""
    share = p[:, :_FEW].amax(-1)
    if bool((share < _SEEN).any()):
        return z.amax(-1) - p.amax(-1).log()
    return z[:, :_FEW].amax(-1) - share.log()


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
