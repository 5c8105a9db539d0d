"""What can be said of the rows in a window of time; used by `windows` and `future`.

Each aggregate reads at most one column. Null and NaN are no values. `empty` is what a window without any row gives:
0 for counts and sums, null for the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, final, runtime_checkable

import narwhals.stable.v2 as nw


@runtime_checkable
class Aggregate(Protocol):
    """One number, or value, per window.

    Attributes:
        column: what it reads, None for the rows themselves.
        name: begins the name of its columns.
        empty: for a window without rows; None is null.
    """

    @property
    def column(self) -> str | None: ...
    @property
    def name(self) -> str: ...
    @property
    def empty(self) -> Any: ...

    def of(self, value: nw.Expr, whole: bool, days: float | None) -> nw.Expr:
        """The aggregate of a column that is null outside the window.

        Args:
            value: the column; the constant 1 inside the window where `column` is None.
            whole: whether the column holds whole numbers or yes and no.
            days: length of the window, in days where times are dates, else in their unit; None is all history.
        """
        ...


def _named(kind: str, column: str | None) -> str:
    return kind if column is None else f"{kind}_{column}"


@final
@dataclass(frozen=True)
class Count:
    """How many rows; with a column, how many known values of it."""

    column: str | None = None
    empty: Any = 0

    @property
    def name(self) -> str:
        return _named("count", self.column)

    def of(self, value: nw.Expr, whole: bool, days: float | None) -> nw.Expr:
        """See `Aggregate`."""
        return value.count().cast(nw.Int64)


@final
@dataclass(frozen=True)
class Exists:
    """Whether there is any row; with a column, any known value of it."""

    column: str | None = None
    empty: Any = False

    @property
    def name(self) -> str:
        return _named("exists", self.column)

    def of(self, value: nw.Expr, whole: bool, days: float | None) -> nw.Expr:
        """See `Aggregate`."""
        return value.count() > 0


@final
@dataclass(frozen=True)
class Rate:
    """Rows per day; per unit of time where times are plain numbers."""

    column: str | None = None
    empty: Any = 0.0

    @property
    def name(self) -> str:
        return _named("rate", self.column)

    def of(self, value: nw.Expr, whole: bool, days: float | None) -> nw.Expr:
        """See `Aggregate`."""
        assert days is not None, "windows refuses Rate over all history"
        return value.count().cast(nw.Float64) / days


@final
@dataclass(frozen=True)
class Sum:
    """Sum of the known values."""

    column: str
    empty: Any = 0

    @property
    def name(self) -> str:
        return _named("sum", self.column)

    def of(self, value: nw.Expr, whole: bool, days: float | None) -> nw.Expr:
        """See `Aggregate`."""
        kind = nw.Int64 if whole else nw.Float64
        return value.cast(kind).sum().cast(kind).fill_null(0 if whole else 0.0)


@final
@dataclass(frozen=True)
class Mean:
    """Mean of the known values; of whole numbers the same to the bit in whatever order they come."""

    column: str
    empty: Any = None

    @property
    def name(self) -> str:
        return _named("mean", self.column)

    def of(self, value: nw.Expr, whole: bool, days: float | None) -> nw.Expr:
        """See `Aggregate`."""
        if not whole:
            return value.cast(nw.Float64).mean()
        count = value.count()
        return nw.when(count > 0).then(value.cast(nw.Int64).sum().cast(nw.Float64) / count.cast(nw.Float64))


@final
@dataclass(frozen=True)
class Min:
    """Smallest known value."""

    column: str
    empty: Any = None

    @property
    def name(self) -> str:
        return _named("min", self.column)

    def of(self, value: nw.Expr, whole: bool, days: float | None) -> nw.Expr:
        """See `Aggregate`."""
        return value.min()


@final
@dataclass(frozen=True)
class Max:
    """Largest known value."""

    column: str
    empty: Any = None

    @property
    def name(self) -> str:
        return _named("max", self.column)

    def of(self, value: nw.Expr, whole: bool, days: float | None) -> nw.Expr:
        """See `Aggregate`."""
        return value.max()


@final
@dataclass(frozen=True)
class Distinct:
    """How many different known values."""

    column: str
    empty: Any = 0

    @property
    def name(self) -> str:
        return _named("distinct", self.column)

    def of(self, value: nw.Expr, whole: bool, days: float | None) -> nw.Expr:
        """Of a column that holds each value once."""
        return value.count().cast(nw.Int64)


@final
@dataclass(frozen=True)
class Last:
    """The latest known value; of several at one time the largest in `ties`, then the largest."""

    column: str
    ties: tuple[str, ...] = ()
    empty: Any = None

    @property
    def name(self) -> str:
        return _named("last", self.column)

    def of(self, value: nw.Expr, whole: bool, days: float | None) -> nw.Expr:
        """Of a column that holds one value."""
        return value


@final
@dataclass(frozen=True)
class Recency:
    """How long ago the latest row was: in days where times are dates, else in their unit."""

    column: str | None = None
    empty: Any = None

    @property
    def name(self) -> str:
        return _named("recency", self.column)

    def of(self, value: nw.Expr, whole: bool, days: float | None) -> nw.Expr:
        """Of a column of ages: the least."""
        return value.min()
