"""Rules: resolve by a sentence anyone can check.

Where a rule leaves a tie, the source that comes first in the table's list of sources is right. The confidence of a rule
is the share of the weight of all claims about the fact that say the resolved value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from ...core import InputError
from ...ops.claims import weighted_mean, weighted_median
from .choose import best_claims, candidates, chosen, combined, usual_distance
from .table import Resolved, Resolver, Table


@final
@dataclass(frozen=True)
class Priority:
    """The first source of a list that says anything; sources not in the list come last, in the table's order.

    Args:
        order: names of sources, the most trusted first.

    Raises:
        InputError: a name is no source of the table.
    """

    order: tuple[str, ...]

    def __call__(self, table: Table) -> Resolved:
        """See `Resolver`."""
        strange = [name for name in self.order if name not in table.sources]
        if strange:
            raise InputError(f"priority names {strange}, but the sources are {list(table.sources)}")
        rank = np.full(len(table.sources), -len(self.order), dtype=np.int64)
        for place, name in enumerate(self.order):
            rank[table.sources.index(name)] = -place
        return chosen(table, best_claims(table, rank[table.source]), f"priority {', '.join(self.order)}")


@final
@dataclass(frozen=True)
class Latest:
    """The claim made last; claims without a time are older than all others."""

    def __call__(self, table: Table) -> Resolved:
        """See `Resolver`."""
        return chosen(table, best_claims(table, table.time), "latest")


@final
@dataclass(frozen=True)
class Majority:
    """The value with the most weight of claims; of values with the same weight the latest, then the earliest source."""

    def __call__(self, table: Table) -> Resolved:
        """See `Resolver`."""
        place = candidates(table)[2]
        votes = np.bincount(place, weights=table.weight)
        return chosen(table, best_claims(table, votes[place], table.time), "majority")


@final
@dataclass(frozen=True)
class MostComplete:
    """The claim of the source that fills the most columns about the same thing; then the latest."""

    def __call__(self, table: Table) -> Resolved:
        """See `Resolver`."""
        return chosen(table, best_claims(table, table.filled, table.time), "most complete")


@final
@dataclass(frozen=True)
class Smallest:
    """The smallest number, or the first word by alphabet."""

    def __call__(self, table: Table) -> Resolved:
        """See `Resolver`."""
        return chosen(table, best_claims(table, -table.code), "smallest")


@final
@dataclass(frozen=True)
class Largest:
    """The largest number, or the last word by alphabet."""

    def __call__(self, table: Table) -> Resolved:
        """See `Resolver`."""
        return chosen(table, best_claims(table, table.code), "largest")


@final
@dataclass(frozen=True)
class MeanOf:
    """The weighted mean of numbers.

    Args:
        near: claims this close to it agree with it, for the confidence; the usual distance of claims from the mean of
            their fact unless given.
    """

    near: float | None = None

    def __call__(self, table: Table) -> Resolved:
        """See `Resolver`."""
        return combined(
            table,
            weighted_mean(table.measurements()).numpy(),
            "mean",
            near=usual_distance(table) if self.near is None else self.near,
        )


@final
@dataclass(frozen=True)
class MedianOf:
    """The weighted median of numbers.

    Args:
        near: claims this close to it agree with it, for the confidence; the usual distance of claims from the mean of
            their fact unless given.
    """

    near: float | None = None

    def __call__(self, table: Table) -> Resolved:
        """See `Resolver`."""
        return combined(
            table,
            weighted_median(table.measurements()).numpy(),
            "median",
            near=usual_distance(table) if self.near is None else self.near,
        )


@final
@dataclass(frozen=True)
class Range:
    """Believes numbers from low to high only, and leaves the rest to another rule.

    A fact about which every claim is out of range stays unresolved. Claims that are not believed still count against
    the confidence.

    Args:
        low: smallest number that can be true.
        high: largest.
        then: decides between those that can.
    """

    low: float
    high: float
    then: Resolver

    def __call__(self, table: Table) -> Resolved:
        """See `Resolver`."""
        table.measurements()
        inside = (table.value >= self.low) & (table.value <= self.high)
        return _believed(table, inside, self.then, f"from {self.low:g} to {self.high:g}")


@final
@dataclass(frozen=True)
class TrustWindow:
    """Believes claims made within a length of time of the latest about the fact, and leaves the rest to another rule.

    Args:
        within: in the unit of the times; microseconds where they are dates.
        then: decides between those that are young enough.
    """

    within: float
    then: Resolver

    def __call__(self, table: Table) -> Resolved:
        """See `Resolver`."""
        latest = np.full(len(table.facts), -np.inf)
        np.maximum.at(latest, table.fact, np.where(np.isnan(table.time), -np.inf, table.time))
        young = (latest[table.fact] - table.time <= self.within) | np.isneginf(latest[table.fact])
        return _believed(table, young, self.then, f"within {self.within:g} of the latest")


def _believed(table: Table, where: np.ndarray, then: Resolver, text: str) -> Resolved:
    """What another rule makes of some claims, confidence and counts taken over all of them."""
    part = then(table.keep(where))
    size = len(table.facts)
    weight = np.bincount(table.fact, weights=table.weight, minlength=size)
    kept = np.bincount(table.fact[where], weights=table.weight[where], minlength=size)
    share = np.where(weight > 0, kept / np.where(weight > 0, weight, 1.0), 0.0)
    claims = np.bincount(table.fact, minlength=size)
    return Resolved(
        part.fact,
        part.value,
        part.confidence * share,
        part.by,
        claims,
        part.agreeing,
        part.trust,
        f"{text}, then {part.rule}",
    )
