"""DuckDB: larger than memory, on one machine."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, final

import narwhals.stable.v2 as nw
import numpy as np

from ...core.errors import require
from .kinds import BOOLEAN, TIME, Kind, Types, is_list, no_pattern, single
from .polars import nest, scratch_folder
from .protocol import UnreadableError, belongs, to_columns

_NAMES: dict[Kind, str] = {
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "text": "VARCHAR",
    "time": "VARCHAR",
}
_FORMS = {"time": TIME, "boolean": BOOLEAN}
_FITS = {
    "integer": {"BIGINT"},
    "number": {"BIGINT", "DOUBLE"},
    "boolean": {"BOOLEAN"},
}
"""The types that DuckDB finds in a whole file whose values all are of this kind."""

_number = itertools.count()


@final
class DuckDBEngine:
    """Tables in DuckDB, which moves to disk what does not fit into memory.

    Args:
        connection: an open connection; one in memory unless given. It is set to UTC and
            to load no extension from outside.
        memory_limit: such as `4GB`; DuckDB's own limit unless given.
        folder: where scratch files and what does not fit into memory go; temporary unless given.
    """

    def __init__(
        self, connection: Any = None, *, memory_limit: str | None = None, folder: Path | str | None = None
    ) -> None:
        duckdb = require("duckdb", extra="duckdb", why="compute tables that are larger than memory")
        self._scratch = scratch_folder(None if folder is None else Path(folder))
        self.connection: Any = duckdb.connect() if connection is None else connection
        settings = {"autoinstall_known_extensions": "false", "TimeZone": "UTC"}
        if connection is None or folder is not None:
            settings["temp_directory"] = self._scratch.name
        if memory_limit is not None:
            settings["memory_limit"] = memory_limit
        for name, value in settings.items():
            self.connection.execute(f"SET {name} = {literal(value)}")

    @property
    def name(self) -> str:
        return "duckdb"

    def wrap(self, native: Any) -> nw.LazyFrame:
        """See `Engine.wrap`."""
        return belongs(native, self.name)

    def table(self, columns: Mapping[str, Any] | Any) -> nw.LazyFrame:
        """See `Engine.table`."""
        if isinstance(columns, nw.DataFrame):
            columns = columns.to_native()
        if isinstance(columns, Mapping):
            columns = require("polars", extra="data", why="put arrays into DuckDB").DataFrame(dict(columns))
        view = f"given_{next(_number)}"
        require("pyarrow", extra="duckdb", why="put tables into DuckDB")
        self.connection.register(view, columns)
        try:
            return self._create(f"SELECT * FROM {view}")
        finally:
            self.connection.unregister(view)

    def read_csv(
        self, path: Path, types: Types, *, separator: str = ",", nulls: Sequence[str] = ("",), checked: bool = False
    ) -> nw.LazyFrame:
        """See `Engine.read_csv`."""
        how = f"header = true, delim = {literal(separator)}, quote = '\"', escape = '\"'"
        how += f", nullstr = [{', '.join(map(literal, nulls))}]"
        raw: Types = {name: "text" if kind == "boolean" else kind for name, kind in types.items()}
        columns = ", ".join(f"{literal(name)}: '{_type(kind)}'" for name, kind in raw.items())
        source = f"read_csv({literal(no_pattern(path))}, {how}, auto_detect = false, columns = {{{columns}}})"
        frame = self._read(path, types, source, {name: quoted(name) for name in types}, ("time", "boolean"))
        if checked:
            return frame
        look = f"{how}, sample_size = -1, auto_type_candidates = ['BOOLEAN', 'BIGINT', 'DOUBLE', 'VARCHAR']"
        return self._sure(
            frame,
            lambda: _check_found(path, types, self._found(path, f"read_csv({literal(no_pattern(path))}, {look})")),
        )

    def read_json_lines(self, path: Path, types: Types, *, checked: bool = False, closed: bool = False) -> nw.LazyFrame:
        """See `Engine.read_json_lines`; buffers are as large as the longest line needs, which few files do."""
        for longest in (1 << 24, 1 << 28):
            try:
                return self._json_lines(path, types, checked, closed, longest)
            except UnreadableError as error:
                if "maximum_object_size" not in str(error):
                    raise
        raise UnreadableError(f"{path}: a line has more than 256 MB")

    def _json_lines(self, path: Path, types: Types, checked: bool, closed: bool, longest: int) -> nw.LazyFrame:
        how = f"format = 'newline_delimited', maximum_object_size = {longest}"
        paths = {name: ".".join(map(quoted, name.split("."))) for name in types}
        columns = ", ".join(f"{literal(name)}: '{_nested(part)}'" for name, part in nest(types).items())
        source = f"read_json({literal(no_pattern(path))}, {how}, columns = {{{columns}}})"
        if checked:
            turned = [
                f"{_time(paths[name]) if kind == 'time' else paths[name]} AS {quoted(name)}"
                for name, kind in types.items()
            ]
            with self._reading(path):
                return self._create(f"SELECT {', '.join(turned)} FROM {source}")
        frame = self._read(path, types, source, paths)

        def check() -> None:
            self._check_json(path, types, frame.to_native().alias)
            source = f"read_json({literal(no_pattern(path))}, {how}, sample_size = -1, map_inference_threshold = -1)"
            whole = dict(self._found(path, source))
            tops = {name.split(".")[0] for name in types}
            if not tops <= set(whole):
                raise UnreadableError(f"{path}: no line has the names {sorted(tops - set(whole))}")
            inside = [name for name in types if name not in whole]
            chosen = ", ".join(f"{paths[name]} AS {quoted(name)}" for name in inside)
            found = whole | (dict(self._found(path, source, chosen)) if inside else {})
            _check_found(path, types, [(name, found[name]) for name in types])
            if closed:
                _check_names(path, types, whole)

        return self._sure(frame, check)

    def read_parquet(self, path: Path) -> nw.LazyFrame:
        """See `Engine.read_parquet`."""
        with self._reading(path):
            return nw.from_native(self.connection.sql(f"SELECT * FROM read_parquet({literal(no_pattern(path))})"))

    def keep(self, frame: nw.LazyFrame) -> nw.LazyFrame:
        """See `Engine.keep`."""
        view = f"kept_{next(_number)}"
        frame.to_native().create_view(view)
        try:
            return self._create(f"SELECT * FROM {view}")
        finally:
            self.connection.execute(f"DROP VIEW {view}")

    def parse_times(self, frame: nw.LazyFrame, names: Sequence[str]) -> nw.LazyFrame:
        """See `Engine.parse_times`."""
        with self._reading("the table"):
            return self._turned("the table", self.keep(frame).to_native().alias, dict.fromkeys(names, "time"))

    def collect(self, frame: nw.LazyFrame) -> dict[str, np.ndarray]:
        """See `Engine.collect`."""
        require("pyarrow", extra="duckdb", why="take tables out of DuckDB")
        return to_columns(frame.collect(backend="pyarrow"))

    def scratch(self) -> Path:
        """See `Engine.scratch`."""
        return Path(self._scratch.name)

    def _read(
        self, path: Path, types: Types, source: str, paths: Mapping[str, str], texts: Sequence[Kind] = ("time",)
    ) -> nw.LazyFrame:
        """The columns as a table; those whose kinds come as text are checked and turned."""
        chosen = ", ".join(f"{paths[name]} AS {quoted(name)}" for name in types)
        with self._reading(path):
            frame = self._create(f"SELECT {chosen} FROM {source}")
            turned: Types = {name: kind for name, kind in types.items() if kind in texts}
            return self._turned(path, frame.to_native().alias, turned)

    def _turned(self, path: Path | str, table: str, kinds: Types) -> nw.LazyFrame:
        """A table with times and truth values instead of text; the one before is dropped."""
        if not kinds:
            return nw.from_native(self.connection.table(table))
        tests = [f"NOT regexp_full_match({quoted(n)}, {literal(_FORMS[kind].pattern)})" for n, kind in kinds.items()]
        bad = self._count(table, " OR ".join(tests))
        if bad:
            self.connection.execute(f"DROP TABLE {quoted(table)}")
            raise UnreadableError(f"{path}: {bad} lines hold values in {list(kinds)} that are not of their kinds")
        parts = ", ".join(
            f"{_time(quoted(name)) if kind == 'time' else f'CAST({quoted(name)} AS BOOLEAN)'} AS {quoted(name)}"
            for name, kind in kinds.items()
        )
        return self._create(f"SELECT * REPLACE ({parts}) FROM {quoted(table)}", instead_of=table)

    def _check_json(self, path: Path, types: Types, table: str) -> None:
        """DuckDB reads a line of `null` as a row without values, and NaN as a number."""
        tests = [" AND ".join(f"{quoted(name)} IS NULL" for name in types)]
        tests += [f"NOT isfinite({quoted(name)})" for name, kind in types.items() if kind == "number"]
        tests += [f"list_bool_or([NOT isfinite(x) FOR x IN {quoted(n)}])" for n, k in types.items() if k == "numbers"]
        if self._count(table, " OR ".join(f"({test})" for test in tests)):
            raise UnreadableError(f"{path}: some lines hold nothing, or numbers that JSON does not have")

    def _count(self, table: str, test: str) -> int:
        return int(self.connection.execute(f"SELECT count(*) FROM {quoted(table)} WHERE {test}").fetchone()[0])

    def _sure(self, frame: nw.LazyFrame, check: Callable[[], None]) -> nw.LazyFrame:
        """The frame, if what was read of the file stands in it: readers round and cast without a word."""
        try:
            check()
        except UnreadableError:
            self.connection.execute(f"DROP TABLE {quoted(frame.to_native().alias)}")
            raise
        return frame

    def _create(self, query: str, instead_of: str | None = None) -> nw.LazyFrame:
        table = f"tutelage_{next(_number)}"
        self.connection.execute(f"CREATE TEMP TABLE {table} AS {query}")
        if instead_of is not None:
            self.connection.execute(f"DROP TABLE {quoted(instead_of)}")
        return nw.from_native(self.connection.table(table))

    def _found(self, path: Path, source: str, chosen: str = "*") -> list[tuple[str, str]]:
        """Names and types of the columns that DuckDB finds in the whole file."""
        with self._reading(path):
            return [row[:2] for row in self.connection.execute(f"DESCRIBE SELECT {chosen} FROM {source}").fetchall()]

    @contextmanager
    def _reading(self, path: Path | str) -> Generator[None]:
        duckdb = require("duckdb", extra="duckdb", why="compute tables that are larger than memory")
        broken = (duckdb.DataError, duckdb.InvalidInputException, duckdb.BinderException, duckdb.IOException)
        try:
            yield
        except broken as error:
            raise UnreadableError(f"{path}: {error}") from error


def literal(value: object) -> str:
    """A text of SQL."""
    return "'" + str(value).replace("'", "''") + "'"


def quoted(name: str) -> str:
    """A name of SQL."""
    return '"' + name.replace('"', '""') + '"'


def _type(kind: Kind) -> str:
    return _NAMES[single(kind)] + ("[]" if is_list(kind) else "")


def _nested(part: Any) -> str:
    if not isinstance(part, dict):
        return _type(part)
    return f"STRUCT({', '.join(f'{quoted(name)} {_nested(inner)}' for name, inner in part.items())})".replace("'", "''")


def _check_found(path: Path, types: Types, found: list[tuple[str, str]]) -> None:
    """Refuses a file in which DuckDB finds other types."""
    if [name for name, _ in found] != list(types):
        raise UnreadableError(f"{path} has the columns {[name for name, _ in found]}, not {list(types)}")
    for name, native in found:
        kind, plain = single(types[name]), native.removesuffix("[]")
        listed = native.endswith("[]") == is_list(types[name])
        if plain in ("JSON", '"NULL"', "NULL") and kind == "text" and listed:
            raise UnreadableError(f"{path}: column {name!r} holds values that are no text")
        if kind in _FITS and (plain not in _FITS[kind] or not listed) and not _empty(plain):
            raise UnreadableError(f"{path}: column {name!r} holds values of type {native}, not of kind {types[name]}")


def _check_names(path: Path, types: Types, whole: Mapping[str, str]) -> None:
    """Refuses a file that has names beyond these; of nested objects by the number of their names."""
    for top, native in whole.items():
        known = sum(name.split(".")[0] == top for name in types)
        inside = native.count(",") + 1 if native.startswith("STRUCT") and not native.endswith("[]") else 1
        if known < inside:
            raise UnreadableError(f"{path} has more names below {top!r}: {native[:200]}")


def _empty(native: str) -> bool:
    """Whether a column without any value is reported like this."""
    return native == '"NULL"'


def _time(column: str) -> str:
    """Text as a time of UTC; the cast alone would pass over the offset."""
    offset = f"regexp_extract({column}, '[T ].*([+-]\\d\\d):?(\\d\\d)$', ['h', 'm'])"
    minutes = f"(60 * CAST(({offset}).h AS BIGINT) + CAST(left(({offset}).h, 1) || ({offset}).m AS BIGINT))"
    local = f"CAST(regexp_replace({column}, '([T ].*)[+-]\\d\\d:?\\d\\d$', '\\1') AS TIMESTAMP)"
    shifted = f"{local} - to_minutes({minutes})"
    sign = f"length({column}) > 20 AND ({column}[-6] IN ('+', '-') OR {column}[-5] IN ('+', '-'))"
    return f"CASE WHEN {sign} THEN {shifted} ELSE CAST({column} AS TIMESTAMP) END"
