"""Flat coded claims: who says what about which fact, as index tensors; sources of data and teachers alike.

A claim is one entry of four tensors: fact, source, value, weight. Whoever says nothing about a fact has no claim there,
so that abstention costs nothing. `Claims` hold codes of values (categories), `Measurements` numbers. Every function is
one pass of scatter-adds over the claims, whatever the numbers of facts and sources.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Claims:
    """Claims about categories.

    Attributes:
        fact: int64 [M], 0 .. facts - 1.
        source: int64 [M], 0 .. sources - 1.
        value: int64 [M], codes 0 .. values - 1.
        weight: float64 [M], how much each claim counts before anything is known of its source.
        facts: number of facts, F.
        sources: number of sources, S.
        values: number of codes, V.
    """

    fact: Tensor
    source: Tensor
    value: Tensor
    weight: Tensor
    facts: int
    sources: int
    values: int

    @staticmethod
    def of(
        fact: Tensor,
        source: Tensor,
        value: Tensor,
        weight: Tensor | None = None,
        *,
        facts: int | None = None,
        sources: int | None = None,
        values: int | None = None,
    ) -> Claims:
        """With sizes found from the largest index unless given.

        Raises:
            ValueError: an index is out of range or lengths differ.
        """
        counts = [_size(name, index, size) for name, index, size in _named(fact, facts, source, sources, value, values)]
        return Claims(fact, source, value, _weights(weight, fact), *counts)

    @staticmethod
    def of_votes(votes: Tensor, values: int) -> Claims:
        """From a table int64 [F, S] in which -1 is no vote."""
        fact, source = (votes >= 0).nonzero(as_tuple=True)
        facts, sources = votes.shape
        return Claims.of(fact, source, votes[fact, source], facts=facts, sources=sources, values=values)

    @property
    def cell(self) -> Tensor:
        """int64 [M]: the claim's place in a flat table [F, V]."""
        return self.fact * self.values + self.value


@dataclass(frozen=True)
class Measurements:
    """Claims about numbers.

    Attributes:
        fact: int64 [M].
        source: int64 [M].
        value: float64 [M], finite.
        weight: float64 [M].
        facts: number of facts, F.
        sources: number of sources, S.
    """

    fact: Tensor
    source: Tensor
    value: Tensor
    weight: Tensor
    facts: int
    sources: int

    @staticmethod
    def of(
        fact: Tensor,
        source: Tensor,
        value: Tensor,
        weight: Tensor | None = None,
        *,
        facts: int | None = None,
        sources: int | None = None,
    ) -> Measurements:
        """With sizes found from the largest index unless given.

        Raises:
            ValueError: an index is out of range, lengths differ, or a value is not finite.
        """
        sizes = [_size(*named) for named in _named(fact, facts, source, sources)]
        if not bool(torch.isfinite(value).all()):
            raise ValueError("a measurement is not finite: leave it out, an absent claim is an abstention")
        return Measurements(fact, source, value.double(), _weights(weight, fact), *sizes)


def _named(*pairs: Any) -> list[tuple[str, Tensor, int | None]]:
    return list(zip(("fact", "source", "value"), pairs[::2], pairs[1::2], strict=False))


def _size(name: str, index: Tensor, size: int | None) -> int:
    largest = int(index.max()) + 1 if len(index) else 0
    if len(index) and (int(index.min()) < 0 or (size is not None and largest > size)):
        raise ValueError(f"{name} holds {int(index.min())} to {largest - 1}, allowed are 0 to {(size or largest) - 1}")
    return largest if size is None else size


def _weights(weight: Tensor | None, fact: Tensor) -> Tensor:
    if weight is None:
        return torch.ones(len(fact), dtype=torch.float64)
    if len(weight) != len(fact) or bool((weight < 0).any()) or not bool(torch.isfinite(weight).all()):
        raise ValueError(f"{len(fact)} claims need as many finite weights of at least 0")
    return weight.double()


