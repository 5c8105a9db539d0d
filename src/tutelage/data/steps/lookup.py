"""Values to values on an engine: a small table is written into the expression, a large one is joined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals.stable.v2 as nw

from ...core import InputError, require

MOST_WRITTEN = 1000
"""DuckDB and Spark search a written table value by value."""


def look_up(frame: nw.LazyFrame, column: str, keys: Sequence[Any], values: Sequence[Any], into: str) -> nw.LazyFrame:
    """The frame with a new column: the value of each key, null for other keys and for null.

    Args:
        frame: of any engine.
        column: where the keys are.
        keys: different strings or numbers, none missing.
        values: whole numbers or floats, one per key.
        into: name of the new column, which may be `column` itself.
    """
    whole = all(isinstance(value, int) for value in values)
    dtype = nw.Int64() if whole else nw.Float64()
    if not keys:
        return frame.with_columns(nw.lit(None).cast(dtype).alias(into))
    if frame.implementation.is_polars() or len(keys) <= MOST_WRITTEN:
        found = nw.col(column).replace_strict(list(keys), list(values), default=None, return_dtype=dtype)
        return frame.with_columns(found.alias(into))
    key, value = "/key", "/value"
    table = _beside(frame, {key: list(keys), value: list(values)})
    joined = frame.join(table, left_on=column, right_on=key, how="left")
    return joined.with_columns(nw.col(value).cast(dtype).alias(into)).drop([value])


def _beside(frame: nw.LazyFrame, columns: dict[str, list[Any]]) -> nw.LazyFrame:
    """A small table on the engine, and the connection, of a frame."""
    native = nw.to_native(frame)
    if frame.implementation.is_duckdb():
        small = require("pyarrow", extra="duckdb", why="hand a table to DuckDB").table(columns)
        relation = native.query("frame_", "select * from small")
        assert small is not None
        return nw.from_native(relation).lazy()
    if frame.implementation.is_pyspark():
        names = list(columns)
        return nw.from_native(native.sparkSession.createDataFrame(list(zip(*columns.values(), strict=True)), names))
    raise InputError(f"a table cannot be joined on {frame.implementation}: use Polars, DuckDB or Spark")
