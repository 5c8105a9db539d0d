"""The same little table in every format, clean or dirty, for tests of sources."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import duckdb
import polars

from tutelage.data.engines import DuckDBEngine, Engine, PolarsEngine
from tutelage.data.sources import Csv, DuckDBFile, Json, JsonLines, Parquet, Source, SQLite, Xml

ENGINES: dict[str, Callable[[], Engine]] = {"polars": PolarsEngine, "duckdb": lambda: DuckDBEngine(memory_limit="1GB")}

ROWS: list[dict[str, Any]] = [
    {
        "id": i,
        "price": None if i % 7 == 3 else i * 0.25,
        "title": None if i % 11 == 5 else f'Ware "{i}", größer\nund <schwer> & {"ß" * (1 + i % 3)}',
        "sold": i % 3 == 0,
        "at": f"2025-0{1 + i % 9}-1{i % 10}T0{i % 10}:30:0{i % 10}" + ("", "Z", "+02:00", ".250")[i % 4],
    }
    for i in range(1, 61)
]
"""Missing values, quotes, separators and line ends inside fields, letters of several bytes, all ways to write times."""

NAMES = ("id", "price", "title", "sold", "at")
PROMISE: dict[str, Any] = {"key": ("id",), "time": "at"}


def csv(folder: Path, rows: list[dict[str, Any]] = ROWS, name: str = "shop.csv") -> Source:
    path, separator = folder / name, "\t" if name.endswith(".tsv") else ","
    plain = polars.DataFrame(rows).with_columns(polars.col("sold").cast(polars.String))
    plain.write_csv(path, separator=separator)
    return Csv("shop", path, **PROMISE)


def tsv(folder: Path, rows: list[dict[str, Any]] = ROWS) -> Source:
    return csv(folder, rows, "shop.tsv")


def jsonl(folder: Path, rows: list[dict[str, Any]] = ROWS) -> Source:
    path = folder / "shop.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return JsonLines("shop", path, **PROMISE)


def document(folder: Path, rows: list[dict[str, Any]] = ROWS) -> Source:
    path = folder / "shop.json"
    path.write_text(json.dumps({"meta": {"n": len(rows)}, "data": {"items": rows}}), encoding="utf-8")
    return Json("shop", path, "data.items", **PROMISE)


def xml(folder: Path, rows: list[dict[str, Any]] = ROWS) -> Source:
    path = folder / "shop.xml"
    lines = ["<shop>"]
    for row in rows:
        there = {name: str(value) for name, value in row.items() if value is not None}
        lines.append("<ware>" + "".join(f"<{n}>{escape(v)}</{n}>" for n, v in there.items()) + "</ware>")
    path.write_text("\n".join([*lines, "</shop>"]), encoding="utf-8")
    return Xml("shop", path, "ware", **PROMISE)


def parquet(folder: Path, rows: list[dict[str, Any]] = ROWS) -> Source:
    path = folder / "shop.parquet"
    typed(rows).write_parquet(path)
    return Parquet("shop", path, **PROMISE)


def sqlite(folder: Path, rows: list[dict[str, Any]] = ROWS) -> Source:
    path = folder / "shop.sqlite"
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE ware (id INTEGER, price REAL, title TEXT, sold INTEGER, at TEXT)")
        connection.executemany("INSERT INTO ware VALUES (?, ?, ?, ?, ?)", [[row[n] for n in NAMES] for row in rows])
        connection.commit()
    return SQLite("shop", path, "ware", **PROMISE)


def duckdb_file(folder: Path, rows: list[dict[str, Any]] = ROWS) -> Source:
    path = folder / "shop.duckdb"
    path.unlink(missing_ok=True)
    with duckdb.connect(str(path)) as connection:
        table = typed(rows)
        connection.register("given", table)
        connection.execute("CREATE TABLE ware AS SELECT * FROM given")
    return DuckDBFile("shop", path, "ware", **PROMISE)


def typed(rows: list[dict[str, Any]] = ROWS) -> polars.DataFrame:
    """The rows with times in UTC."""
    frame = polars.DataFrame(rows)
    zone = polars.when(polars.col("at").str.contains(r"[+Z]")).then(polars.lit("")).otherwise(polars.lit("Z"))
    text = (polars.col("at") + zone).str.replace("Z", "+00:00")
    return frame.with_columns(text.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%z", time_unit="us").dt.replace_time_zone(None))


FORMATS: dict[str, Callable[..., Source]] = {
    "csv": csv,
    "tsv": tsv,
    "jsonl": jsonl,
    "json": document,
    "xml": xml,
    "parquet": parquet,
    "sqlite": sqlite,
    "duckdb": duckdb_file,
}
