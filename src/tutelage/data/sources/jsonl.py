"""JSON lines: one object a line, nested ones flattened into dotted names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, final

import narwhals.stable.v2 as nw

from ...core import InputError
from ...core.errors import require
from ..checks import Checker
from ..contract import Schema
from ..engines import Engine, Kind, Types
from ..quarantine import MOST, text_of
from .files import NO_UTF8, Sorting, read_files
from .packed import unpacked
from .protocol import Files, Loaded, digest, expand
from .values import Lists, fits, flatten, json_kind, misfit, to_time

_BLOCK = 1 << 24
_BOM = b"\xef\xbb\xbf"
HEAD = 5000
_SPOTS, _SPOT = 8, 250


@final
@dataclass(frozen=True)
class JsonLines:
    """Files of JSON lines.

    Args:
        name: of the source.
        files: a path, a pattern, or several.
        key: columns that name a row.
        time: the column of event time; None for a static dimension.
        schema: kinds and rules of the columns; kinds are found from samples unless given. Names that it does not
            have are passed over.
        lists: what becomes of columns of lists: `keep` (the default, for lists of plain values) or `count`.
        most: share of bad records above which reading stops.
    """

    name: str
    files: Files
    key: tuple[str, ...] = ()
    time: str | None = None
    schema: Schema | None = None
    lists: Lists = field(default_factory=dict)
    most: float = MOST

    def fingerprint(self) -> str:
        """See `Source.fingerprint`."""
        schema = None if self.schema is None else self.schema.to_json()
        settings = {"format": "jsonl", "schema": schema, "lists": dict(self.lists), "key": self.key}
        return digest(settings, expand(self.name, self.files))

    def read(self, engine: Engine, *, now: datetime | None = None) -> Loaded:
        """See `Source.read`."""
        rest: dict[str, Any] = {"schema": self.schema, "key": self.key, "time": self.time, "most": self.most}
        paths, shown = unpacked(self.name, expand(self.name, self.files), engine.scratch())
        return read_files(self.name, paths, LinesOfJson(self.lists, self.most), engine, now=now, shown=shown, **rest)


@final
@dataclass(frozen=True)
class LinesOfJson:
    """The format; see `Format`."""

    lists: Lists
    most: float

    def find(self, paths: Sequence[Path]) -> Types:
        """Kinds from the first lines of the first file, which some lines from everywhere may only widen."""
        orjson = require("orjson", extra="data", why="read JSON")
        head: dict[str, list[Any]] = {}
        spots: dict[str, list[Any]] = {}
        for number, path in enumerate(paths):
            for line, first in sample(path):
                try:
                    record = orjson.loads(line)
                except orjson.JSONDecodeError:
                    continue
                if isinstance(record, dict):
                    _refuse_dots(path, record)
                    place = head if first and number == 0 else spots
                    for name, value in flatten(record, self.lists):
                        (place if value is not None else spots).setdefault(name, []).append(value)
        seen = {name: len(head.get(name, [])) + len(spots.get(name, [])) for name in {**head, **spots}}
        return {name: self._kind(name, head.get(name, []), spots.get(name, [])) for name in _clear(seen)}

    def _kind(self, name: str, head: list[Any], spots: list[Any]) -> Kind:
        there = [value for value in spots if value is not None and value != {}]
        try:
            found = json_kind(head or there, self.most)
            return "number" if found == "integer" and json_kind(head + there, self.most) == "number" else found
        except InputError as error:
            raise InputError(
                f"column {name!r} holds {error}: count them with lists={{{name!r}: 'count'}}, or read them as a source "
                "of their own"
            ) from error

    def fast(self, engine: Engine, path: Path, schema: Schema, *, checked: bool, closed: bool) -> nw.LazyFrame:
        """See `Format.fast`."""
        counted = [name for name in schema.fields if self.lists.get(name) == "count"]
        kinds: dict[str, Kind] = {**schema.types, **dict.fromkeys(counted, "texts")}
        frame = engine.read_json_lines(path, kinds, checked=checked, closed=closed)
        if not counted:
            return frame
        return frame.with_columns(*[nw.col(name).list.len().cast(nw.Int64) for name in counted])

    def sort(self, path: Path, clean: Path, checker: Checker, sorting: Sorting, *, thorough: bool) -> bool:
        """See `Format.sort`."""
        sorter = _Sorter(checker, self.lists, sorting, thorough)
        offset, line = 0, 0
        with open(path, "rb") as file, open(clean, "wb") as out:
            for lines in _blocks(file):
                start = offset
                if line == 0 and lines[0].startswith(_BOM):
                    lines[0], start = lines[0][3:], 3
                sorter.block(lines, line, start, out)
                offset = start + sum(map(len, lines)) + len(lines)
                line += len(lines)
                if sorting.hopeless:
                    break
        return True


class _Sorter:
    def __init__(self, checker: Checker, lists: Lists, sorting: Sorting, thorough: bool) -> None:
        orjson = require("orjson", extra="data", why="read JSON")
        self.loads, self.dumps, self.broken = orjson.loads, orjson.dumps, orjson.JSONDecodeError
        self.checker, self.lists, self.sorting, self.thorough = checker, lists, sorting, thorough
        self.types = checker.schema.types
        self.verdicts: dict[tuple[Any, ...], tuple[str | None, tuple[str, ...]]] = {}

    def block(self, lines: list[bytes], first: int, offset: int, out: BinaryIO) -> None:
        """Sorts some lines; `first` is the number of lines before them, `offset` that of bytes."""
        bad: list[tuple[int, str]] = []
        good: list[bytes] = []
        loads, broken, verdicts = self.loads, self.broken, self.verdicts
        for place, line in enumerate(lines):
            try:
                record = loads(line)
            except broken as error:
                if line.strip():
                    wrong = str(error).partition(":")[0]
                    bad.append((place, NO_UTF8 if "UTF-8" in wrong else f"is no JSON: {wrong}"))
                continue
            if type(record) is dict:
                shape = (*record, *map(type, record.values()))
                if shape not in verdicts:
                    shape = self.judge(record, shape)
                rule, over = verdicts[shape]
                if over:
                    self.sorting.passed_over.update(over)
                if rule is None and self.thorough:
                    rule, line = self.look(record)
            else:
                rule = "is no JSON object"
            if rule is None:
                good.append(line)
            else:
                bad.append((place, rule))
        done = 0
        for place, rule in bad:
            offset += sum(map(len, lines[done:place])) + place - done
            self.sorting.reject(first + place + 1, offset, text_of(lines[place]), rule)
            done = place
        self.sorting.read += len(good) + len(bad)
        out.write(b"\n".join(good) + b"\n" if good else b"")

    def judge(self, record: Mapping[str, Any], shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Decides about all records of the shape of this one: of the same names and types."""
        if dict in shape or list in shape:
            shape = tuple(_shape(record))
            if shape in self.verdicts:
                return shape
        rule = None
        over: list[str] = []
        for name, value in flatten(record, self.lists):
            if name in self.types:
                kind = self.types[name]
                rule = rule or (None if fits(value, kind, like=True) else misfit(name, value, kind))
            elif value is not None and any(other.startswith(f"{name}.") for other in self.types):
                rule = rule or f"column {name!r} is an object and holds a plain value"
            elif any(name.startswith(f"{other}.") for other in self.types):
                rule = rule or f"column {name.rpartition('.')[0]!r} is a plain value and holds an object"
            else:
                over.append(name)
        self.verdicts[shape] = rule, tuple(over)
        return shape

    def look(self, record: Mapping[str, Any]) -> tuple[str | None, bytes]:
        """The first rule that a record of good shape breaks, and the record written anew, each name once."""
        flat = dict(flatten(record, self.lists))
        values: dict[str, Any] = {}
        for name, kind in self.types.items():
            value = flat.get(name)
            if not fits(value, kind):
                return misfit(name, value, kind), b""
            values[name] = to_time(value) if kind == "time" and value is not None else value
        return self.checker.wrong(values), self.dumps(record)


