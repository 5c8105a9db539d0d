"""As-of joins: what was known of a key just before a time, the same on Polars, DuckDB and PySpark.

The spine says who and when: one row per prediction to be made. `asof` gives each of its rows the last row of
another table with the same key from strictly before its time, so that no feature sees the future.

The join is lowered to what every engine has: the times of both sides in one column, the last right time carried
forward by a window, and two ordinary joins. DuckDB's own as-of join is faster than that and is used; that of Polars is
slower and is not (1M spine rows, 5M right rows, CPU seconds: DuckDB 2.0 own, 3.5 lowered; Polars 4.8 own, 3.7 lowered).
Either way compares plain numbers (see `ticks`) and sees the right side with one row per key and time, because engines
differ in which of several they take.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
from narwhals.stable.v2 import Implementation

from ..core import InputError
from .lineage import beginning, same_rows
from .ticks import Clock, Length, clock, lazy, need, once, quoted, with_ticks

AT, KNOWN, SIDE, FOUND = "__at", "__known", "__side", "__found"


@dataclass(frozen=True)
class Keys:
    """Key columns of both sides, in the same order."""

    left: tuple[str, ...]
    right: tuple[str, ...]

    @property
    def plain(self) -> list[str]:
        """Names that neither side has."""
        return [f"__key{i}" for i in range(len(self.left))]

    @staticmethod
    def of(on: str | Sequence[str] | Mapping[str, str]) -> Keys:
        """From one name, several names, or left name to right name.

        Raises:
            InputError: no key is given.
        """
        if isinstance(on, str):
            on = (on,)
        if not on:
            raise InputError("an as-of join needs at least one key column in on=")
        if isinstance(on, Mapping):
            return Keys(tuple(on), tuple(on.values()))
        return Keys(tuple(on), tuple(on))


def asof(
    spine: Any,
    right: Any,
    on: str | Sequence[str] | Mapping[str, str],
    time: str | tuple[str, str],
    *,
    columns: Sequence[str] | None = None,
    available: str | None = None,
    tolerance: Length | None = None,
    strict: bool = True,
    ties: Sequence[str] = (),
    prefix: str = "",
    native: bool = True,
) -> nw.LazyFrame[Any]:
    """Each row of the spine with the last earlier row of the same key.

    A null key or a null time matches nothing. Of several right rows with the same key and time the one with the
    largest value in `ties` counts, then the largest in the other `columns` in their order (null is the smallest):
    the same row on every engine. Validity intervals need nothing special: join on the column that says from when on
    a row holds.

    Nothing is computed before the result is collected.

    Args:
        spine: rows to be filled: key and time columns and whatever else. Every row comes back exactly once, in an
            order that is the engine's own: carry a row number where order matters.
        right: rows with key and time.
        on: key column or columns; a mapping where their names differ (spine name to right name).
        time: time column; a pair (spine's, right's) where the names differ. Dates, times or numbers.
        columns: columns of `right` to bring; all but keys and time unless given.
        available: column of `right` that says when a row arrived. A row then counts from the later of its two times
            on, and among the rows that have arrived the one with the latest `time` is taken. Rows that never arrived
            (null) never count.
        tolerance: the right row may be at most this old ("14d", a timedelta, a number), by `available` if given.
        strict: False lets a row of the very same time count: right only where it is known to come first.
        ties: columns of `right` that decide between rows of the same key and time.
        prefix: put before the names of the brought columns.
        native: False takes the lowering on DuckDB too.

    Raises:
        InputError: a column is missing, a brought column would have the name of a column of the spine, times cannot
            be compared, or a length of time is none.
    """
    spine, right = lazy(spine, "the spine"), lazy(right, "the right side")
    keys = Keys.of(on)
    at, when = (time, time) if isinstance(time, str) else time
    need(spine, [*keys.left, at], "the spine")
    need(right, [*keys.right, when, *(columns or ()), *ties, *([available] if available else ())], "the right side")
    if columns is None:
        columns = [name for name in right.collect_schema().names() if name not in {*keys.right, when}]
    _check_names(spine, [prefix + name for name in columns])
    sides = [(spine, at, "the spine"), (right, when, "the right side")]
    ruler = clock(*sides, *([(right, available, "the right side")] if available else []))
    oldest = None if tolerance is None else ruler.ticks(tolerance)
    facts = known(right, keys, when, available, tuple(columns), tuple(ties), ruler)
    facts = facts.select(
        *(nw.col(theirs).alias(f"__key{i}") for i, theirs in enumerate(keys.right)),
        nw.col(KNOWN),
        *(nw.col(name).alias(prefix + name) for name in columns),
    )
    brought = [prefix + name for name in columns]
    ticking = with_ticks(spine, at, AT, ruler)
    if native and spine.implementation is Implementation.DUCKDB:
        made = _duckdb(ticking, facts, keys.left, brought, strict, oldest)
    else:
        asked = with_ticks(beginning(spine, [*keys.left, at]), at, AT, ruler)
        made = _lowered(ticking, asked, facts, keys.left, brought, strict, ruler, oldest)
    return same_rows(made.drop(AT), spine)


def known(
    right: nw.LazyFrame[Any],
    keys: Keys,
    when: str,
    available: str | None,
    columns: tuple[str, ...],
    ties: tuple[str, ...],
    ruler: Clock,
) -> nw.LazyFrame[Any]:
    """The right side with one row per key and time of knowing (column `__known`), without null keys and times."""
    right = with_ticks(right, when, KNOWN, ruler)
    order = [*ties, *(name for name in columns if name not in ties)]
    if available is not None:
        right = with_ticks(right, available, AT, ruler).filter(~nw.col(AT).is_null())
        right = right.with_columns(nw.col(KNOWN).alias(FOUND)).filter(~nw.col(KNOWN).is_null())
        right = right.with_columns(nw.max_horizontal(AT, KNOWN).alias(KNOWN)).drop(AT)
        order = [FOUND, *order]
    nulls = [nw.col(name).is_null() for name in (*keys.right, KNOWN)]
    right = right.filter(~nw.any_horizontal(*nulls, ignore_nulls=False))
    by = [*keys.right, KNOWN]
    order = [name for name in order if name not in by]
    right = right.unique(by, keep="last", order_by=order) if order else right.unique(by, keep="any")
    if available is not None:
        latest = nw.col(FOUND).cum_max().over(*keys.right, order_by=KNOWN)
        right = right.with_columns(latest.alias(SIDE)).filter(nw.col(FOUND) == nw.col(SIDE)).drop(FOUND, SIDE)
    return right


def _check_names(spine: nw.LazyFrame[Any], brought: Sequence[str]) -> None:
    taken = sorted(set(brought) & set(spine.collect_schema().names()))
    if taken:
        raise InputError(f"the spine has columns {taken} already: give columns= without them, or a prefix=")


def _duckdb(
    spine: nw.LazyFrame[Any],
    facts: nw.LazyFrame[Any],
    on: Sequence[str],
    brought: Sequence[str],
    strict: bool,
    oldest: int | float | None,
) -> nw.LazyFrame[Any]:
    """DuckDB's own join, on the connection of the spine.

    The query finds `facts_relation` by the name of the variable, and the spine by the name of a view, which must be
    nobody else's.
    """
    left: Any = spine.to_native()
    facts_relation: Any = facts.to_native()
    view = f"spine_{uuid.uuid4().hex}"
    matches = [f"l.{quoted(one)} = r.{quoted(other)}" for one, other in zip(on, _keys(on), strict=True)]
    matches.append(f"l.{AT} {'>' if strict else '>='} r.{KNOWN}")
    fresh = "" if oldest is None else f"CASE WHEN l.{AT} - r.{KNOWN} <= {oldest} THEN "
    end = "" if oldest is None else " END"
    shown = [f"{fresh}r.{quoted(name)}{end} AS {quoted(name)}" for name in facts_relation.columns if name in brought]
    select = ", ".join(["l.*", *shown])
    text = f"SELECT {select} FROM {view} l ASOF LEFT JOIN facts_relation r ON {' AND '.join(matches)}"
    return nw.from_native(left.query(view, text))


def _lowered(
    spine: nw.LazyFrame[Any],
    asked: nw.LazyFrame[Any],
    facts: nw.LazyFrame[Any],
    on: Sequence[str],
    brought: Sequence[str],
    strict: bool,
    ruler: Clock,
    oldest: int | float | None,
) -> nw.LazyFrame[Any]:
    names = _keys(on)
    asked = asked.select(*(nw.col(mine).alias(name) for mine, name in zip(on, names, strict=True)), nw.col(AT))
    asked = once(asked.drop_nulls())
    first, second = (0, 1) if strict else (1, 0)
    questions = asked.with_columns(nw.lit(first).alias(SIDE), nw.lit(None, dtype=ruler.dtype).alias(KNOWN))
    answers = facts.select(*names, nw.col(KNOWN).alias(AT), nw.lit(second).alias(SIDE), nw.col(KNOWN))
    both = nw.concat([questions, answers])
    last = nw.col(KNOWN).fill_null(strategy="forward").over(*names, order_by=[AT, SIDE])
    met = both.with_columns(last.alias(KNOWN)).filter(nw.col(SIDE) == first)
    met = met.filter(~nw.col(KNOWN).is_null())
    if oldest is not None:
        met = met.filter(nw.col(AT) - nw.col(KNOWN) <= oldest)
    found = met.join(facts, on=[*names, KNOWN], how="inner").select(*names, AT, *brought)
    joined = spine.join(found, left_on=[*on, AT], right_on=[*names, AT], how="left")
    return joined.select(*spine.collect_schema().names(), *brought)


def _keys(on: Sequence[str]) -> list[str]:
    return [f"__key{i}" for i in range(len(on))]
