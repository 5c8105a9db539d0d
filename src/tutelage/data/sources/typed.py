"""Tables that have types already, from Parquet files and databases: to the kinds of the house, and checked."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import narwhals.stable.v2 as nw

from ...core import InputError
from ..checks import Checker, sift, utc_now, violations
from ..contract import Field, Schema, drift, kinds_of, plain_value
from ..engines import Engine, Kind
from ..engines.kinds import single
from ..quarantine import Rejected, check_share
from .protocol import Counts, Loaded, check_columns
from .values import Lists, fits, misfit, to_time

_DTYPES: dict[Kind, Any] = {
    "integer": nw.Int64(),
    "number": nw.Float64(),
    "boolean": nw.Boolean(),
    "text": nw.String(),
    "time": nw.Datetime("us"),
}
_PIECE = 200_000


def tidy(source: str, frame: nw.LazyFrame, lists: Lists) -> nw.LazyFrame:
    """A frame in the kinds of the house: nested records under dotted names, times in UTC without zone.

    Args:
        source: its name.
        frame: of any engine.
        lists: columns of lists that are counted.

    Raises:
        InputError: a column holds something that has no kind; names it and the way out.
    """
    chosen: list[nw.Expr] = []
    for name, expr, dtype in _leaves(frame.collect_schema().items()):
        if dtype == nw.List and lists.get(name) == "count":
            chosen.append(expr.list.len().cast(nw.Int64).alias(name))
        else:
            chosen.append(_plain(source, name, expr, dtype).alias(name))
    return frame.select(*chosen)


def load_table(
    source: str,
    engine: Engine,
    frame: nw.LazyFrame,
    *,
    place: str,
    schema: Schema | None,
    key: tuple[str, ...],
    time: str | None,
    most: float,
    now: datetime | None,
    before: Sequence[Rejected] = (),
    size: int = 0,
) -> Loaded:
    """Checks a table that is in an engine already.

    Args:
        source: its name.
        engine: where it is.
        frame: the table, tidy.
        place: what the quarantine calls it.
        schema: kinds and rules; kinds are those of the table unless given.
        key: columns that name a row.
        time: column of event time.
        most: share of bad rows that is let pass.
        now: time of reading.
        before: rows that were rejected on the way here.
        size: bytes of the files.
    """
    kinds = kinds_of(frame)
    found = check_columns(source, schema or Schema({name: Field(kind) for name, kind in kinds.items()}), key, time)
    lost = [name for name in found.fields if name not in kinds]
    if lost:
        raise InputError(f"source {source!r}: {place} lacks the columns {lost}; it has {list(kinds)}")
    wrong = {name: kinds[name] for name, kind in found.types.items() if not _turns(kinds[name], kind)}
    if wrong:
        told = ", ".join(f"{name!r} is {kind} and not {found.types[name]}" for name, kind in wrong.items())
        raise InputError(f"source {source!r}: {place} has other kinds than the schema: {told}: change one of them")
    texts = [name for name, kind in found.types.items() if kind == "time" and kinds[name] == "text"]
    frame = frame.select(*[nw.col(n) if n in texts else nw.col(n).cast(dtype_of(k)) for n, k in found.types.items()])
    frame = engine.parse_times(frame, texts) if texts else frame
    moment = now or utc_now()
    rows, broken = violations(frame, found, moment)
    rejected, read = list(before), rows + len(before)
    checker = Checker(found, moment)
    if broken:
        frame, more = sift(frame, checker, source, place, moment)
        frame = engine.keep(frame)
        rejected += more
    check_share(source, read, rejected, most, checker.unit_hint())
    if not read:
        raise InputError(f"source {source!r} is empty: {place} holds no rows")
    over = [f"column {name!r} is not in the schema: it is passed over" for name in kinds if name not in found.fields]
    if any(field.seen is not None for field in found.fields.values()):
        over += drift(found, frame)
    rules = Counter(record.rule for record in rejected)
    counts = Counts(read, read - len(rejected), len(rejected), rules, size)
    return Loaded(frame, counts, tuple(rejected), found, tuple(over))


def sort_rows(
    source: str, engine: Engine, rows: Iterator[Sequence[Any]], schema: Schema, place: str
) -> tuple[nw.LazyFrame, list[Rejected]]:
    """A table from plain rows, without those whose values are not of their kinds.

    Args:
        source: its name.
        engine: where the table shall be.
        rows: values in the order of the schema.
        schema: kinds.
        place: what the quarantine calls the table.
    """
    types = schema.types
    rejected: list[Rejected] = []
    frames: list[nw.LazyFrame] = []
    good: list[list[Any]] = []
    for number, row in enumerate(rows, 1):
        values: list[Any] = []
        rule = None
        for (name, kind), value in zip(types.items(), row, strict=True):
            held: Any = bool(value) if kind == "boolean" and type(value) is int and value in (0, 1) else value
            if not fits(held, kind):
                rule = misfit(name, value, kind)
                break
            values.append(to_time(held) if kind == "time" and held is not None else held)
        if rule is None:
            good.append(values)
        else:
            raw = json.dumps(dict(zip(types, map(_told, row), strict=True)), ensure_ascii=False)
            rejected.append(Rejected(source, place, number, -1, raw, rule))
        if len(good) == _PIECE:
            frames.append(table_of(engine, good, schema))
            good = []
    frames += [table_of(engine, good, schema)] if good or not frames else []
    return nw.concat(frames, how="vertical") if len(frames) > 1 else frames[0], rejected


def table_of(engine: Engine, rows: Sequence[Sequence[Any]], schema: Schema) -> nw.LazyFrame:
    """Rows of good values as a table."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(schema.fields)
    types = list(schema.types.items())
    kinds = {name: dtype_of(kind) for name, kind in types}
    data = {name: list(values) for (name, _), values in zip(types, columns, strict=True)}
    return engine.table(nw.from_dict(data, kinds, backend="polars"))