def _clear(seen: Mapping[str, int]) -> list[str]:
    """The names without those that are a plain value in some records and an object in others, whichever is rarer."""
    found: list[str] = []
    for name, count in seen.items():
        above = [other for other in seen if name.startswith(f"{other}.")]
        below = [other for other in seen if other.startswith(f"{name}.")]
        if all(count > seen[other] for other in above) and all(count >= seen[other] for other in below):
            found.append(name)
    return found


def _refuse_dots(path: Path, record: Mapping[str, Any]) -> None:
    """A name with a dot cannot be told from a path."""
    for name, value in record.items():
        if "." in name:
            raise InputError(f"{path} has the name {name!r}: dots separate names of nested objects; rename it")
        if isinstance(value, dict):
            _refuse_dots(path, value)


def sample(path: Path, head: int = HEAD) -> Iterator[tuple[bytes, bool]]:
    """Lines from the head of a file (True) and from spots all over it (False), without those cut at the seams."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        for number in range(head):
            line = file.readline()
            if not line:
                return
            yield line.removeprefix(_BOM) if number == 0 else line, True
        start = file.tell()
        for spot in range(_SPOTS):
            file.seek(start + (size - start) * spot // _SPOTS)
            file.readline()
            for _ in range(_SPOT):
                line = file.readline()
                if not line.endswith(b"\n"):
                    break
                yield line, False


def _blocks(file: BinaryIO) -> Iterator[list[bytes]]:
    """The lines of a file without their ends, some megabytes at a time."""
    rest = b""
    while block := file.read(_BLOCK):
        lines = (rest + block).split(b"\n")
        rest = lines.pop()
        if lines:
            yield lines
    if rest:
        yield [rest]


def _shape(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield "{"
        for name, inner in value.items():
            yield name
            yield from _shape(inner)
        yield "}"
    elif isinstance(value, list):
        yield "["
        yield frozenset(map(type, value))
    else:
        yield type(value)
