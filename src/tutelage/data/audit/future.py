"""Audit A: no feature sees the future."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from ...core import InputError
from ..ticks import lazy, need
from .leak import Leak, bit_equal


@dataclass(frozen=True)
class Records:
    """A table that a recipe reads, and when its records came to be.

    Attributes:
        frame: any data frame.
        time: its time column; None for a table without time, which no audit can question.
        keys: columns that say whom a record is about; they stay as they are.
        available: column of arrival times; a record belongs to the future where either time does.
    """

    frame: Any
    time: str | None
    keys: tuple[str, ...] = ()
    available: str | None = None


def audit_future(
    build: Callable[[dict[str, Any]], Any],
    tables: Mapping[str, Records],
    cut: Any,
    *,
    spine: str,
    key: str | Sequence[str],
    labels: Sequence[str] = (),
    rounding: float = 1e-12,
    seed: int = 0,
) -> tuple[Leak, ...]:
    """Audit A: changes and removes every record from the cut-off on and compares the rows up to it.

    Rows at the cut-off itself are compared too, so that a join that lets a record of the very same time count is found
    when the cut-off is the time of a row. Only the spine's own records of that time stay as they are.

    Args:
        build: the recipe: frames by name to a frame of rows, with the key and the time of the spine.
        tables: what it reads, by name.
        cut: the cut-off, of the type of the times.
        spine: the table whose rows are predicted.
        key: column or columns that name a row.
        labels: columns that are meant to look ahead; not compared.
        rounding: share of a float by which it may move, because engines add in an order of their own, which depends on
            the other rows; everything else has to be equal, and with 0 floats have to be so to the bit.
        seed: of the changes.

    Raises:
        InputError: a column is missing, the key does not name single rows, or no row lies before the cut-off.
    """
    keys = [key] if isinstance(key, str) else list(key)
    if spine not in tables or tables[spine].time is None:
        raise InputError(f"the spine {spine!r} must be one of the tables {list(tables)} and have a time")
    time = str(tables[spine].time)

    def rows(changed: Mapping[str, Any]) -> dict[str, np.ndarray]:
        frame = lazy(build({**changed}), "what the recipe builds")
        need(frame, [*keys, time], "what the recipe builds")
        return sorted_columns(frame.filter(nw.col(time) <= cut).drop(*labels, strict=False), keys)

    before = rows({name: table.frame for name, table in tables.items()})
    if not len(before[keys[0]]):
        raise InputError(f"no row is as early as {cut!r}: the audit would compare nothing")
    chance = np.random.default_rng(seed)
    changes = {
        "change": {name: _changed(table, cut, name == spine, chance) for name, table in tables.items()},
        "disappear": {name: _removed(table, cut, name == spine) for name, table in tables.items()},
    }
    found: dict[str, Leak] = {}
    for how, changed in changes.items():
        after = rows(changed)
        if len(after[keys[0]]) != len(before[keys[0]]):
            number = abs(len(after[keys[0]]) - len(before[keys[0]]))
            text = f"{number} rows up to {cut} appear or vanish when records from then on {how}"
            found.setdefault("rows", Leak("future", "rows", number, text))
            continue
        for name, column in before.items():
            moved = ~bit_equal(column, after[name]) & ~_rounded(column, after[name], rounding)
            if moved.any():
                text = f"changes in {int(moved.sum())} of {len(moved)} rows up to {cut} when records from then on {how}"
                found.setdefault(name, Leak("future", name, int(moved.sum()), text))
    return tuple(found.values())


def sorted_columns(frame: nw.LazyFrame[Any], keys: Sequence[str]) -> dict[str, np.ndarray]:
    """The collected columns of a frame in the order of its keys.

    Raises:
        InputError: two rows have the same keys.
    """
    eager = frame.collect("pyarrow")
    columns = {name: np.asarray(eager[name].to_numpy()) for name in eager.columns}
    names = [np.array([repr(value) for value in columns[key].tolist()]) for key in keys]
    order = np.lexsort(names[::-1])
    same = np.logical_and.reduce([name[order][1:] == name[order][:-1] for name in names])
    if same.any():
        twice = [str(name[order][1:][same][0]) for name in names]
        raise InputError(f"two rows have the key {twice} in {list(keys)}: name more columns")
    return {name: column[order] for name, column in columns.items()}


def _rounded(one: np.ndarray, other: np.ndarray, share: float) -> np.ndarray:
    """Which floats differ by no more than the order of a sum explains: relative to them and to their column."""
    if one.dtype.kind != "f" or other.dtype.kind != "f" or not share:
        return np.zeros(len(one), dtype=bool)
    size = np.maximum(np.abs(one), np.abs(other))
    largest = float(np.nanmax(np.abs(one), initial=0.0))
    with np.errstate(invalid="ignore"):
        return np.abs(one - other) <= share * np.maximum(size, 0.1 * largest)


def _later(table: Records, cut: Any, is_spine: bool) -> tuple[nw.LazyFrame[Any], nw.Expr | None]:
    """A table and which of its records belong to the future."""
    frame = lazy(table.frame, "a table")
    times = [name for name in (table.time, table.available) if name is not None]
    need(frame, [*times, *table.keys], "a table")
    if not times:
        return frame, None
    late = [nw.col(name) > cut if is_spine else nw.col(name) >= cut for name in times]
    return frame, nw.any_horizontal(*late, ignore_nulls=True).fill_null(False)


def _removed(table: Records, cut: Any, is_spine: bool) -> nw.LazyFrame[Any]:
    frame, late = _later(table, cut, is_spine)
    return frame if late is None else frame.filter(~late)


def _changed(table: Records, cut: Any, is_spine: bool, chance: np.random.Generator) -> nw.LazyFrame[Any]:
    frame, late = _later(table, cut, is_spine)
    if late is None:
        return frame
    kept = {*table.keys, table.time, table.available}
    schema = frame.collect_schema()
    made = [_other(name, dtype, chance) for name, dtype in schema.items() if name not in kept]
    marked = frame.with_columns(late.alias("__late"))
    made = [nw.when(nw.col("__late")).then(other).otherwise(nw.col(name)).alias(name) for name, other in made]
    return marked.with_columns(*made).select(*schema.names()) if made else frame


def _other(name: str, dtype: Any, chance: np.random.Generator) -> tuple[str, nw.Expr]:
    """A column of the same type whose values have nothing to do with those of the column but never equal them."""
    column, number = nw.col(name), int(chance.integers(3, 90))
    if dtype == nw.Boolean:
        return name, (~column).fill_null(True)
    if dtype.is_integer():
        moved = column.cast(nw.Int64) % 7 + nw.when(column > 50).then(nw.lit(0)).otherwise(nw.lit(60 + number % 30))
        return name, moved.fill_null(number).cast(dtype)
    if dtype.is_numeric():
        return name, (column.cast(nw.Float64) * -1.7 + number).fill_null(number).cast(dtype)
    if dtype == nw.String:
        return name, nw.concat_str([column.fill_null(""), nw.lit(f"~{number}")])
    if isinstance(dtype, nw.Datetime) or dtype == nw.Date:
        return name, column.dt.offset_by(f"{number}d")
    return name, nw.lit(None, dtype=dtype)
