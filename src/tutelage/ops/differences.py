"""How far apart teachers are: distances between distributions, entry by entry and pair by pair."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from .simplex import positive

Measure = Literal["squared", "kl", "js"]


def squared(p: Tensor, q: Tensor) -> Tensor:
    """Entries of the squared Euclidean distance, (p_c - q_c)^2, like `p`; their sum is the distance."""
    return (p - q).square()


def kl(p: Tensor, q: Tensor) -> Tensor:
    """Entries of KL(p || q) in nats, p_c log(p_c / q_c) - p_c + q_c, like `p`; Kullback and Leibler 1951.

    Each entry is at least 0, and since both sides sum to 1 the entries sum to the divergence. Zeros of
    `q` count as the smallest normal number, so that every entry is finite.
    """
    return (torch.special.xlogy(p, p) - torch.special.xlogy(p, positive(q)) - p + q).clamp_min(0.0)


def js(p: Tensor, q: Tensor) -> Tensor:
    """Entries of the Jensen-Shannon divergence in nats, like `p`; their sum is at most log 2; Lin 1991."""
    middle = (p + q) / 2
    return (kl(p, middle) + kl(q, middle)) / 2


def pairwise(probs: Tensor, measure: Measure = "squared", known: Tensor | None = None) -> Tensor:
    """Distances between every two teachers, entry by entry; sum over the last axis for whole distances.

    Args:
        probs: float [T, *items, C], probabilities, 0 where a teacher does not know the class.
        measure: `squared`, `kl` (row teacher against column teacher) or `js`.
        known: bool [T, *items, C], classes each teacher knows; unless given, all. Two teachers are
            compared on the classes that both know, each renormalised there; 0 elsewhere.

    Returns:
        float [T, T, *items, C].
    """
    measured = {"squared": squared, "kl": kl, "js": js}[measure]
    if known is None:
        return torch.stack([measured(one.expand_as(probs), probs) for one in probs])
    rows: list[Tensor] = []
    for one, sees in zip(probs, known, strict=True):
        both = known & sees
        rows.append(measured(_within(one.expand_as(probs), both), _within(probs, both)))
    return torch.stack(rows)


def _within(probs: Tensor, both: Tensor) -> Tensor:
    """Probabilities renormalised on some classes; equal ones where they hold no mass at all."""
    kept = torch.where(both, probs, torch.zeros_like(probs))
    total = kept.sum(-1, keepdim=True)
    tiny = torch.finfo(probs.dtype).tiny
    equal = both.to(probs.dtype) / both.sum(-1, keepdim=True).clamp_min(1)
    return torch.where(total > tiny, kept / total.clamp_min(tiny), equal)
