"""Times of any engine as plain numbers, and lengths of time in the same unit.

Comparing, subtracting and sorting whole numbers gives one answer everywhere; intervals and time zones do not.
Dates and times become whole micro- or nanoseconds since 1970 (UTC for times with a zone), numbers stay numbers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import narwhals.stable.v2 as nw
from narwhals.stable.v2 import Implementation

from ..core import InputError

Length = str | timedelta | int | float
"""A length of time: "14d", "90m", "1w", "45s", "250ms", a timedelta, or a number where times are numbers."""

UNITS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_LENGTH = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")


@dataclass(frozen=True)
class Clock:
    """How times are counted.

    Attributes:
        kind: `date` (dates and times), `whole` or `float` (numbers).
        unit: `us` or `ns`; `` for numbers.
        day: ticks in a day; 1 for numbers.
    """

    kind: str
    unit: str

    @property
    def day(self) -> int:
        """Ticks in a day; 1 for numbers, which have no days."""
        return {"us": 86_400_000_000, "ns": 86_400_000_000_000}.get(self.unit, 1)

    @property
    def dtype(self) -> Any:
        """Type of a tick."""
        return nw.Float64 if self.kind == "float" else nw.Int64

    def ticks(self, length: Length) -> int | float:
        """A length in ticks.

        Raises:
            InputError: it is no length, not above zero, or has a unit where times are numbers (or the reverse).
        """
        found = self._ticks(length)
        if not found > 0:
            raise InputError(f"a length of time must be more than zero, got {length!r}")
        return found

    def _ticks(self, length: Length) -> int | float:
        if self.kind != "date":
            if not isinstance(length, int | float) or isinstance(length, bool):
                raise InputError(f"the times are plain numbers, so a length is a number too, got {length!r}")
            if self.kind == "whole" and length != int(length):
                raise InputError(f"the times are whole numbers, so a length is a whole number too, got {length!r}")
            return int(length) if self.kind == "whole" else float(length)
        if isinstance(length, timedelta):
            return round(length / timedelta(days=1) * self.day)
        matched = _LENGTH.fullmatch(length) if isinstance(length, str) else None
        if matched is None:
            raise InputError(
                f"{length!r} is no length of time: write 14d, 12h, 90m, 45s, 250ms, 1w, or give a timedelta"
            )
        return round(float(matched[1]) * UNITS[matched[2]] / UNITS["d"] * self.day)


@dataclass(frozen=True)
class Span:
    """A window of time.

    Attributes:
        name: as part of a column name: 14d, 36000s, 5; `ever` for all history.
        ticks: its length; None is all history.
        days: its length in days, in units of time where times are numbers.
    """

    name: str
    ticks: int | float | None
    days: float | None

    @staticmethod
    def of(length: Length | None, ruler: Clock) -> Span:
        """Of a length; None is all history."""
        if length is None:
            return Span("ever", None, None)
        ticks = ruler.ticks(length)
        name = f"{length.total_seconds():g}s" if isinstance(length, timedelta) else str(length)
        return Span(name, ticks, ticks / ruler.day)


def lazy(frame: Any, role: str) -> nw.LazyFrame[Any]:
    """The frame as `narwhals.stable.v2.LazyFrame`.

    Raises:
        InputError: it is no data frame.
    """
    if isinstance(frame, nw.LazyFrame):
        return frame
    try:
        return nw.from_native(frame).lazy()
    except TypeError as error:
        raise InputError(f"{role} must be a data frame, got {type(frame).__name__}") from error


def once(frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Each row once; by groups, for which engines need less than for `unique`."""
    names = frame.collect_schema().names()
    return frame.group_by(*names).agg(nw.len().alias("__rows")).select(*names)


def need(frame: nw.LazyFrame[Any], names: Sequence[str], role: str) -> None:
    """Raises InputError where a column is missing."""
    there = frame.collect_schema().names()
    lost = [name for name in names if name not in there]
    if lost:
        raise InputError(f"{role} has no columns {lost}; there are {there}")


def clock(*columns: tuple[nw.LazyFrame[Any], str, str]) -> Clock:
    """The clock that all these time columns (frame, column, role) share.

    Raises:
        InputError: a column holds no times, or they cannot be compared: date with time of day, with zone and without,
            numbers with times.
    """
    kinds: dict[str, str] = {}
    units: set[str] = set()
    for frame, name, role in columns:
        dtype = frame.collect_schema()[name]
        kind = _kind(dtype)
        if kind is None:
            raise InputError(f"column {name!r} of {role} has type {dtype}, which is no time: parse it first")
        kinds[f"{role}.{name}"] = kind
        if isinstance(dtype, nw.Datetime):
            units.add(dtype.time_unit)
    found = set(kinds.values())
    if found <= {"whole", "float"}:
        return Clock("float" if "float" in found else "whole", "")
    if len(found) > 1:
        raise InputError(
            f"times of different kinds cannot be compared: {kinds}. Give both a time of day and a time zone, or "
            "neither (a date alone does not say from which hour on something was known)"
        )
    return Clock("date", "ns" if "ns" in units else "us")


def _kind(dtype: Any) -> str | None:
    if dtype.is_integer():
        return "whole"
    if dtype.is_float():
        return "float"
    if dtype == nw.Date:
        return "date"
    if isinstance(dtype, nw.Datetime):
        return "time with zone" if dtype.time_zone else "time without zone"
    return None


def with_ticks(frame: nw.LazyFrame[Any], name: str, alias: str, clock: Clock) -> nw.LazyFrame[Any]:
    """The frame with one more column: the times of another in ticks; null where there is none (or NaN).

    Raises:
        InputError: the engine is none of Polars, DuckDB and PySpark.
    """
    column = nw.col(name)
    if clock.kind == "whole":
        return frame.with_columns(column.cast(nw.Int64).alias(alias))
    if clock.kind == "float":
        value = column.cast(nw.Float64)
        return frame.with_columns(nw.when(~value.is_nan()).then(value).alias(alias))
    if frame.collect_schema()[name] == nw.Date:
        frame = frame.with_columns(column.cast(nw.Datetime("us")).alias(alias))
    else:
        frame = frame.with_columns(column.alias(alias))
    unit = clock.unit
    if frame.implementation is Implementation.POLARS:
        return frame.with_columns(nw.col(alias).dt.timestamp("ns" if unit == "ns" else "us"))
    native: Any = frame.to_native()
    others = [column for column in frame.collect_schema().names() if column != alias]
    if frame.implementation is Implementation.DUCKDB:
        kept = ", ".join(quoted(column) for column in others)
        return nw.from_native(native.project(f"{kept}, epoch_{unit}({quoted(alias)}) AS {quoted(alias)}"))
    if frame.implementation.is_spark_like():
        aware = bool(getattr(frame.collect_schema()[alias], "time_zone", None))
        inner = f"`{alias}`"
        ticks = f"unix_micros({inner})" if aware else _MICROS.format(inner)
        return nw.from_native(native.withColumn(alias, _spark_expression(native, ticks)))
    raise InputError(
        f"as-of joins and windows run on Polars, DuckDB and PySpark, not on {frame.implementation}: "
        "collect into Polars first"
    )


_MICROS = "timestampdiff(MICROSECOND, TIMESTAMP_NTZ'1970-01-01 00:00:00', {})"


def _spark_expression(native: Any, text: str) -> Any:
    from ..core import require

    functions = require("pyspark.sql.functions", extra="spark", why="compute on Spark frames")
    return functions.expr(text)


def quoted(name: str) -> str:
    """A column name in SQL."""
    return '"' + name.replace('"', '""') + '"'
