"""The records of a CSV file, some thousands at a time, with where they stand; and their fields as values."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from ...core.errors import require
from ..engines.kinds import BOOLEAN, INTEGER, NUMBER, POWER, Kind
from ..engines.polars import times_of
from .files import NO_UTF8
from .values import EXACT

_MOST_LINES = 100
_MARK = b"\xef\xbb\xbf"
_QUOTE = "has a quote that is not closed or stands inside a field"


Misfit = tuple[int, int, bytes, str]
"""Line, offset, bytes and rule of a record that is not good."""


@dataclass
class Block:
    """Records of a file in order: good ones column by column, malformed ones apart.

    Args:
        lines: first line of each good record.
        offsets: first byte of each.
        raws: its bytes.
        fields: its fields, as many as the header has.
        bad: the others.
    """

    lines: list[int] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    raws: list[bytes] = field(default_factory=list)
    fields: list[list[str]] = field(default_factory=list)
    bad: list[Misfit] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.lines) + len(self.bad)


def split(text: str, separator: str) -> list[str] | None:
    """The fields of a record; None where its quotes are wrong."""
    if '"' not in text:
        return text.split(separator)
    try:
        return next(csv.reader([text], delimiter=separator, strict=True), [])
    except csv.Error:
        return None


def blocks(file: BinaryIO, separator: str, width: int, size: int) -> Iterator[Block]:
    """The records after the header; one that has a quote too many costs its own line only."""
    offset, number = 0, 0
    waiting: deque[bytes] = deque()
    found = Block()
    while raw := waiting.popleft() if waiting else file.readline():
        first, lines, rule = raw, 1, None
        fields: list[str] | None = None
        try:
            if b'"' in raw:
                first, lines, fields = _quoted(raw, waiting, file, separator, width, number == 0)
                rule = None if fields is not None else _QUOTE
            else:
                fields = raw.decode().rstrip("\r\n").split(separator)
        except UnicodeDecodeError:
            rule = NO_UTF8
        if number and raw.strip():
            if fields is not None and len(fields) != width:
                rule = f"has {len(fields)} fields, the header has {width}"
            plain = first.rstrip(b"\r\n")
            if rule is None and fields is not None:
                found.lines.append(number + 1)
                found.offsets.append(offset)
                found.raws.append(plain)
                found.fields.append(fields)
            else:
                found.bad.append((number + 1, offset, plain, rule or _QUOTE))
            if len(found) == size:
                yield found
                found = Block()
        number += lines
        offset += len(first)
    if len(found):
        yield found


def _quoted(
    raw: bytes, waiting: deque[bytes], file: BinaryIO, separator: str, width: int, header: bool
) -> tuple[bytes, int, list[str] | None]:
    """A record with quotes, which may go over several lines: its bytes, their number of lines, its fields."""
    if raw.count(b'"') % 2:
        more: list[bytes] = []
        quotes = raw.count(b'"')
        while quotes % 2 and len(more) < _MOST_LINES:
            line = waiting.popleft() if waiting else file.readline()
            if not line:
                break
            more.append(line)
            quotes += line.count(b'"')
        whole = raw + b"".join(more)
        try:
            fields = split(whole.removeprefix(_MARK if header else b"").decode().rstrip("\r\n"), separator)
        except UnicodeDecodeError:
            fields = None
        if fields is not None and len(fields) == width:
            return whole, 1 + len(more), fields
        waiting.extendleft(reversed(more))
    return raw, 1, split(raw.removeprefix(_MARK if header else b"").decode().rstrip("\r\n"), separator)


def columns_of(
    fields: Sequence[Sequence[str]], places: Mapping[str, int], types: Mapping[str, Kind], nulls: Sequence[str]
) -> tuple[Any, Any, list[str | None]]:
    """The fields of good records as a frame of texts, the same as a frame of values, and what is wrong with each.

    Args:
        fields: of the records.
        places: column to place of its field.
        types: columns and kinds.
        nulls: what stands for a missing value.
    """
    polars = require("polars", extra="data", why="read CSV line by line")
    turned = list(zip(*fields, strict=True))
    texts: list[Any] = []
    values: list[Any] = []
    rules: list[str | None] = [None] * len(fields)
    for name, kind in types.items():
        text = polars.Series(name, turned[places[name]] if turned else [], dtype=polars.String)
        text = text.set(text.is_in(list(nulls)), None)
        value = _values(polars, text, kind)
        for row in (value.is_null() & text.is_not_null()).arg_true().to_list():
            rules[row] = rules[row] or f"column {name!r} is of kind {kind} and holds text that is none"
        texts.append(text if kind in ("text", "time") else value.cast(polars.String))
        values.append(value)
    return polars.DataFrame(texts), polars.DataFrame(values), rules


def _values(polars: Any, text: Any, kind: Kind) -> Any:
    """A series of texts as values, missing where a text is none."""
    if kind == "text":
        return text
    if kind == "time":
        return times_of(text)
    if kind == "integer":
        return _integers(polars, text)
    form = {"number": NUMBER, "boolean": BOOLEAN}[kind]
    text = text.set(~text.str.contains(f"^(?:{form.pattern})$").fill_null(True), None)
    if kind == "boolean":
        return text.str.to_lowercase() == "true"
    return text.str.strip_chars(" ").str.strip_prefix("+").cast(polars.Float64, strict=False)


def _integers(polars: Any, text: Any) -> Any:
    """Whole numbers; 9e+05 is one, as long as floating point holds it exactly."""
    plain = text.str.strip_chars(" ").str.strip_prefix("+")
    found = plain.set(~text.str.contains(f"^(?:{INTEGER.pattern})$").fill_null(True), None).cast(
        polars.Int64, strict=False
    )
    powers = text.str.contains(f"^(?:{POWER.pattern})$").fill_null(False)
    if not powers.any():
        return found
    value = plain.set(~powers, None).cast(polars.Float64, strict=False)
    whole = ((value == value.floor()) & (value.abs() < EXACT)).fill_null(False)
    return found.zip_with(~whole, value.set(~whole, None).cast(polars.Int64, strict=False))
