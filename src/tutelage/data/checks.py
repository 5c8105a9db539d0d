"""The rules of a schema, in two forms that agree: on one record in Python, and on a whole frame in its engine."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, final

import narwhals.stable.v2 as nw

from .contract import Field, Schema, plain_value
from .quarantine import Rejected
from .units import seems

_SAMPLE = 1000


@dataclass(frozen=True)
class Rule:
    """One rule of one column.

    Args:
        column: its name.
        text: the rule in words.
        bad: whether a value breaks it.
        expr: the same for a whole column; false where a value is missing, unless that is the rule.
        ranged: whether it is the end of a range, which another unit of measure may explain.
    """

    column: str
    text: str
    bad: Callable[[Any], bool]
    expr: nw.Expr
    ranged: bool = False


def utc_now() -> datetime:
    """The time in UTC, without zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def rules_of(schema: Schema, now: datetime) -> tuple[Rule, ...]:
    """The rules of a schema, except that keys and unique columns come once.

    Args:
        schema: the schema.
        now: the time of reading, UTC without zone.
    """
    found: list[Rule] = []
    for name, field in schema.fields.items():
        found += _rules(name, field, name in schema.key, now)
    return tuple(found)


def _rules(name: str, field: Field, key: bool, now: datetime) -> list[Rule]:
    column, there = nw.col(name), ~nw.col(name).is_null()
    found: list[Rule] = []
    if field.required or key:
        text = f"column {name!r} must not be missing"
        found.append(Rule(name, text, lambda value: value is None, column.is_null()))
    unit = f" {field.unit}" if field.unit else ""
    if field.low is not None:
        low: Any = _end(field.low)
        text = f"column {name!r} must not be less than {field.low}{unit}"
        found.append(Rule(name, text, lambda value: value is not None and value < low, (column < low) & there, True))
    if field.high is not None:
        high: Any = _end(field.high)
        text = f"column {name!r} must not be greater than {field.high}{unit}"
        found.append(Rule(name, text, lambda value: value is not None and value > high, (column > high) & there, True))
    if field.values is not None:
        values = list(field.values)
        text = f"column {name!r} must be one of {values}"
        bad = ~column.is_in(values) & there
        found.append(Rule(name, text, lambda value: value is not None and value not in values, bad))
    if field.ahead is not None:
        latest: Any = now + timedelta(seconds=field.ahead)
        text = f"column {name!r} must not lie more than {field.ahead:g} s in the future (a clock is wrong)"
        bad = (column > latest) & there
        found.append(Rule(name, text, lambda value: value is not None and value > latest, bad))
    return found


def once_of(schema: Schema) -> tuple[tuple[str, ...], ...]:
    """Groups of columns whose values together come once only."""
    single = tuple((name,) for name, field in schema.fields.items() if field.unique and (name,) != schema.key)
    return ((schema.key,) if schema.key else ()) + single


def again(columns: Sequence[str]) -> str:
    """The rule that a group of columns comes once, in words."""
    return f"{'key' if len(columns) > 1 else 'column'} {', '.join(map(repr, columns))} must not come twice"


