"""Dawid and Skene 1979: the truth and each source's habits of error, from claims alone, by expectation-maximisation.

`dawid_skene` learns a confusion matrix per source, `one_coin` only how often it is right. The full model has V² numbers
per source, so few claims overfit it: stop early (few steps), put pseudo-counts on the diagonal (`smoothing`), or take
the one coin. The class prior is learned unless given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .claims import Claims, added, majority, tally

FLOOR = 1e-10


@dataclass(frozen=True)
class Consensus:
    """What the claims say together.

    Attributes:
        prob: float64 [F, V]: probability of each value of each fact.
        error: float64 [S, V, V]: probability that a source says (second axis) when the truth is (third axis).
        prior: float64 [V].
        steps: iterations made.
    """

    prob: Tensor
    error: Tensor
    prior: Tensor
    steps: int

    @property
    def accuracy(self) -> Tensor:
        """float64 [S]: how often each source is right, by the prior over the truth."""
        return (self.error.diagonal(dim1=-2, dim2=-1) * self.prior).sum(-1)


def dawid_skene(
    claims: Claims,
    *,
    steps: int = 10,
    tolerance: float = 1e-9,
    smoothing: float = 0.0,
    prior: Tensor | None = None,
    start: Tensor | None = None,
    known: Tensor | None = None,
) -> Consensus:
    """One confusion matrix per source.

    Args:
        claims: about categories; S·V² numbers are learned.
        steps: most iterations; few of them are the usual guard against overfitting.
        tolerance: stops when the log-likelihood per claim gains less.
        smoothing: pseudo-counts per source and true value, four fifths of them on being right.
        prior: of the values, [V]; learned unless given.
        start: first probabilities, [F, V]; shares of the votes unless given.
        known: bool [S, V], the values a source can say at all; all unless given.
    """
    return _em(claims, _confusions, steps, tolerance, smoothing, prior, start, known)


def one_coin(
    claims: Claims,
    *,
    steps: int = 100,
    tolerance: float = 1e-9,
    smoothing: float = 0.0,
    prior: Tensor | None = None,
    start: Tensor | None = None,
    known: Tensor | None = None,
) -> Consensus:
    """One accuracy per source; its mistakes are spread evenly over the other values.

    Args:
        claims: about categories.
        steps: most iterations.
        tolerance: as in `dawid_skene`.
        smoothing: pseudo-claims per source, four fifths of them right.
        prior: as in `dawid_skene`.
        start: as in `dawid_skene`.
        known: as in `dawid_skene`; a truth that a source cannot say tells nothing of its accuracy.
    """
    return _em(claims, _coins, steps, tolerance, smoothing, prior, start, known)


def _em(
    claims: Claims,
    learn: Callable[[Claims, Tensor, float, Tensor], Tensor],
    steps: int,
    tolerance: float,
    smoothing: float,
    prior: Tensor | None,
    start: Tensor | None,
    known: Tensor | None,
) -> Consensus:
    own = torch.ones(claims.sources, claims.values, dtype=torch.bool) if known is None else known
    prob = majority(claims, prior) if start is None else start.double()
    last, made = -torch.inf, 0
    error, learned = learn(claims, prob, smoothing, own), _prior(prob, prior)
    for _ in range(steps):
        made += 1
        prob, likelihood = _posterior(claims, error.clamp_min(FLOOR).log(), learned)
        error, learned = learn(claims, prob, smoothing, own), _prior(prob, prior)
        if likelihood - last < tolerance:
            break
        last = likelihood
    return Consensus(prob, error, learned, made)


def _prior(prob: Tensor, given: Tensor | None) -> Tensor:
    return prob.mean(0) if given is None else given.double() / given.double().sum()


def _posterior(claims: Claims, log_error: Tensor, prior: Tensor) -> tuple[Tensor, float]:
    """Probabilities [F, V] and the log-likelihood per claim."""
    each = claims.weight.unsqueeze(-1) * log_error[claims.source, claims.value]
    logs = torch.zeros(claims.facts, claims.values, dtype=torch.float64).index_add_(0, claims.fact, each)
    logs = logs + prior.clamp_min(FLOOR).log()
    norm = torch.logsumexp(logs, dim=-1, keepdim=True)
    return (logs - norm).exp(), float(norm.sum()) / max(len(claims.fact), 1)


def _confusions(claims: Claims, prob: Tensor, smoothing: float, known: Tensor) -> Tensor:
    """Expected confusion matrices [S, said, true]."""
    size = claims.values
    counts = torch.zeros(claims.sources * size, size, dtype=torch.float64)
    counts.index_add_(0, claims.source * size + claims.value, claims.weight.unsqueeze(-1) * prob[claims.fact])
    table = counts.view(claims.sources, size, size)
    if smoothing:
        table = table + smoothing * _spread(torch.full((claims.sources,), 0.8, dtype=torch.float64), known)
    table = table.clamp_min(FLOOR)
    return table / table.sum(1, keepdim=True)


def _coins(claims: Claims, prob: Tensor, smoothing: float, known: Tensor) -> Tensor:
    right = added(claims.weight * prob[claims.fact, claims.value], claims.source, claims.sources)
    sayable = (prob[claims.fact] * known[claims.source]).sum(-1)
    total = added(claims.weight * sayable, claims.source, claims.sources)
    skill = torch.where(
        total + smoothing > 0, (right + 0.8 * smoothing) / (total + smoothing).clamp_min(1e-300), 1 / claims.values
    )
    return _spread(skill, known)


def _spread(skill: Tensor, known: Tensor) -> Tensor:
    """[S, said, true]: right with probability `skill`, else any other value that the source can say alike."""
    size, count = known.shape[-1], known.sum(-1).double()
    right = torch.where(count > 1, skill, 1.0)
    others = (1 - right) / (count - 1).clamp_min(1)
    eye = torch.eye(size, dtype=torch.float64)
    table = eye * (right - others)[:, None, None] + others[:, None, None]
    chance = (1 / count.clamp_min(1))[:, None, None]
    return torch.where(known[:, None, :], table, chance) * known[:, :, None]


def agreement(claims: Claims) -> Tensor:
    """Share of each source's claims that agree with the majority, float64 [S]; 0 where it claims nothing."""
    table = tally(claims)
    best = table.argmax(-1)
    right = added(claims.weight * (claims.value == best[claims.fact]).double(), claims.source, claims.sources)
    return right / added(claims.weight, claims.source, claims.sources).clamp_min(1e-300)


def wawa(claims: Claims) -> Tensor:
    """Worker agreement with aggregate: a vote weighted by each source's agreement with the majority, [F, V]."""
    table = tally(claims, claims.weight * agreement(claims)[claims.source])
    return table / table.sum(-1, keepdim=True).clamp_min(1e-300)
