"""CSV and TSV: a header and one record a line, or several where a quoted field goes over lines."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, final

import narwhals.stable.v2 as nw

from ...core import InputError
from ..checks import Checker
from ..contract import Schema
from ..engines import Engine, Kind, Types
from ..lines import check_header
from ..quarantine import MOST, text_of
from .files import NO_UTF8, Sorting, read_files, recode
from .jsonl import HEAD, sample
from .protocol import Files, Loaded, digest, expand
from .values import parse, text_kind

NULLS = ("", "NA", "NaN", "nan", "null", "?")
"""What stands for a missing value."""

_MOST_LINES = 100
_MARK = b"\xef\xbb\xbf"


@final
@dataclass(frozen=True)
class Csv:
    """Files of CSV or TSV with a header.

    Args:
        name: of the source.
        files: a path, a pattern, or several.
        key: columns that name a row.
        time: the column of event time; None for a static dimension.
        schema: kinds and rules of the columns; kinds are found from samples unless given. Columns that it does not
            have are passed over.
        separator: between fields; a tab for files that end in `.tsv`, a comma otherwise, unless given.
        encoding: of the files.
        nulls: what stands for a missing value.
        most: share of bad records above which reading stops.
    """

    name: str
    files: Files
    key: tuple[str, ...] = ()
    time: str | None = None
    schema: Schema | None = None
    separator: str | None = None
    encoding: str = "utf-8"
    nulls: tuple[str, ...] = NULLS
    most: float = MOST

    def fingerprint(self) -> str:
        """See `Source.fingerprint`."""
        schema = None if self.schema is None else self.schema.to_json()
        how = {"separator": self.separator, "encoding": self.encoding, "nulls": self.nulls, "key": self.key}
        return digest({"format": "csv", "schema": schema, **how}, expand(self.name, self.files))

    def read(self, engine: Engine, *, now: datetime | None = None) -> Loaded:
        """See `Source.read`."""
        paths, shown = recode(self.name, expand(self.name, self.files), self.encoding, engine.scratch())
        tabs = paths[0].suffix.lower() in (".tsv", ".tab")
        form = LinesOfCsv(self.name, self.separator or ("\t" if tabs else ","), self.nulls, self.most)
        rest: dict[str, Any] = {"schema": self.schema, "key": self.key, "time": self.time, "most": self.most}
        loaded = read_files(self.name, paths, form, engine, now=now, shown=shown, **rest)
        over = {name for path in paths if path.stat().st_size for name in form.header(path)} - set(loaded.schema.fields)
        remarks = [f"column {name!r} is not in the schema: it is passed over" for name in sorted(over)]
        return replace(loaded, remarks=(*loaded.remarks, *remarks))


class _Record(NamedTuple):
    line: int
    offset: int
    raw: bytes
    fields: list[str]
    rule: str | None


@final
@dataclass(frozen=True)
class LinesOfCsv:
    """The format; see `Format`."""

    source: str
    separator: str
    nulls: tuple[str, ...]
    most: float

    def header(self, path: Path) -> list[str]:
        """Names of the columns.

        Raises:
            InputError: there are none, or some come twice.
        """
        check_header(path, self.separator)
        with open(path, newline="", encoding="utf-8-sig", errors="replace") as file:
            names = next(csv.reader(file, delimiter=self.separator), [])
        if not all(names) or not names:
            raise InputError(f"source {self.source!r}: {path} has no name for some columns: {names}")
        return names

    def find(self, paths: Sequence[Path]) -> Types:
        """Kinds from the first lines of the first file, which some lines from everywhere may only widen."""
        names = self.header(paths[0])
        head: dict[str, list[str]] = {name: [] for name in names}
        spots: dict[str, list[str]] = {name: [] for name in names}
        for number, path in enumerate(paths):
            columns = self.header(path)
            self._compare(path, columns, names)
            with open(path, "rb") as file:
                first = [record.fields for record in islice(self._records(file, len(columns)), HEAD) if not record.rule]
            more = [self._split(_text(line) or "") for line, _ in sample(path, 0)] if len(first) == HEAD else []
            for place, found in ((head if number == 0 else spots, first), (spots, more)):
                for fields in found:
                    if fields is None or len(fields) != len(columns):
                        continue
                    for name, value in zip(columns, fields, strict=True):
                        if value not in self.nulls:
                            place[name].append(value)
        return {name: _kind(head[name], spots[name], self.most) for name in names}

    def fast(self, engine: Engine, path: Path, schema: Schema, *, checked: bool, closed: bool) -> nw.LazyFrame:
        """See `Format.fast`."""
        columns = list(schema.fields) if checked else self.header(path)
        self._compare(path, columns, list(schema.fields))
        kinds: dict[str, Kind] = {name: schema.types.get(name, "text") for name in columns}
        frame = engine.read_csv(path, kinds, separator=self.separator, nulls=self.nulls, checked=checked)
        return frame.select(*schema.fields)

    def sort(self, path: Path, clean: Path, checker: Checker, sorting: Sorting, *, thorough: bool) -> None:
        """See `Format.sort`; always thorough."""
        types = checker.schema.types
        names = self.header(path)
        places = {name: names.index(name) for name in types}
        with open(path, "rb") as file, open(clean, "w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out, delimiter=self.separator, lineterminator="\n")
            writer.writerow(types)
            for record in self._records(file, len(names)):
                rule, values, texts = record.rule, {}, []
                for name, kind in types.items():
                    if rule is not None:
                        break
                    text = record.fields[places[name]]
                    values[name], written, rule = _value(name, None if text in self.nulls else text, kind)
                    texts.append(written)
                rule = rule or checker.wrong(values)
                sorting.read += 1
                if rule is None:
                    writer.writerow(texts)
                    continue
                sorting.reject(record.line, record.offset, text_of(record.raw), rule)
                if sorting.hopeless:
                    return

    def _compare(self, path: Path, columns: list[str], wanted: list[str]) -> None:
        lost = [name for name in wanted if name not in columns]
        if lost:
            raise InputError(f"source {self.source!r}: {path} lacks the columns {lost}; it has {columns}")

    def _split(self, text: str) -> list[str] | None:
        """The fields of a record; None where its quotes are wrong."""
        if '"' not in text:
            return text.split(self.separator)
        try:
            return next(csv.reader([text], delimiter=self.separator, strict=True), [])
        except csv.Error:
            return None

    def _records(self, file: BinaryIO, width: int) -> Iterator[_Record]:
        """The records after the header; one that has a quote too many costs its own line only."""
        offset, number = 0, 0
        waiting: deque[bytes] = deque()
        header = True
        while raw := waiting.popleft() if waiting else file.readline():
            first, lines = raw, 1
            start = len(_MARK) if number == 0 and raw.startswith(_MARK) else 0
            if raw.count(b'"') % 2:
                more = _until_even(raw, waiting, file)
                fields = self._split(_text(raw[start:] + b"".join(more)) or "")
                if more and fields is not None and len(fields) == width:
                    first, lines = raw + b"".join(more), 1 + len(more)
                else:
                    waiting.extendleft(reversed(more))
            if header:
                header = False
            elif first.strip():
                yield self._record(number + 1, offset, first, width)
            number += lines
            offset += len(first)

    def _record(self, line: int, offset: int, raw: bytes, width: int) -> _Record:
        text, plain = _text(raw), raw.rstrip(b"\r\n")
        if text is None:
            return _Record(line, offset, plain, [], NO_UTF8)
        fields = self._split(text)
        if fields is None:
            return _Record(line, offset, plain, [], "has a quote that is not closed or stands inside a field")
        if len(fields) != width:
            return _Record(line, offset, plain, [], f"has {len(fields)} fields, the header has {width}")
        return _Record(line, offset, plain, fields, None)


def _until_even(raw: bytes, waiting: deque[bytes], file: BinaryIO) -> list[bytes]:
    """The lines after one until their quotes are even; none where they do not become so soon."""
    quotes = raw.count(b'"')
    more: list[bytes] = []
    while quotes % 2 and len(more) < _MOST_LINES:
        line = waiting.popleft() if waiting else file.readline()
        if not line:
            break
        more.append(line)
        quotes += line.count(b'"')
    return more


def _text(raw: bytes) -> str | None:
    try:
        return raw.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        return None


def _value(name: str, text: str | None, kind: Kind) -> tuple[Any, str, str | None]:
    """A field as a value, as it is written anew, and what is wrong with it."""
    if text is None:
        return None, "", None
    try:
        value = parse(text, kind)
    except ValueError:
        return None, "", f"column {name!r} is of kind {kind} and holds text that is none"
    if kind == "integer":
        return value, str(value), None
    return value, text if kind in ("text", "time") else text.strip().lower(), None


def _kind(head: list[str], spots: list[str], most: float) -> Kind:
    found = text_kind(head or spots, most)
    return "number" if found == "integer" and text_kind(head + spots, most) == "number" else found