def dtype_of(kind: Kind) -> Any:
    """The Narwhals type of a kind."""
    plain = _DTYPES[single(kind)]
    return nw.List(plain) if kind.endswith("s") else plain


def _turns(found: Kind, wanted: Kind) -> bool:
    return found == wanted or (found, wanted) in {("integer", "number"), ("text", "time")}


def _leaves(fields: Any) -> Iterator[tuple[str, nw.Expr, Any]]:
    for name, dtype in fields:
        yield from _below(name, nw.col(name), dtype)


def _below(name: str, expr: nw.Expr, dtype: Any) -> Iterator[tuple[str, nw.Expr, Any]]:
    if dtype != nw.Struct:
        yield name, expr, dtype
        return
    for field in dtype.fields:
        yield from _below(f"{name}.{field.name}", expr.struct.field(field.name), field.dtype)


def _plain(source: str, name: str, expr: nw.Expr, dtype: Any) -> nw.Expr:
    inner = dtype.inner if dtype == nw.List else dtype
    plain: Any = None
    if inner.is_integer():
        plain = nw.Int64()
    elif inner.is_numeric():
        plain = nw.Float64()
    elif inner == nw.Boolean:
        plain = nw.Boolean()
    elif inner in (nw.String, nw.Categorical, nw.Enum):
        plain = nw.String()
    elif dtype in (nw.Datetime, nw.Date):
        zoned = getattr(dtype, "time_zone", None) is not None
        expr = expr.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if zoned else expr
        plain = nw.Datetime("us")
    if plain is None:
        raise InputError(
            f"source {source!r}: column {name!r} holds {dtype}, which has no kind here: leave it out with columns=..., "
            f"or count it with lists={{{name!r}: 'count'}} if it is a list"
        )
    return expr.cast(nw.List(plain) if dtype == nw.List else plain)


def _told(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else plain_value(value)
