"""Mergeable summaries of columns: what a fit remembers of rows it has seen.

Every summary is a value: `of` makes one from some rows, `merge` one from two, in any order and grouping. So the same
fit runs over one array, over chunks, over the partitions of a cluster, or goes on with tomorrow's rows.

- `Moments`, `CoMoments`: count, mean and squared deviations (Chan, Golub and LeVeque 1983), to rounding.
- `Extremes`: smallest and largest value, exact.
- `Counts`: rows per value, exact up to `most` values; over that a value's count is too low by at most `lost`
  (Misra and Gries 1982, merged as Agarwal et al. 2012 do).
- `Quantiles`: exact up to a million values; over that a rank is off by at most `error` rows, a bound and no estimate
  (buffers that are merged and halved, as in Manku, Rajagopalan and Lindsay 1998).
- `Sums`: rows and sums of a number per value and fold, to rounding.
- `Pool`: the rows themselves, for what cannot be summarised.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import reduce
from typing import Any, TypeVar, final

import numpy as np

from ..core import InputError
from .quantiles import Quantiles

SLICE = 1 << 14
"""Rows that are summed up at once: few enough to stay in the cache."""


@final
@dataclass(frozen=True)
class Moments:
    """Per column: how many values, their mean, the sum of squared deviations from it; float64 [K]. NaN is left out."""

    count: np.ndarray
    mean: np.ndarray
    squares: np.ndarray

    @staticmethod
    def of(values: np.ndarray) -> Moments:
        """From float64 [N, K]."""
        if len(values) > SLICE:
            return merged(Moments.of(values[n : n + SLICE]) for n in range(0, len(values), SLICE))
        there = ~np.isnan(values)
        count = there.sum(0).astype(np.float64)
        filled = np.where(there, values, 0.0)
        mean = filled.sum(0) / np.maximum(count, 1)
        gaps = np.where(there, values - mean, 0.0)
        mean = mean + gaps.sum(0) / np.maximum(count, 1)
        return Moments(count, mean, (np.where(there, values - mean, 0.0) ** 2).sum(0))

    def merge(self, other: Moments) -> Moments:
        """The summary of both sets of rows."""
        count = self.count + other.count
        share = other.count / np.maximum(count, 1)
        step = other.mean - self.mean
        squares = self.squares + other.squares + step**2 * self.count * share
        return Moments(count, self.mean + step * share, squares)

    @property
    def variance(self) -> np.ndarray:
        """Of the values themselves (divided by their number), float64 [K]."""
        return self.squares / np.maximum(self.count, 1)


@final
@dataclass(frozen=True)
class CoMoments:
    """Of rows without a gap: how many, means [K], sums of products of deviations [K, K]."""

    count: float
    mean: np.ndarray
    products: np.ndarray

    @staticmethod
    def of(values: np.ndarray) -> CoMoments:
        """From float64 [N, K]."""
        whole = values[~np.isnan(values).any(1)]
        mean = whole.mean(0) if len(whole) else np.zeros(values.shape[1])
        gaps = whole - mean
        return CoMoments(float(len(whole)), mean, gaps.T @ gaps)

    def merge(self, other: CoMoments) -> CoMoments:
        """The summary of both sets of rows."""
        count = self.count + other.count
        step, share = other.mean - self.mean, other.count / max(count, 1)
        products = self.products + other.products + np.outer(step, step) * self.count * share
        return CoMoments(count, self.mean + step * share, products)

    @property
    def correlation(self) -> np.ndarray:
        """Float64 [K, K]; 0 beside a constant column."""
        spread = np.sqrt(np.diag(self.products))
        scale = np.outer(spread, spread)
        return np.divide(self.products, scale, out=np.zeros_like(scale), where=scale > 0)


@final
@dataclass(frozen=True)
class Extremes:
    """Smallest and largest value per column, float64 [K]; inf and -inf where there was none."""

    low: np.ndarray
    high: np.ndarray

    @staticmethod
    def of(values: np.ndarray) -> Extremes:
        """From float64 [N, K]."""
        there = ~np.isnan(values)
        low = np.where(there, values, np.inf).min(0, initial=np.inf)
        return Extremes(low, np.where(there, values, -np.inf).max(0, initial=-np.inf))

    def merge(self, other: Extremes) -> Extremes:
        """The summary of both sets of rows."""
        return Extremes(np.minimum(self.low, other.low), np.maximum(self.high, other.high))


Key = str | float


@final
@dataclass(frozen=True)
class Counts:
    """Rows per value of one column.

    Attributes:
        counts: value to rows, at most `most` values.
        total: rows with a value.
        lost: a count may be too low by so many rows; 0 while every value had room.
        most: how many values have room.
    """

    counts: Mapping[Key, int]
    total: int
    lost: int
    most: int

    @staticmethod
    def of(values: Iterable[Key | None], most: int = 1 << 20) -> Counts:
        """From values; None is left out."""
        found = Counter(values)
        del found[None]
        known = {value: count for value, count in found.items() if value is not None}
        return Counts(known, sum(known.values()), 0, most)._cut()

    def merge(self, other: Counts) -> Counts:
        """The summary of both sets of rows."""
        found = dict(self.counts)
        for value, count in other.counts.items():
            found[value] = found.get(value, 0) + count
        return Counts(found, self.total + other.total, self.lost + other.lost, min(self.most, other.most))._cut()

    def ranked(self) -> list[tuple[Key, int]]:
        """Values and rows, the most frequent first, equal ones by value."""
        return sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))

    def _cut(self) -> Counts:
        if len(self.counts) <= self.most:
            return self
        down = sorted(self.counts.values(), reverse=True)[self.most]
        kept = {value: count - down for value, count in self.counts.items() if count > down}
        return Counts(kept, self.total, self.lost + down, self.most)


@final
@dataclass(frozen=True)
class Pool:
    """Rows kept as they are, float64 [N, K], in the order of their numbers."""

    row: np.ndarray
    values: np.ndarray

    @staticmethod
    def of(values: np.ndarray, row: np.ndarray) -> Pool:
        """From values [N, K] and row numbers [N]."""
        order = np.argsort(row, kind="stable")
        return Pool(row[order], values[order])

    def merge(self, other: Pool) -> Pool:
        """All rows."""
        return Pool.of(np.concatenate([self.values, other.values]), np.concatenate([self.row, other.row]))


@final
@dataclass(frozen=True)
class Sums:
    """Rows and sums of a number per value of a column and fold.

    Attributes:
        groups: value (None for missing ones) to float64 [2, folds]: rows, sums.
    """

    groups: Mapping[Key | None, np.ndarray]

    @staticmethod
    def of(values: Iterable[Key | None], numbers: np.ndarray, fold: np.ndarray, folds: int) -> Sums:
        """From values, numbers [N] and folds [N]."""
        place: dict[Key | None, int] = {}
        at = np.array([place.setdefault(None if v != v else v, len(place)) for v in values], dtype=np.int64)
        flat, size = at * folds + fold, len(place) * folds
        rows = np.bincount(flat, minlength=size).astype(np.float64).reshape(-1, folds)
        sums = np.bincount(flat, weights=numbers, minlength=size).reshape(-1, folds)
        return Sums({value: np.stack([rows[n], sums[n]]) for value, n in place.items()})

    def merge(self, other: Sums) -> Sums:
        """The summary of both sets of rows."""
        found = dict(self.groups)
        for value, group in other.groups.items():
            found[value] = found[value] + group if value in found else group
        return Sums(found)


KINDS = (Moments, CoMoments, Extremes, Counts, Quantiles, Pool, Sums)
Summary = Moments | CoMoments | Extremes | Counts | Quantiles | Pool | Sums
S = TypeVar("S", bound=Summary)


def merged(parts: Iterable[S]) -> S:
    """One summary of many of one kind."""
    several: Iterable[Any] = parts
    return reduce(lambda one, other: one.merge(other), several)


def summary_state(summary: Any) -> dict[str, Any]:
    """A summary as a tree of arrays and JSON values."""
    state = {field.name: getattr(summary, field.name) for field in fields(summary)}
    if isinstance(summary, Counts):
        state["counts"] = [[value, count] for value, count in summary.counts.items()]
    if isinstance(summary, Quantiles):
        state["levels"] = list(summary.levels)
    if isinstance(summary, Sums):
        state["groups"] = [[value, group] for value, group in summary.groups.items()]
    return {"summary": type(summary).__name__, **state}


def summary_from_state(state: Mapping[str, Any]) -> Any:
    """The summary written by `summary_state`.

    Raises:
        InputError: no summary has this name.
    """
    given = dict(state)
    name = given.pop("summary", None)
    kind = next((kind for kind in KINDS if kind.__name__ == name), None)
    if kind is None:
        raise InputError(f"no summary is called {name!r}; there are {[kind.__name__ for kind in KINDS]}")
    if kind is Counts:
        given["counts"] = dict(given["counts"])
    if kind is Quantiles:
        given["levels"] = tuple(given["levels"])
    if kind is Sums:
        given["groups"] = dict(given["groups"])
    return kind(**given)
