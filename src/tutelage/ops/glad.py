"""GLAD (Whitehill et al. 2009): how able each source is and how hard each fact, from claims alone.

A source s is right about fact f with probability sigma(a_s b_f), b_f > 0; its errors are spread evenly. Abilities a and
log b have a normal prior with mean 1 and variance 1; the prior of the values is uniform.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .claims import Claims, added, evenly

MEAN = 1.0
"""Prior mean of abilities and of log b."""
INNER = 10
"""Rounds over abilities and facts in one step of expectation-maximisation."""
INNER_FIXED = 2
"""The same where abilities are known."""


@dataclass(frozen=True)
class Graded:
    """What claims say together.

    Attributes:
        prob: float64 [F, V]: probability of each value of each fact.
        ability: float64 [S]; 0 is chance on two values, below it a source errs on purpose.
        ease: float64 [F], log b; small where facts are hard.
        steps: iterations made.
    """

    prob: Tensor
    ability: Tensor
    ease: Tensor
    steps: int


def glad(
    claims: Claims,
    *,
    steps: int = 100,
    tolerance: float = 1e-6,
    ability: Tensor | None = None,
    known: Tensor | None = None,
) -> Graded:
    """Abilities and difficulties by expectation-maximisation, or difficulties alone.

    Args:
        claims: about categories.
        steps: most iterations.
        tolerance: stops when no probability moves more.
        ability: of the sources, [S], where it has been found before; learned unless given.
        known: bool [S, V], the values a source can say at all; all unless given.
    """
    own = torch.ones(claims.sources, claims.values, dtype=torch.bool) if known is None else known
    fixed = ability is not None
    skill = torch.full((claims.sources,), MEAN, dtype=torch.float64) if ability is None else ability.double()
    ease = torch.full((claims.facts,), MEAN, dtype=torch.float64)
    prob, made = posterior(claims, skill, ease, own), 0
    for _ in range(steps):
        made += 1
        for _ in range(INNER_FIXED if fixed else INNER):
            skill = skill if fixed else _better(claims, prob, skill, ease, own, of_sources=True)
            ease = _better(claims, prob, skill, ease, own, of_sources=False)
        new = posterior(claims, skill, ease, own)
        moved = float((new - prob).abs().amax()) if new.numel() else 0.0
        prob = new
        if moved < tolerance:
            break
    return Graded(prob, skill, ease, made)


def posterior(claims: Claims, ability: Tensor, ease: Tensor, known: Tensor) -> Tensor:
    """Probabilities [F, V] under given abilities [S] and log b [F]; a truth that a source cannot say tells nothing."""
    odds = ability[claims.source] * ease.exp()[claims.fact]
    right, wrong = torch.nn.functional.logsigmoid(odds), torch.nn.functional.logsigmoid(-odds)
    return torch.softmax(evenly(claims, right, wrong, known), dim=-1)


def _better(claims: Claims, prob: Tensor, ability: Tensor, ease: Tensor, known: Tensor, *, of_sources: bool) -> Tensor:
    """One damped step uphill: abilities with difficulties held, or the other way round."""
    scale = ease.exp()[claims.fact]
    odds = ability[claims.source] * scale
    sure = torch.sigmoid(odds)
    right = prob[claims.fact, claims.value]
    heard = (prob[claims.fact] * known[claims.source]).sum(-1)
    turn = scale if of_sources else odds
    place, size = (claims.source, claims.sources) if of_sources else (claims.fact, claims.facts)
    now = ability if of_sources else ease
    uphill = added(claims.weight * turn * (right - heard * sure), place, size) - (now - MEAN)
    bend = added(claims.weight * turn.square() * heard * sure * (1 - sure), place, size) + 1.0
    return now + (uphill / bend).clamp(-1.0, 1.0)
