"""The same table on Polars, DuckDB and PySpark, and rows of any of them in one order."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import duckdb
import narwhals.stable.v2 as nw
import polars as pl

QUICK = ("polars", "duckdb")


@contextmanager
def spark_session() -> Generator[Any]:
    """A real local session, ended at the end of the block."""
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[1]").appName("tutelage tests")
    for key, value in {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.session.timeZone": "UTC",
        "spark.network.timeout": "600s",
    }.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    try:
        yield session
    finally:
        session.stop()


def on_engine(frame: pl.DataFrame, engine: str, spark: Any = None) -> nw.LazyFrame[Any]:
    """The table on an engine."""
    if engine == "polars":
        return nw.from_native(frame.lazy())
    if engine == "duckdb":
        return nw.from_native(duckdb.sql("SELECT * FROM frame"))
    return nw.from_native(spark.createDataFrame(frame.to_arrow()))


def rows_of(frame: nw.LazyFrame[Any], by: str) -> list[dict[str, Any]]:
    """The rows in the order of one column, each value as plain Python (times in UTC, without a zone)."""
    columns = frame.collect("pyarrow").to_dict(as_series=False)
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return [{name: _plain(value) for name, value in row.items()} for row in sorted(rows, key=lambda row: row[by])]


def _plain(value: Any) -> Any:
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        return value.astimezone(dt.UTC).replace(tzinfo=None)
    return value


def assert_same(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    """Equal rows: exactly, and floats within 1e-9 relative."""
    assert len(found) == len(expected)
    for row, other in zip(found, expected, strict=True):
        assert list(row) == list(other)
        for name, value in row.items():
            wanted = other[name]
            if isinstance(value, float) and isinstance(wanted, float):
                assert math.isclose(value, wanted, rel_tol=1e-9, abs_tol=1e-12), (name, row, other)
            else:
                assert value == wanted, (name, row, other)
                assert type(value) is type(wanted), (name, row, other)
