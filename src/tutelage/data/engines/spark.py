"""Spark: tables on many machines, through a session that the user opens."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, final

import narwhals.stable.v2 as nw
import numpy as np

from ...core import InputError
from ...core.errors import require
from .kinds import BOOLEAN, INTEGER, NO_TEXT, NUMBER, TIME, Kind, Types, is_list, single
from .polars import nest, scratch_folder
from .protocol import UnreadableError, belongs, to_columns

_NAMES: dict[Kind, str] = {
    "integer": "bigint",
    "number": "double",
    "boolean": "boolean",
    "text": "string",
    "time": "string",
}
_FORMS = {"integer": INTEGER, "number": NUMBER, "boolean": BOOLEAN, "time": TIME}


@final
class SparkEngine:
    """Tables in a Spark session.

    Args:
        session: the session; its `spark.sql.session.timeZone` must be UTC.
        folder: where scratch files go, which every worker must be able to read; temporary unless given.

    Raises:
        InputError: the session has another time zone.
    """

    def __init__(self, session: Any, *, folder: Path | str | None = None) -> None:
        zone = session.conf.get("spark.sql.session.timeZone")
        if zone != "UTC":
            raise InputError(
                f"the Spark session computes times in {zone!r}, which changes them; times here are UTC: open the "
                "session with .config('spark.sql.session.timeZone', 'UTC')"
            )
        self.session: Any = session
        self._scratch = scratch_folder(None if folder is None else Path(folder))

    @property
    def name(self) -> str:
        return "spark"

    def wrap(self, native: Any) -> nw.LazyFrame:
        """See `Engine.wrap`."""
        return belongs(native, self.name)

    def table(self, columns: Mapping[str, Any] | Any) -> nw.LazyFrame:
        """See `Engine.table`."""
        if isinstance(columns, nw.DataFrame):
            columns = columns.to_native()
        if isinstance(columns, Mapping):
            columns = require("polars", extra="data", why="put arrays into Spark").DataFrame(dict(columns))
        arrow = _plain(require("pyarrow", extra="spark", why="put tables into Spark").table(columns))
        frame = self.session.createDataFrame(arrow)
        for field in arrow.schema:
            if str(field.type) == "timestamp[us]":
                frame = frame.withColumn(field.name, frame[quoted(field.name)].cast("timestamp_ntz"))
        return nw.from_native(frame)

    def read_csv(
        self, path: Path, types: Types, *, separator: str = ",", nulls: Sequence[str] = ("",), checked: bool = False
    ) -> nw.LazyFrame:
        """See `Engine.read_csv`."""
        functions = require("pyspark.sql.functions", extra="spark", why="read tables with Spark")
        schema = ", ".join(f"{quoted(name)} string" for name in types)
        options = {"header": True, "sep": separator, "quote": '"', "escape": '"', "multiLine": True}
        reader = self.session.read.schema(schema).options(mode="FAILFAST", enforceSchema=False, **options)
        with self._reading(path):
            frame = reader.csv(_uri(path)).localCheckpoint()
        texts = {name: functions.col(quoted(name)) for name in types}
        texts = {name: functions.when(~text.isin(*nulls), text) for name, text in texts.items()}
        return self._typed(path, frame.select(*[text.alias(name) for name, text in texts.items()]), types)

    def read_json_lines(self, path: Path, types: Types, *, checked: bool = False, closed: bool = False) -> nw.LazyFrame:
        """See `Engine.read_json_lines`."""
        functions = require("pyspark.sql.functions", extra="spark", why="read tables with Spark")
        schema = ", ".join(f"{quoted(name)} {_nested(part)}" for name, part in nest(types).items())
        reader = self.session.read.schema(schema).options(mode="FAILFAST", allowNonNumericNumbers=False)
        paths = [functions.col(".".join(map(quoted, name.split(".")))).alias(name) for name in types]
        with self._reading(path):
            if closed:
                names = set(_paths(self.session.read.json(_uri(path)).schema))
                if not names <= set(types):
                    raise UnreadableError(f"{path} has more names: {sorted(names - set(types))[:10]}")
            frame = reader.json(_uri(path)).localCheckpoint().select(*paths)
        return self._typed(path, frame, types, {name for name, kind in types.items() if kind == "time"}, checked)

    def read_parquet(self, path: Path) -> nw.LazyFrame:
        """See `Engine.read_parquet`."""
        with self._reading(path):
            return nw.from_native(self.session.read.parquet(_uri(path)))

    def parse_times(self, frame: nw.LazyFrame, names: Sequence[str]) -> nw.LazyFrame:
        """See `Engine.parse_times`."""
        types: Types = {name: "time" if name in names else "boolean" for name in frame.collect_schema().names()}
        return self._typed("the table", frame.to_native(), types, set(names))

    def keep(self, frame: nw.LazyFrame) -> nw.LazyFrame:
        """See `Engine.keep`."""
        return nw.from_native(frame.to_native().localCheckpoint())

    def collect(self, frame: nw.LazyFrame) -> dict[str, np.ndarray]:
        """See `Engine.collect`."""
        require("pyarrow", extra="spark", why="take tables out of Spark")
        return to_columns(frame.collect(backend="pyarrow"))

    def scratch(self) -> Path:
        """See `Engine.scratch`."""
        return Path(self._scratch.name)

    def _typed(
        self, path: Path | str, frame: Any, types: Types, texts: set[str] | None = None, checked: bool = False
    ) -> nw.LazyFrame:
        """The columns that came as text turned into their kinds; every value must have the form of its kind.

        Of JSON a text that looks like another kind may be one, which Spark has turned into text.
        """
        functions = require("pyspark.sql.functions", extra="spark", why="read tables with Spark")
        json, texts = texts is not None and not checked, set(types) if texts is None else texts
        strange: list[Any] = []
        chosen: list[Any] = []
        for name, kind in types.items():
            column = functions.col(quoted(name))
            if kind == "text":
                strange.append(column.contains("\ufffd") | column.rlike(NO_TEXT) if json else column.contains("\ufffd"))
            if name not in texts or kind == "text":
                chosen.append(column)
                continue
            strange.append(~column.rlike(f"^(?:{_FORMS[kind].pattern})$"))
            chosen.append(_cast(functions, column, kind).alias(name))
        with self._reading(path):
            counts = [functions.sum(functions.when(wrong, 1).otherwise(0)) for wrong in strange]
            if counts and any(frame.select(*[c.alias(str(i)) for i, c in enumerate(counts)]).first() or ()):
                raise UnreadableError(f"{path}: some values do not have the form of their kinds {dict(types)}")
            return nw.from_native(frame.select(*chosen).localCheckpoint())

    @contextmanager
    def _reading(self, path: Path | str) -> Generator[None]:
        errors = require("pyspark.errors", extra="spark", why="read tables with Spark")
        java = require("py4j.protocol", extra="spark", why="read tables with Spark")
        try:
            yield
        except (errors.PySparkException, java.Py4JJavaError) as error:
            raise UnreadableError(f"{path}: {str(error).splitlines()[0]}") from error


def local_spark(*, cores: int = 2, memory: str = "2g", settings: Mapping[str, str] | None = None) -> Any:
    """A Spark session on this machine, which listens on the loopback address only.

    Args:
        cores: threads.
        memory: of the driver.
        settings: further settings of Spark, which go before these.

    Raises:
        MissingExtraError: pyspark is not installed.
    """
    sql = require("pyspark.sql", extra="spark", why="open a Spark session")
    wanted = {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": memory,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": str(cores),
        "spark.network.timeout": "600s",
        "spark.executor.heartbeatInterval": "120s",
    }
    builder = sql.SparkSession.builder.master(f"local[{cores}]").appName("tutelage")
    for name, value in {**wanted, **(settings or {})}.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    return session


def quoted(name: str) -> str:
    """A name of Spark's SQL."""
    return "`" + name.replace("`", "``") + "`"


