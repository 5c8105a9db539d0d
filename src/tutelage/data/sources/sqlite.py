"""SQLite files: through the driver of Arrow where every value has the type of its column, else row by row."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, final

import narwhals.stable.v2 as nw

from ...core import InputError
from ...core.errors import require
from ..contract import Field, Schema
from ..engines import Engine, Kind, UnreadableError
from ..quarantine import MOST, Rejected, check_share
from .files import hint_for
from .protocol import Loaded, digest
from .typed import dtype_of, load_table, sort_rows
from .values import json_kind

_HEAD = 5000
_TYPES: dict[Kind, str] = {
    "integer": "'integer'",
    "boolean": "'integer'",
    "number": "'integer', 'real'",
    "text": "'text'",
    "time": "'text'",
}


@final
@dataclass(frozen=True)
class SQLite:
    """A table or a query of an SQLite file, opened for reading only.

    SQLite lets a value have another type than its column; such rows go to the quarantine.

    Args:
        name: of the source.
        path: the file.
        select: name of a table or view, or a SELECT statement.
        key: columns that name a row.
        time: the column of event time; None for a static dimension.
        schema: kinds and rules of the columns; kinds are found from the first rows unless given.
        most: share of bad rows above which reading stops.
        timeout: seconds to wait for another program that writes.
    """

    name: str
    path: Path | str
    select: str
    key: tuple[str, ...] = ()
    time: str | None = None
    schema: Schema | None = None
    most: float = MOST
    timeout: float = 5.0

    def fingerprint(self) -> str:
        """See `Source.fingerprint`; follows the rows that are read, in their order, not the file."""
        schema = None if self.schema is None else self.schema.to_json()
        with self._open() as connection:
            rows = connection.execute(f"SELECT * FROM {query(self.select)}")
            more = "".join(repr(row) for row in rows)
        return digest({"format": "sqlite", "select": self.select, "schema": schema, "key": self.key}, (), more)

    def read(self, engine: Engine, *, now: datetime | None = None) -> Loaded:
        """See `Source.read`."""
        place = f"{self.path}: {self.select}"
        with self._open() as connection:
            schema = self.schema or Schema(self._kinds(connection))
            frame, rejected = self._table(connection, engine, schema, place)
        check_share(
            self.name, max(len(rejected), _count(frame) + len(rejected)), rejected, self.most, hint_for(rejected)
        )
        size = Path(self.path).stat().st_size
        rest: dict[str, Any] = {"key": self.key, "time": self.time, "most": self.most, "now": now, "size": size}
        return load_table(self.name, engine, frame, place=place, schema=schema, before=rejected, **rest)

    def _table(
        self, connection: sqlite3.Connection, engine: Engine, schema: Schema, place: str
    ) -> tuple[nw.LazyFrame, list[Rejected]]:
        columns = ", ".join(quoted(name) for name in schema.fields)
        if not self._strange(connection, schema):
            try:
                return self._fast(engine, schema), []
            except UnreadableError:
                pass
        rows: Iterator[Any] = connection.execute(f"SELECT {columns} FROM {query(self.select)}")
        return sort_rows(self.name, engine, rows, schema, place)

    def _strange(self, connection: sqlite3.Connection, schema: Schema) -> bool:
        """Whether some value does not have the type of its column, asked from SQLite."""
        counts = [
            f"total(typeof({quoted(name)}) NOT IN ('null', {_TYPES[kind]}))"
            + (f" + total({quoted(name)} NOT IN (0, 1))" if kind == "boolean" else "")
            for name, kind in schema.types.items()
        ]
        return any(connection.execute(f"SELECT {', '.join(counts)} FROM {query(self.select)}").fetchone())

    def _fast(self, engine: Engine, schema: Schema) -> nw.LazyFrame:
        driver = require("adbc_driver_sqlite.dbapi", extra="data", why="read SQLite")
        columns = ", ".join(
            f"CAST({quoted(name)} AS REAL) AS {quoted(name)}" if kind == "number" else quoted(name)
            for name, kind in schema.types.items()
        )
        options = {"adbc.sqlite.query.batch_rows": "65536"}
        try:
            with closing(driver.connect(uri(self.path))) as connection, closing(connection.cursor()) as cursor:
                cursor.adbc_statement.set_options(**options)
                cursor.execute(f"SELECT {columns} FROM {query(self.select)}")
                frame = engine.table(cursor.fetch_arrow())
        except (driver.Error, ValueError, OSError) as error:
            raise UnreadableError(f"{self.path}: {error}") from error
        texts = [name for name, kind in schema.types.items() if kind == "time"]
        plain = {name: dtype_of("text" if kind == "time" else kind) for name, kind in schema.types.items()}
        frame = frame.select(*[nw.col(name).cast(dtype) for name, dtype in plain.items()])
        return engine.parse_times(frame, texts) if texts else frame

    def _kinds(self, connection: sqlite3.Connection) -> dict[str, Field]:
        cursor = connection.execute(f"SELECT * FROM {query(self.select)} LIMIT {_HEAD}")
        names = [part[0] for part in cursor.description]
        rows = cursor.fetchall()
        found: dict[str, Field] = {}
        for place, name in enumerate(names):
            values = [row[place] for row in rows if row[place] is not None]
            if not values:
                there = f"SELECT {quoted(name)} FROM {query(self.select)} WHERE {quoted(name)} IS NOT NULL LIMIT 100"
                values = [row[0] for row in connection.execute(there)]
            if any(isinstance(value, bytes) for value in values):
                raise InputError(f"source {self.name!r}: column {name!r} of {self.select} holds bytes: leave it out")
            found[name] = Field(json_kind(values, self.most))
        return found

    @contextmanager
    def _open(self) -> Generator[sqlite3.Connection]:
        """A connection whose errors say what to do."""
        if not Path(self.path).is_file():
            raise InputError(f"source {self.name!r}: there is no database {self.path}")
        try:
            with closing(sqlite3.connect(uri(self.path), uri=True, timeout=self.timeout)) as connection:
                yield connection
        except sqlite3.OperationalError as error:
            if "locked" in str(error) or "busy" in str(error):
                raise InputError(
                    f"source {self.name!r}: {self.path} is locked by another program, for {self.timeout:g} s already: "
                    "wait for it, or give a longer timeout"
                ) from error
            raise InputError(f"source {self.name!r}: {self.path}: {self.select}: {error}") from error
        except sqlite3.DatabaseError as error:
            raise InputError(f"source {self.name!r}: {self.path} is no SQLite file, or damaged ({error})") from error


def query(select: str) -> str:
    """A table's name or a SELECT statement as something to select from."""
    return f"({select.strip().rstrip(';')})" if " " in select.strip() else quoted(select)


def quoted(name: str) -> str:
    """A name of SQL."""
    return '"' + name.replace('"', '""') + '"'


def uri(path: Path | str) -> str:
    """A file to be opened for reading only."""
    return f"{Path(path).absolute().as_uri()}?mode=ro"


def _count(frame: nw.LazyFrame) -> int:
    return int(frame.select(nw.len().alias("n")).collect(backend="polars")["n"][0])
