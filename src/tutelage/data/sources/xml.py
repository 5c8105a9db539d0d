"""XML: streaming, one row per record element, with namespaces and attributes; document types are refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, final

import narwhals.stable.v2 as nw

from ...core import InputError
from ...core.errors import require
from ..checks import Checker, utc_now, violations
from ..contract import Field, Schema, drift
from ..engines import Engine, Kind, PolarsEngine, UnreadableError
from ..engines.kinds import is_list, single
from ..quarantine import MOST, Rejected, check_share, text_of
from .files import hint_for
from .packed import refuse_packed
from .protocol import Counts, Files, Loaded, check_columns, digest, expand
from .typed import table_of
from .values import Lists, parse, text_kind
from .xml_records import BROKEN, Element, Shape, XmlRecords

_HEAD = 5000
_PIECE = 200_000


@final
@dataclass(frozen=True)
class Xml:
    """XML files, one row per element of a name.

    The text of a nested element is the column of its dotted path below the record (`maker.name`), an attribute has an
    `@` before its name (`@id`, `price.@currency`). An element that repeats is a list. Elements of another namespace
    than the record's have the prefix declared here (`g:price`), or the namespace itself in braces.

    A document type is refused, and with it all entities that a file defines. A file that breaks off or is damaged is
    refused as well, for nobody knows how much is missing; if its user wants them, the records before the damage are
    read, and the rest is one record in the quarantine. The white space around a text is not part of it.

    Args:
        name: of the source.
        files: a path, a pattern, or several.
        record: name of the element that is a row, with its prefix if it has one.
        namespaces: prefix to namespace.
        key: columns that name a row.
        time: the column of event time; None for a static dimension.
        schema: kinds and rules of the columns; kinds are found from the first records unless given.
        lists: what becomes of elements that repeat: `keep` (the default) or `count`.
        most: share of bad records above which reading stops.
        damaged: `refuse`, or `keep` what stands before the damage.
    """

    name: str
    files: Files
    record: str
    namespaces: Mapping[str, str] = field(default_factory=dict)
    key: tuple[str, ...] = ()
    time: str | None = None
    schema: Schema | None = None
    lists: Lists = field(default_factory=dict)
    most: float = MOST
    damaged: Literal["refuse", "keep"] = "refuse"

    def fingerprint(self) -> str:
        """See `Source.fingerprint`."""
        schema = None if self.schema is None else self.schema.to_json()
        settings = {
            "format": "xml",
            "record": self.record,
            "damaged": self.damaged,
            "namespaces": dict(self.namespaces),
            "schema": schema,
        }
        return digest({**settings, "lists": dict(self.lists), "key": self.key}, expand(self.name, self.files))

    def read(self, engine: Engine, *, now: datetime | None = None) -> Loaded:
        """See `Source.read`; element by element only where a text does not fit or a rule is broken."""
        paths = expand(self.name, self.files)
        refuse_packed(self.name, paths)
        moment = now or utc_now()
        reading = _Reading(self, engine, moment, thorough=False)
        try:
            frame = reading.all(paths)
            broken = violations(frame, reading.schema, moment)[1]
        except UnreadableError:
            frame, broken = None, 1
        if frame is None or broken:
            schema = reading.schema
            reading = _Reading(self, engine, moment, thorough=True)
            reading.decide(schema)
            frame = reading.all(paths)
        rejected, schema = reading.rejected, reading.schema
        read = reading.kept + len(rejected)
        hint = reading.checker.unit_hint() or hint_for(rejected)
        check_share(self.name, read, [r for r in rejected if not r.rule.startswith(BROKEN)], self.most, hint)
        over = reading.passed_over.items()
        told = [f"{name!r} came in {n} records and is not in the schema: it is passed over" for name, n in over]
        if any(held.seen is not None for held in schema.fields.values()):
            told += drift(schema, frame)
        size = sum(path.stat().st_size for path in paths)
        rules = Counter(record.rule for record in rejected)
        counts = Counts(read, reading.kept, len(rejected), rules, size)
        return Loaded(frame, counts, tuple(rejected), schema, tuple(told))


class _Reading:
    """Reads one file after another into one table."""

    def __init__(self, source: Xml, engine: Engine, now: datetime, *, thorough: bool) -> None:
        self.source, self.engine, self.now, self.thorough = source, engine, now, thorough
        self.rejected: list[Rejected] = []
        self.passed_over: Counter[str] = Counter()
        self.kept = 0
        self._frames: list[nw.LazyFrame] = []
        self._rows: list[list[Any]] = []
        self._schema: Schema | None = None
        self._checker: Checker | None = None
        self._waiting: list[tuple[Path, Element]] = []
        if source.schema is not None:
            self.decide(source.schema)

    @property
    def schema(self) -> Schema:
        assert self._schema is not None
        return self._schema

    @property
    def checker(self) -> Checker:
        assert self._checker is not None
        return self._checker

    def decide(self, schema: Schema) -> None:
        """Sets the schema; from here on records are taken at once."""
        self._schema = check_columns(self.source.name, schema, self.source.key, self.source.time)
        self._checker = Checker(self._schema, self.now)

    def all(self, paths: Sequence[Path]) -> nw.LazyFrame:
        """The table of all files."""
        for path in paths:
            self._file(path)
        if self._schema is None:
            self._find()
        if self._rows or not self._frames:
            self._piece()
        if not self.kept and not self.rejected:
            files = ", ".join(map(str, paths[:5]))
            raise InputError(f"source {self.source.name!r} is empty: {files} hold no {self.source.record!r}")
        return nw.concat(self._frames, how="vertical") if len(self._frames) > 1 else self._frames[0]

    def _file(self, path: Path) -> None:
        """All records of a file; without a schema the first ones wait until it is found."""
        counted = [name for name, rule in self.source.lists.items() if rule == "count"]
        shape = Shape(self.source.name, self.source.record, self.source.namespaces, counted)
        records = XmlRecords(path, shape, keep=self.source.damaged == "keep")
        for element in records.elements():
            if self._schema is None:
                self._waiting.append((path, element))
                if len(self._waiting) == _HEAD:
                    self._find()
            else:
                self._take(path, element)
        if records.damage is not None:
            self.rejected.append(records.damage)

    def _piece(self) -> None:
        """The rows so far as a part of the table."""
        if self.thorough:
            self._frames.append(table_of(self.engine, self._rows, self.schema))
        else:
            self._frames.append(_typed(self.engine, self._rows, self.schema))
        self._rows = []

    def _find(self) -> None:
        """Kinds from the first records: the narrowest that fit their texts."""
        if not self._waiting:
            raise InputError(f"source {self.source.name!r} is empty: no {self.source.record!r} was found")
        texts: dict[str, list[str]] = {}
        repeated: set[str] = set()
        for _, element in self._waiting:
            for name, value in element.values.items():
                repeated |= {name} if isinstance(value, list) else set()
                texts.setdefault(name, []).extend(value if isinstance(value, list) else [value])
        fields: dict[str, Field] = {}
        for name, values in texts.items():
            kind = text_kind((value for value in values if value), self.source.most)
            if self.source.lists.get(name) == "count":
                kind = "integer"
            elif name in repeated:
                plural: dict[Kind, Kind] = {"integer": "integers", "number": "numbers", "boolean": "booleans"}
                kind = plural.get(kind, "texts")
            fields[name] = Field(kind)
        self.decide(Schema(fields))
        for path, element in self._waiting:
            self._take(path, element)
        self._waiting = []

    def _take(self, path: Path, element: Element) -> None:
        values, fields = element.values, self.schema.fields
        if not values.keys() <= fields.keys():
            self.passed_over.update(values.keys() - fields.keys())
        for name, rule in self.source.lists.items():
            if rule == "count" and name in fields:
                values[name] = str(len(values.get(name, ())))
        if not self.thorough:
            self._rows.append(list(map(values.get, fields)))
            self._kept()
            return
        found: dict[str, Any] = {}
        for name, kind in self.schema.types.items():
            text = values.get(name)
            try:
                found[name] = _value(text, kind)
            except ValueError:
                held = "several values" if isinstance(text, list) and not is_list(kind) else "text that is none"
                self._reject(path, element, f"column {name!r} is of kind {kind} and holds {held}")
                return
        rule = self.checker.wrong(found)
        if rule is not None:
            self._reject(path, element, rule)
            return
        self._rows.append(list(found.values()))
        self._kept()

    def _kept(self) -> None:
        self.kept += 1
        if len(self._rows) == _PIECE:
            self._piece()

    def _reject(self, path: Path, element: Element, rule: str) -> None:
        raw, source = text_of(element.raw), self.source.name
        self.rejected.append(Rejected(source, str(path), element.line, element.offset, raw, rule))


def _typed(engine: Engine, rows: list[list[Any]], schema: Schema) -> nw.LazyFrame:
    """Rows of texts as a table; an UnreadableError where one does not fit its kind."""
    polars = require("polars", extra="data", why="read XML")
    columns = zip(schema.types.items(), zip(*rows, strict=True), strict=True)
    try:
        frame = polars.DataFrame([_series(polars, name, kind, texts) for (name, kind), texts in columns])
    except (polars.exceptions.PolarsError, TypeError, ValueError) as error:
        raise UnreadableError(str(error)) from error
    times = [name for name, kind in schema.types.items() if kind == "time"]
    timed = PolarsEngine().parse_times(nw.from_native(frame).lazy(), times) if times else nw.from_native(frame).lazy()
    return engine.table(timed.collect(backend="polars"))


def _series(polars: Any, name: str, kind: Kind, texts: tuple[Any, ...]) -> Any:
    if is_list(kind):
        inner = {"integers": polars.Int64, "numbers": polars.Float64, "booleans": polars.Boolean}.get(
            kind, polars.String
        )
        return polars.Series(name, [_value(text, kind) for text in texts], dtype=polars.List(inner))
    series = polars.Series(name, texts, dtype=polars.String)
    series = series.set(series == "", None)
    if kind == "boolean":
        return series.str.to_lowercase().replace_strict({"true": True, "false": False}, return_dtype=polars.Boolean)
    return series.cast({"integer": polars.Int64, "number": polars.Float64}.get(kind, polars.String))


def _value(text: str | list[str] | None, kind: Kind) -> Any:
    """The text of an element as a value; an empty one is missing."""
    if is_list(kind):
        if text is None:
            return None
        texts = text if isinstance(text, list) else [text]
        return [parse(part, single(kind)) if part else None for part in texts]
    if isinstance(text, list):
        raise ValueError(text)
    return parse(text, kind) if text else None
