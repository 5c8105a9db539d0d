"""Aggregates of what happened to a key in a window of time: before the spine's time, and, for labels, after it.

`windows` looks back: a window of length L before time t holds the rows from t - L on and strictly before t. `future`
is the only function of the house that looks ahead; its window begins at t itself, so that the two never overlap and
leave no gap, and its columns are called `future_...`. Both give the same numbers on Polars, DuckDB and PySpark.

How: spine and rows meet in an ordinary join on the key and a bucket of time as long as the longest window, so that
only pairs within twice that length are ever made, then one aggregation serves all lengths. With length None (all
history) the pairs are all of a key's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import narwhals.stable.v2 as nw

from ..core import InputError
from .aggregates import Aggregate, Distinct, Last, Rate, Recency
from .asof import KNOWN, Keys, asof
from .lineage import beginning, same_rows
from .ticks import Clock, Length, Span, clock, lazy, need, once, with_ticks

NOW, AGE, BUCKET = "__now", "__age", "__bucket"
LATER, LATEST, KNOWN_AT = "__later", "__latest", "__known_at"


def windows(
    spine: Any,
    right: Any,
    on: str | Sequence[str] | Mapping[str, str],
    time: str | tuple[str, str],
    aggregates: Sequence[Aggregate],
    lengths: Sequence[Length | None],
    *,
    available: str | None = None,
    prefix: str = "",
) -> nw.LazyFrame[Any]:
    """The spine with one more column per aggregate and window, called `{prefix}{aggregate}_{length}`.

    Null and NaN are no values: `Mean("price")` is that of the known prices. Where a window holds no row, counts and
    sums are 0 and everything else is null. Rows without key or time are in no window.

    Args:
        spine: rows to be filled; every row comes back exactly once, in an order that is the engine's own.
        right: what happened: key, time, values. Filter it first to count one kind of event only.
        on: key column or columns; a mapping where their names differ (spine name to right name).
        time: time column; a pair (spine's, right's) where the names differ.
        aggregates: `Count()`, `Sum("price")`, `Last("page")`, ... of `tutelage.data.aggregates`.
        lengths: of the windows ("14d", a timedelta, a number where times are numbers); None is all history.
        available: column of `right` that says when a row arrived. A row is then in a window by its time, and only if it
            had arrived strictly before the spine's time.
        prefix: put before the names of the new columns.

    Raises:
        InputError: a column is missing or taken, times cannot be compared, a length is none, or `Rate` is asked of
            all history.
    """
    return _Job.of(spine, right, on, time, aggregates, lengths, available, prefix, ahead=False).run()


def future(
    spine: Any,
    right: Any,
    on: str | Sequence[str] | Mapping[str, str],
    time: str | tuple[str, str],
    aggregates: Sequence[Aggregate],
    within: Length,
    *,
    until: Any = None,
    prefix: str = "",
) -> nw.LazyFrame[Any]:
    """Labels: what happens from the spine's time on, in columns called `{prefix}future_{aggregate}_{length}`.

    The window holds the rows from t on and strictly before t + within. Never a feature.

    Args:
        spine: as in `windows`.
        right: as in `windows`.
        on: as in `windows`.
        time: as in `windows`.
        aggregates: `Exists()` for yes or no, and the others but `Last` and `Recency`.
        within: length of the window.
        until: the time up to which `right` is complete, in the zone of its times unless it names one. Spine rows whose
            window reaches beyond it get null: their label is not known yet, which is not the same as no.
        prefix: put before the names of the new columns.

    Raises:
        InputError: as in `windows`, or an aggregate that looks back was given.
    """
    backward = [type(a).__name__ for a in aggregates if isinstance(a, Last | Recency)]
    if backward:
        raise InputError(f"{backward} look back from a time: in the future take Exists, Count, Sum, Mean, Min, Max")
    job = _Job.of(spine, right, on, time, aggregates, [within], None, f"{prefix}future_", ahead=True)
    if until is None:
        return job.run()
    return job.known_until(until)


@dataclass(frozen=True)
class _Job:
    """One call, checked."""

    spine: nw.LazyFrame[Any]
    right: nw.LazyFrame[Any]
    keys: Keys
    at: str
    when: str
    aggregates: tuple[Aggregate, ...]
    spans: tuple[Span, ...]
    available: str | None
    prefix: str
    ahead: bool
    ruler: Clock

    @staticmethod
    def of(
        spine: Any,
        right: Any,
        on: str | Sequence[str] | Mapping[str, str],
        time: str | tuple[str, str],
        aggregates: Sequence[Aggregate],
        lengths: Sequence[Length | None],
        available: str | None,
        prefix: str,
        *,
        ahead: bool,
    ) -> _Job:
        spine, right = lazy(spine, "the spine"), lazy(right, "the right side")
        keys = Keys.of(on)
        at, when = (time, time) if isinstance(time, str) else time
        read = [a.column for a in aggregates if a.column is not None]
        need(spine, [*keys.left, at], "the spine")
        need(right, [*keys.right, when, *read, *([available] if available else [])], "the right side")
        if not aggregates or not lengths:
            raise InputError("windows need at least one aggregate and one length")
        sides = [(spine, at, "the spine"), (right, when, "the right side")]
        ruler = clock(*sides, *([(right, available, "the right side")] if available else []))
        spans = tuple(Span.of(length, ruler) for length in lengths)
        if any(isinstance(a, Rate) for a in aggregates) and any(span.ticks is None for span in spans):
            raise InputError("Rate is events over a length of time: all history (None) has none")
        names = [f"{prefix}{a.name}_{span.name}" for a in aggregates for span in spans]
        taken = sorted({*names} & {*spine.collect_schema().names()} | {n for n in names if names.count(n) > 1})
        if taken:
            raise InputError(f"columns {taken} come twice: give each aggregate and length once, or a prefix=")
        return _Job(spine, right, keys, at, when, tuple(aggregates), spans, available, prefix, ahead, ruler)

    def run(self) -> nw.LazyFrame[Any]:
        """The spine with all columns."""
        found = self._latest(with_ticks(self.spine, self.at, NOW, self.ruler))
        group = [*self.keys.plain, NOW]
        made = self._counted(self._pairs(), group, self._paired) if self._paired else []
        for part in made:
            found = found.join(part, left_on=[*self.keys.left, NOW], right_on=group, how="left")
        shown = [self._filled(a, span) for a in self.aggregates for span in self.spans]
        return same_rows(found.select(*self.spine.collect_schema().names(), *shown), self.spine)

    @property
    def _paired(self) -> list[Aggregate]:
        """The aggregates of pairs of spine and rows; `Recency` alone is cheaper by an as-of join."""
        paired = [a for a in self.aggregates if not isinstance(a, Last)]
        return [] if all(isinstance(a, Recency) for a in paired) else paired

    def _counted(
        self, pairs: nw.LazyFrame[Any], group: list[str], aggregates: Sequence[Aggregate]
    ) -> list[nw.LazyFrame[Any]]:
        """One frame of all aggregates that need each row once, and one of each that needs each value once."""
        plain = [a for a in aggregates if not isinstance(a, Distinct)]
        made = [pairs.group_by(*group).agg(*(self._inside(a, span) for a in plain for span in self.spans))]
        for aggregate in aggregates:
            if isinstance(aggregate, Distinct):
                once = pairs.filter(~nw.col(aggregate.column).is_null()).group_by(*group, aggregate.column)
                once = once.agg(nw.col(AGE).min()).group_by(*group)
                made.append(once.agg(*(self._inside(aggregate, span) for span in self.spans)))
        return made if plain else made[1:]

    def known_until(self, until: Any) -> nw.LazyFrame[Any]:
        """The same with null where the window reaches beyond the end of the data."""
        frame = self.run()
        end = self._ticks_of(until)
        frame = with_ticks(frame, self.at, NOW, self.ruler)
        reach = self.spans[0].ticks
        names = [self._name(a, self.spans[0]) for a in self.aggregates]
        kept = [nw.when(nw.col(NOW) + reach <= end).then(nw.col(name)).alias(name) for name in names]
        return same_rows(frame.with_columns(*kept).drop(NOW), self.spine)

    def _ticks_of(self, time: Any) -> int | float:
        if self.ruler.kind != "date":
            return time
        zone = getattr(self.right.collect_schema()[self.when], "time_zone", None)
        if not isinstance(time, date) or (getattr(time, "tzinfo", None) and not zone):
            raise InputError(f"until={time!r} is compared with dates and times without a time zone: give one of those")
        moment = time if isinstance(time, datetime) else datetime(time.year, time.month, time.day)
        if zone and moment.tzinfo is None:
            moment = moment.replace(tzinfo=ZoneInfo(zone))
        gone = moment - datetime(1970, 1, 1, tzinfo=UTC if zone else None)
        return gone // timedelta(microseconds=1) * (self.ruler.day // Clock("date", "us").day)

    def _name(self, aggregate: Aggregate, span: Span) -> str:
        return f"{self.prefix}{aggregate.name}_{span.name}"

    def _filled(self, aggregate: Aggregate, span: Span) -> nw.Expr:
        column = nw.col(self._name(aggregate, span))
        if isinstance(aggregate, Recency) and aggregate in self._paired:
            return column / self.ruler.day  # not before: within groups, Polars rounds a quotient in one way or another
        return column if aggregate.empty is None else column.fill_null(aggregate.empty)

    def _whole(self, column: str | None) -> bool:
        dtype = nw.Int64() if column is None else self.right.collect_schema()[column]
        return bool(dtype.is_integer() or dtype == nw.Boolean)

    def _value(self, column: str) -> nw.Expr:
        """A column without NaN, which engines compare in different ways."""
        value = nw.col(column)
        if self.right.collect_schema()[column].is_float():
            return nw.when(~value.is_nan()).then(value).alias(column)
        return value

    def _inside(self, aggregate: Aggregate, span: Span) -> nw.Expr:
        value = nw.lit(1) if aggregate.column is None else nw.col(aggregate.column)
        if span.ticks is not None:
            age = nw.col(AGE)
            value = nw.when(age < span.ticks if self.ahead else age <= span.ticks).then(value)
        elif aggregate.column is None:
            value = nw.when(nw.col(AGE) >= 0).then(value)
        if isinstance(aggregate, Recency):
            value = nw.when(~value.is_null()).then(nw.col(AGE))
        made = aggregate.of(value, self._whole(aggregate.column), span.days)
        return made.alias(self._name(aggregate, span))

    def _latest(self, spine: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        """The spine with the columns that are as-of joins: `Last`, and `Recency` where there are no pairs."""
        on, paired = dict(zip(self.keys.left, self.keys.right, strict=True)), self._paired
        spine = same_rows(spine, self.spine)
        for aggregate in self.aggregates:
            if aggregate in paired:
                continue
            assert isinstance(aggregate, Last | Recency)
            right = with_ticks(self.right, self.when, KNOWN_AT, self.ruler)
            columns = [KNOWN_AT]
            if aggregate.column is not None:
                right = right.with_columns(self._value(aggregate.column).alias(LATEST))
                right = right.filter(~nw.col(LATEST).is_null())
                columns = [LATEST, KNOWN_AT] if isinstance(aggregate, Last) else columns
            ties = aggregate.ties if isinstance(aggregate, Last) else ()
            times = (self.at, self.when)
            spine = asof(spine, right, on, times, columns=columns, available=self.available, ties=ties)
            age = nw.col(NOW) - nw.col(KNOWN_AT)
            value = nw.col(LATEST) if isinstance(aggregate, Last) else age / self.ruler.day
            for span in self.spans:
                inside = age > 0 if span.ticks is None else age <= span.ticks
                spine = spine.with_columns(nw.when(inside).then(value).alias(self._name(aggregate, span)))
            spine = same_rows(spine.drop(columns), self.spine)
        return spine

    def _pairs(self) -> nw.LazyFrame[Any]:
        """Every (key, time) of the spine with every row that lies in its longest window, and the row's age."""
        names, right = self.keys.plain, with_ticks(self.right, self.when, KNOWN, self.ruler)
        spine = with_ticks(beginning(self.spine, [*self.keys.left, self.at]), self.at, NOW, self.ruler)
        asked = spine.select(*_renamed(self.keys.left, names), nw.col(NOW))
        asked = once(asked.drop_nulls())
        read = sorted({a.column for a in self.aggregates if a.column is not None and not isinstance(a, Last)})
        late: list[str] = []
        if self.available is not None:
            right, late = with_ticks(right, self.available, LATER, self.ruler), [LATER]
        rows = right.select(*_renamed(self.keys.right, names), nw.col(KNOWN, *late), *map(self._value, read))
        rows = rows.drop_nulls([*names, KNOWN, *late])
        on, longest = list(names), _longest(self.spans)
        if longest is not None:
            on.append(BUCKET)
            rows = rows.with_columns(_bucket(KNOWN, longest, self.ruler))
            asked = asked.with_columns(_bucket(NOW, longest, self.ruler))
            beside = asked.with_columns(nw.col(BUCKET) + (1 if self.ahead else -1))
            asked = nw.concat([asked, beside])
        pairs = asked.join(rows, on=on, how="inner")
        age = nw.col(KNOWN) - nw.col(NOW) if self.ahead else nw.col(NOW) - nw.col(KNOWN)
        pairs = pairs.with_columns(age.alias(AGE)).filter(nw.col(AGE) >= 0 if self.ahead else nw.col(AGE) > 0)
        if longest is not None:
            pairs = pairs.filter(nw.col(AGE) < longest if self.ahead else nw.col(AGE) <= longest)
        return pairs.filter(nw.col(LATER) < nw.col(NOW)) if late else pairs


def _renamed(columns: Sequence[str], names: Sequence[str]) -> list[nw.Expr]:
    return [nw.col(column).alias(name) for column, name in zip(columns, names, strict=True)]


def _longest(spans: Sequence[Span]) -> int | float | None:
    ticks = [span.ticks for span in spans]
    return None if None in ticks else max(tick for tick in ticks if tick is not None)


def _bucket(column: str, longest: int | float, ruler: Clock) -> nw.Expr:
    """Number of the stretch of time; for floats a little longer than the window, against rounding at its ends."""
    if ruler.kind == "float":
        return (nw.col(column) / (longest * 1.01)).floor().cast(nw.Int64).alias(BUCKET)
    return (nw.col(column) // longest).alias(BUCKET)