@final
class Checker:
    """Checks record after record; remembers keys, and values out of range for `unit_hint`.

    Args:
        schema: the rules.
        now: the time of reading, UTC without zone.
    """

    def __init__(self, schema: Schema, now: datetime) -> None:
        self.schema = schema
        self._rules = rules_of(schema, now)
        self._once = [(columns, set[Any]()) for columns in once_of(schema)]
        self._strange: dict[str, list[float]] = {}

    @property
    def plain(self) -> bool:
        """Whether there are no rules beyond kinds."""
        return not self._rules and not self._once

    def wrong(self, record: Mapping[str, Any]) -> str | None:
        """The first rule that a record breaks, whose values have their kinds already; None where it is good."""
        for rule in self._rules:
            value = record.get(rule.column)
            if rule.bad(value):
                if rule.ranged:
                    self.note(rule.column, value)
                return rule.text
        values = [tuple(record.get(name) for name in columns) for columns, _ in self._once]
        for (columns, before), value in zip(self._once, values, strict=True):
            if value in before and None not in value:
                return again(columns)
        for (_, before), value in zip(self._once, values, strict=True):
            before.add(value)
        return None

    def note(self, column: str, value: Any) -> None:
        """Remembers a value out of range."""
        kept = self._strange.setdefault(column, [])
        if len(kept) < _SAMPLE and not isinstance(value, datetime):
            kept.append(float(value))

    def unit_hint(self) -> str:
        """What the values out of range seem to be; empty where they make no sense in another unit."""
        for name, values in self._strange.items():
            field = self.schema.fields[name]
            ends = [float(end) for end in (field.low, field.high) if isinstance(end, int | float)]
            other = seems(values, field.unit, ends[0], ends[1]) if field.unit and len(ends) == 2 else None
            if other is not None:
                return (
                    f"The values of column {name!r} that are out of range would be in range if they were {other} and "
                    f"not {field.unit}: the unit has changed; convert them, or declare the unit {other}"
                )
        return ""


def violations(frame: nw.LazyFrame, schema: Schema, now: datetime) -> tuple[int, int]:
    """How many rows a frame has, and how often a rule of the schema is broken, counted by its engine."""
    rules = rules_of(schema, now)
    wanted = [rule.expr.cast(nw.Int64).sum().alias(f"rule {place}") for place, rule in enumerate(rules)]
    first = _rows(frame.select(nw.len().alias("rows"), *wanted))[0]
    rows = int(first.pop("rows"))
    broken = sum(int(count or 0) for count in first.values())
    for columns in once_of(schema):
        there = frame.drop_nulls(list(columns)).select(*columns)
        counts = [int(_rows(part.select(nw.len().alias("n")))[0]["n"]) for part in (there, there.unique())]
        broken += counts[0] - counts[1]
    return rows, broken


def sift(
    frame: nw.LazyFrame, checker: Checker, source: str, place: str, now: datetime
) -> tuple[nw.LazyFrame, list[Rejected]]:
    """Parts a frame into good rows and rejected ones, for sources that have no lines.

    Of rows with the same key the first stays, in the order of all their columns.
    """
    schema = checker.schema
    rejected: list[Rejected] = []

    def reject(bad: nw.LazyFrame, rule: str) -> None:
        for row in _rows(bad):
            raw = json.dumps({name: plain_value(value) for name, value in row.items()}, default=str, ensure_ascii=False)
            rejected.append(Rejected(source, place, 0, -1, raw, rule))

    for rule in rules_of(schema, now):
        bad = frame.filter(rule.expr)
        if rule.ranged:
            for value in bad.select(rule.column).head(_SAMPLE).collect(backend="polars")[rule.column].to_list():
                checker.note(rule.column, value)
        reject(bad, rule.text)
        frame = frame.filter(~rule.expr)
    for columns in once_of(schema):
        flat = [name for name, field in schema.fields.items() if not field.kind.endswith("s")]
        whole = nw.any_horizontal(*[nw.col(name).is_null() for name in columns], ignore_nulls=False)
        one = nw.col(columns[0]).is_null().cast(nw.Int64) * 0 + 1
        place_in_group = one.cum_sum().over(*columns, order_by=flat)
        numbered = frame.with_columns(nw.when(whole).then(nw.lit(1)).otherwise(place_in_group).alias("/nth"))
        reject(numbered.filter(nw.col("/nth") > 1).drop("/nth"), again(columns))
        frame = numbered.filter(nw.col("/nth") == 1).drop("/nth")
    return frame, rejected


def _end(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    found = datetime.fromisoformat(value)
    return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found


def _rows(frame: nw.LazyFrame) -> list[dict[str, Any]]:
    return frame.collect(backend="polars").rows(named=True)
