"""DuckDB files."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, final

from ...core import InputError
from ...core.errors import require
from ..contract import Schema
from ..engines import Engine
from ..quarantine import MOST
from .protocol import Loaded, digest
from .sqlite import query
from .typed import load_table, tidy
from .values import Lists


@final
@dataclass(frozen=True)
class DuckDBFile:
    """A table or a query of a DuckDB file, opened for reading only.

    Args:
        name: of the source.
        path: the file.
        select: name of a table or view, or a SELECT statement.
        key: columns that name a row.
        time: the column of event time; None for a static dimension.
        schema: kinds and rules of the columns; the kinds of the table unless given.
        lists: columns of lists that are counted (`count`).
        most: share of bad rows above which reading stops.
    """

    name: str
    path: Path | str
    select: str
    key: tuple[str, ...] = ()
    time: str | None = None
    schema: Schema | None = None
    lists: Lists = field(default_factory=dict)
    most: float = MOST

    def fingerprint(self) -> str:
        """See `Source.fingerprint`; follows the rows that are read, in any order, not the file."""
        schema = None if self.schema is None else self.schema.to_json()
        with closing(self._connect()) as connection:
            rows = self._run(
                connection, f"SELECT count(*), sum(hash(t)::HUGEINT)::VARCHAR FROM {query(self.select)} AS t"
            )
            more = repr(rows.fetchall())
        settings = {"format": "duckdb", "select": self.select, "schema": schema, "lists": dict(self.lists)}
        return digest({**settings, "key": self.key}, (), more)

    def read(self, engine: Engine, *, now: datetime | None = None) -> Loaded:
        """See `Source.read`."""
        with closing(self._connect()) as connection:
            rows = self._run(connection, f"SELECT * FROM {query(self.select)}")
            frame = tidy(self.name, engine.table(rows.to_arrow_reader()), self.lists)
        rest: dict[str, Any] = {"schema": self.schema, "key": self.key, "time": self.time, "most": self.most}
        place, size = f"{self.path}: {self.select}", Path(self.path).stat().st_size
        return load_table(self.name, engine, frame, place=place, now=now, size=size, **rest)

    def _connect(self) -> Any:
        duckdb = require("duckdb", extra="duckdb", why="read DuckDB files")
        if not Path(self.path).is_file():
            raise InputError(f"source {self.name!r}: there is no database {self.path}")
        try:
            connection = duckdb.connect(str(self.path), read_only=True)
            connection.execute("SET autoinstall_known_extensions = false; SET TimeZone = 'UTC'")
        except duckdb.Error as error:
            busy = "lock" in str(error).lower() or "different configuration" in str(error)
            told = "is in use: close the other connection" if busy else "is no DuckDB file, or damaged"
            raise InputError(f"source {self.name!r}: {self.path} {told} ({error})") from error
        return connection

    def _run(self, connection: Any, sql: str) -> Any:
        duckdb = require("duckdb", extra="duckdb", why="read DuckDB files")
        try:
            return connection.sql(sql)
        except duckdb.Error as error:
            raise InputError(f"source {self.name!r}: {self.path}: {self.select}: {error}") from error