def added(values: Tensor, index: Tensor, size: int) -> Tensor:
    """Sum of the values of each index, float64 [size]."""
    return torch.zeros(size, dtype=torch.float64).index_add_(0, index, values)


def tally(claims: Claims, weight: Tensor | None = None) -> Tensor:
    """Weight of the claims for each value, float64 [F, V]; of their own weights unless given."""
    cells = claims.facts * claims.values
    return added(claims.weight if weight is None else weight, claims.cell, cells).view(claims.facts, claims.values)


def evenly(claims: Claims, right: Tensor, wrong: Tensor, known: Tensor | None = None) -> Tensor:
    """Log-likelihood of each value, float64 [F, V], where errors are spread evenly over the other values.

    Args:
        claims: about categories.
        right: log-probability that a claim is right, float64 [M].
        wrong: log-probability that it is wrong, float64 [M].
        known: bool [S, V], what a source can say at all, all unless given; a truth that it cannot say tells nothing.
    """
    own = torch.ones(claims.sources, claims.values, dtype=torch.bool) if known is None else known
    count = own.sum(-1).clamp_min(1).double()[claims.source]
    other = wrong - (count - 1).clamp_min(1).log()
    each = torch.where(own[claims.source], other.unsqueeze(-1), -count.log().unsqueeze(-1))
    sole = torch.where(count > 1, right, 0.0)
    each = each.scatter(1, claims.value.unsqueeze(-1), sole.unsqueeze(-1)) * claims.weight.unsqueeze(-1)
    return torch.zeros(claims.facts, claims.values, dtype=torch.float64).index_add_(0, claims.fact, each)


def shares(table: Tensor, prior: Tensor | None = None) -> Tensor:
    """Each row of a table divided by its sum; rows of zeros become the prior, [V], or equal shares."""
    total = table.sum(-1, keepdim=True)
    empty = torch.full_like(table, 1 / table.shape[-1]) if prior is None else prior.double().expand_as(table)
    return torch.where(total > 0, table / total.clamp_min(1e-300), empty)


def majority(claims: Claims, prior: Tensor | None = None) -> Tensor:
    """Share of the votes for each value, float64 [F, V]; facts without votes get the prior or equal shares."""
    return shares(tally(claims), prior)


def weighted_mean(claims: Measurements, weight: Tensor | None = None) -> Tensor:
    """Weighted mean of the claims about each fact, float64 [F]; NaN where there is none."""
    used = claims.weight if weight is None else weight
    total = added(used, claims.fact, claims.facts)
    return added(used * claims.value, claims.fact, claims.facts) / torch.where(total > 0, total, torch.nan)


def weighted_median(claims: Measurements, weight: Tensor | None = None) -> Tensor:
    """Weighted median of the claims about each fact, float64 [F]; NaN where there is none.

    The smallest value at which at least half of the weight is reached; where exactly half is, the mean of it and the
    next value, so that equal weights give the usual median.
    """
    used = claims.weight if weight is None else weight
    keep = used > 0
    fact, value, used = claims.fact[keep], claims.value[keep], used[keep]
    order = torch.argsort(value, stable=True)
    order = order[torch.argsort(fact[order], stable=True)]
    fact, value, used = fact[order], value[order], used[order]
    total = added(used, fact, claims.facts)
    count = torch.bincount(fact, minlength=claims.facts)
    first = count.cumsum(0) - count
    running = used.cumsum(0)
    before = torch.cat([running.new_zeros(1), running])[first]
    reached = (running - before[fact]) / total[fact].clamp_min(1e-300)
    found = torch.full((claims.facts,), torch.nan, dtype=torch.float64)
    half = reached >= 0.5 - 1e-12
    place = torch.arange(len(fact))
    low = torch.full((claims.facts,), len(fact), dtype=torch.int64).scatter_reduce_(0, fact[half], place[half], "amin")
    known = count > 0
    at = low[known]
    exact = (reached[at] - 0.5).abs() <= 1e-12
    following = torch.minimum(at + 1, first[known] + count[known] - 1)
    found[known] = torch.where(exact, (value[at] + value[following]) / 2, value[at])
    return found
