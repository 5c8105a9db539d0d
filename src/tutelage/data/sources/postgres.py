"""PostgreSQL by URL."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, final
from urllib.parse import urlsplit

from ...core import InputError
from ...core.errors import require
from ..contract import Schema
from ..engines import Engine
from ..quarantine import MOST
from .protocol import Loaded, digest
from .sqlite import query, quoted
from .typed import load_table, tidy
from .values import Lists

_READ = {
    "numeric": "::double precision",
    "uuid": "::text",
    "json": "::text",
    "jsonb": "::text",
    "money": "::numeric::float8",
}


@final
@dataclass(frozen=True)
class PostgreSQL:
    """A table or a query of a PostgreSQL server, in one transaction that only reads.

    Args:
        name: of the source.
        url: `postgresql://user@host:port/database`; kept out of errors, logs and fingerprints but for its host and
            database.
        select: name of a table or view, or a SELECT statement.
        key: columns that name a row.
        time: the column of event time; None for a static dimension.
        schema: kinds and rules of the columns; the kinds of the table unless given.
        lists: columns of arrays that are counted (`count`).
        most: share of bad rows above which reading stops.
    """

    name: str
    url: str = field(repr=False)
    select: str
    key: tuple[str, ...] = ()
    time: str | None = None
    schema: Schema | None = None
    lists: Lists = field(default_factory=dict)
    most: float = MOST

    @property
    def place(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.hostname or 'localhost'}{parts.path}: {self.select}"

    def fingerprint(self) -> str:
        """See `Source.fingerprint`; follows the rows that are read, in any order."""
        schema = None if self.schema is None else self.schema.to_json()
        with self._cursor() as cursor:
            part = "('x' || substr(md5(t::text), 1, 15))::bit(60)::bigint"
            cursor.execute(f"SELECT count(*)::text, sum({part}::numeric)::text FROM {query(self.select)} AS t")
            more = repr(cursor.fetchone())
        settings = {"format": "postgresql", "place": self.place, "schema": schema, "lists": dict(self.lists)}
        return digest({**settings, "key": self.key}, (), more)

    def read(self, engine: Engine, *, now: datetime | None = None) -> Loaded:
        """See `Source.read`."""
        with self._cursor() as cursor:
            cursor.execute(f"SELECT {self._columns(cursor)} FROM {query(self.select)} AS t")
            frame = tidy(self.name, engine.table(cursor.fetch_arrow()), self.lists)
        rest: dict[str, Any] = {"schema": self.schema, "key": self.key, "time": self.time, "most": self.most}
        return load_table(self.name, engine, frame, place=self.place, now=now, **rest)

    def _columns(self, cursor: Any) -> str:
        """The columns, those cast that Arrow has no type for."""
        cursor.execute(f"SELECT * FROM {query(self.select)} AS t LIMIT 0")
        names = [part[0] for part in cursor.description]
        types = ", ".join(f"pg_typeof(t.{quoted(name)})::text" for name in names)
        one = f"(SELECT 1) AS one LEFT JOIN (SELECT * FROM {query(self.select)} AS s LIMIT 1) AS t ON true"
        cursor.execute(f"SELECT {types} FROM {one}")
        found = dict(zip(names, cursor.fetchone(), strict=True))
        return ", ".join(f"t.{quoted(name)}{_READ.get(kind, '')} AS {quoted(name)}" for name, kind in found.items())

    @contextmanager
    def _cursor(self) -> Generator[Any]:
        """A cursor whose errors say what to do and do not show the password."""
        driver = require("adbc_driver_postgresql.dbapi", extra="postgres", why="read PostgreSQL")
        try:
            with closing(driver.connect(self.url)) as connection, closing(connection.cursor()) as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                yield cursor
        except (driver.Error, OSError) as error:
            told = str(error).strip()
            password = urlsplit(self.url).password
            if password:
                told = told.replace(password, "***")
            raise InputError(
                f"source {self.name!r}: {self.place} cannot be read: {told}: see that the server runs and lets this "
                "user in, then read again; nothing was kept of what had come"
            ) from None