def _uri(path: Path) -> str:
    """A file in which no letter stands for others."""
    return "file://" + re.sub(r"([*?\[\]{}\\])", r"\\\1", str(path.absolute()))


def _cast(functions: Any, column: Any, kind: Kind) -> Any:
    if kind != "time":
        return functions.trim(column).cast(_NAMES[kind])
    seconds = functions.regexp_replace(column, r"^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d)(Z|[+-]\d\d:?\d\d)?$", "$1:00$2")
    return seconds.cast("timestamp").cast("timestamp_ntz")


def _plain(table: Any) -> Any:
    """Arrow's types of text and lists with wide offsets in their usual ones; times in microseconds."""
    arrow = require("pyarrow", extra="spark", why="put tables into Spark")

    def plain(kind: Any) -> Any:
        if arrow.types.is_large_string(kind) or arrow.types.is_string_view(kind):
            return arrow.string()
        if arrow.types.is_large_binary(kind) or arrow.types.is_binary_view(kind):
            return arrow.binary()
        if arrow.types.is_large_list(kind) or arrow.types.is_list(kind):
            return arrow.list_(plain(kind.value_type))
        if arrow.types.is_timestamp(kind):
            return arrow.timestamp("us", kind.tz)
        return kind

    return table.cast(arrow.schema([field.with_type(plain(field.type)) for field in table.schema]))


def _paths(fields: Any, above: str = "") -> Iterator[str]:
    """The dotted names of all values."""
    for field in fields:
        inner = getattr(field.dataType, "fields", None)
        if inner:
            yield from _paths(inner, f"{above}{field.name}.")
        else:
            yield f"{above}{field.name}"


def _type(kind: Kind) -> str:
    return f"array<{_NAMES[single(kind)]}>" if is_list(kind) else _NAMES[kind]


def _nested(part: Any) -> str:
    if not isinstance(part, dict):
        return _type(part)
    return f"struct<{', '.join(f'{quoted(name)}: {_nested(inner)}' for name, inner in part.items())}>"
