"""One distribution over all classes from several over some of them each.

    minimise over t   - sum_k w_k sum_c p_kc log( t_c / sum_{d in L_k} t_d )

The logarithms of t enter through convex functions only, and at the minimum t_c = P_c / sum_{k knows c} a_k with
P_c = sum_k w_k p_kc, so that one number a_k per teacher is left to be found: the minimum of the convex

    h(log a) = sum_c P_c log sum_{k knows c} a_k - sum_k w_k log a_k

by damped Newton steps with K x K matrices, for all rows at once and whatever the number of classes.
"""

from __future__ import annotations

import torch
from torch import Tensor

STEPS = 60
"""Most Newton steps; a row takes fewer than ten unless its teachers contradict each other without end."""
EXACT = 1e-10
"""Largest gradient at which a row is solved."""


def union(probs: Tensor, coverage: Tensor, weights: Tensor, floor: float = 1e-6) -> Tensor:
    """The distributions, float like `probs` [B, C], 0 for classes nobody knows; rows without weight are 0.

    Args:
        probs: float [K, B, C], 0 off coverage.
        coverage: bool [K, C].
        weights: float [K, B], not negative.
        floor: share of even probabilities over its classes that is mixed into each answer: the minimum is finite then.
    """
    known = coverage.unsqueeze(1)
    count = known.sum(-1, keepdim=True).clamp_min(1)
    even = known.double() / count
    heard = weights.double() * (known.any(-1))
    given = torch.where(heard.unsqueeze(-1) > 0, probs.double(), even)
    given = given / given.sum(-1, keepdim=True).clamp_min(1e-300)
    told = ((1 - floor) * given + floor * even) * heard.unsqueeze(-1)
    mass = told.sum(0)
    scale = heard.sum(0).clamp_min(torch.finfo(torch.float64).tiny).unsqueeze(-1)
    mass, heard = mass / scale, heard / scale.squeeze(-1)
    if bool((coverage == coverage[0]).all()):
        return mass.to(probs.dtype)
    member = coverage.double()
    active = heard > 0
    level = torch.where(
        active, (heard.clamp_min(1e-300) / (count.squeeze(-1).double() / coverage.shape[-1])).log(), 0.0
    )
    for _ in range(STEPS):
        gradient, bend = _slopes(level, mass, heard, active, member)
        if float(gradient.abs().amax()) < EXACT:
            break
        step = torch.linalg.solve(bend, gradient.T.unsqueeze(-1)).squeeze(-1).T
        level = _downhill(level, step.clamp(-4.0, 4.0), mass, heard, active, member)
    share = _pull(level, active).T @ member
    return torch.where(mass > 0, mass / share.clamp_min(1e-300), 0.0).to(probs.dtype)


def _pull(level: Tensor, active: Tensor) -> Tensor:
    """a [K, B]."""
    return torch.where(active, level.exp(), 0.0)


def _value(level: Tensor, mass: Tensor, heard: Tensor, active: Tensor, member: Tensor) -> Tensor:
    """h [B]."""
    share = _pull(level, active).T @ member
    return torch.xlogy(mass, torch.where(mass > 0, share, 1.0)).sum(-1) - (heard * level).sum(0)


def _slopes(level: Tensor, mass: Tensor, heard: Tensor, active: Tensor, member: Tensor) -> tuple[Tensor, Tensor]:
    """Gradient [K, B] of h and its second derivatives [B, K, K], made invertible."""
    pull = _pull(level, active)
    share = pull.T @ member
    ratio = torch.where(mass > 0, mass / share.clamp_min(1e-300), 0.0)
    own = pull * (ratio @ member.T).T
    squared = torch.where(mass > 0, mass / share.clamp_min(1e-300).square(), 0.0)
    cross = torch.einsum("bc,kc,jc->bkj", squared, member, member)
    bend = torch.diag_embed(own.T) - pull.T.unsqueeze(-1) * cross * pull.T.unsqueeze(-2)
    ridge = 1e-9 + (~active).double().T
    bend = bend + (active.T.unsqueeze(-1) & active.T.unsqueeze(-2)).double()  # one factor for all numbers is free
    return torch.where(active, own - heard, 0.0), bend + torch.diag_embed(ridge)


def _downhill(level: Tensor, step: Tensor, mass: Tensor, heard: Tensor, active: Tensor, member: Tensor) -> Tensor:
    """The step back along the Newton direction, halved row by row until h does not grow."""
    before = _value(level, mass, heard, active, member)
    length, worse = torch.ones_like(before), torch.ones_like(before, dtype=torch.bool)
    for _ in range(12):
        new = level - length * step
        worse = _value(new, mass, heard, active, member) > before + 1e-13 * before.abs().clamp_min(1.0)
        if not bool(worse.any()):
            return new
        length = torch.where(worse, length / 2, length)
    return torch.where(worse, level, level - length * step)
