"""JSON lines: one object a line, nested ones flattened into dotted names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, final

import narwhals.stable.v2 as nw

from ...core import InputError
from ...core.errors import require
from ..checks import Checker
from ..contract import Schema
from ..engines import Engine, Kind, Types
from ..quarantine import MOST, text_of
from .files import NO_UTF8, Sorting, read_files
from .packed import unpacked
from .plain_lines import PlainLines
from .protocol import Files, Loaded, digest, expand
from .values import Lists, fits, flatten, json_kind, misfit, to_time

_BLOCK = 1 << 24
_BOM = b"\xef\xbb\xbf"
HEAD = 5000
_SPOTS, _SPOT, _SHAPES = 8, 250, 16


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

    quick: ClassVar[bool] = True
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
        """See `Format.sort`; the clean file is not written where all lines are plainly good."""
        sorter = _Sorter(checker, self.lists, sorting, thorough)
        plain = None if thorough else PlainLines(sorter.shapes(path), checker.schema.types, self.lists)
        offset, line, out = 0, 0, None
        with open(path, "rb") as file, ExitStack() as stack:
            for content in _blocks(file):
                start, size = offset, len(content)
                if line == 0 and content.startswith(_BOM):
                    content, start = content[3:], 3
                    out = stack.enter_context(open(clean, "wb"))
                if plain is None:
                    lines = content.split(b"\n")
                    good, line = sorter.block(lines, line, start), line + len(lines)
                else:
                    good, count = sorter.told(plain, content, line, start)
                    line += count
                if out is None and (good is not content or thorough):
                    out = stack.enter_context(open(clean, "wb"))
                    _copy(path, out, offset)
                if out is not None and good:
                    out.writelines((good, b"\n"))
                offset += size + 1
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

    def shapes(self, path: Path) -> Iterator[tuple[Mapping[str, Any], tuple[str, ...]]]:
        """A good record of each shape that is often in a file, with the names that the schema does not have."""
        found = Counter[tuple[Any, ...]]()
        first: dict[tuple[Any, ...], Mapping[str, Any]] = {}
        for line, _ in sample(path, _SPOT):
            try:
                record = self.loads(line)
            except self.broken:
                continue
            if type(record) is dict and self.verdict(record)[0] is None:
                names = tuple(_names(record))
                found[names] += 1
                first.setdefault(names, record)
        for names, _ in found.most_common(_SHAPES):
            yield first[names], self.verdict(first[names])[1]

    def told(self, plain: PlainLines, content: bytes, first: int, offset: int) -> tuple[bytes, int]:
        """The good lines of a block, itself where it has no others, and how many lines it had.

        Only lines that are not plainly good are looked at one by one.
        """
        lines, raws = plain.lines(content)
        kept, over = plain.told(lines)
        self.sorting.passed_over.update(over)
        places = (~kept).arg_true().to_list()
        self.sorting.read += len(lines) - len(places)
        if not places:
            return content, len(lines)
        sizes = plain.sizes(lines, raws)
        begins = (sizes + 1).cum_sum() - sizes - 1
        good: dict[int, str] = {}
        for place, text, begin in zip(places, lines.gather(places), begins.gather(places), strict=True):
            raw = text.encode() if raws is None else raws[place]
            rule, line = self.line(raw)
            if line is not None:
                good[place] = line.decode()
            elif rule is not None:
                self.sorting.reject(first + place + 1, offset + begin, text_of(raw), rule)
            self.sorting.read += line is not None or rule is not None
        if good:
            lines, kept = lines.scatter(list(good), list(good.values())), kept.scatter(list(good), True)
        return (lines.filter(kept).str.join("\n")[0] or "").encode(), len(lines)

    def block(self, lines: list[bytes], first: int, start: int) -> bytes:
        """The good lines of a block; `first` is the number of lines before it, `start` that of bytes."""
        good: list[bytes] = []
        for place, raw in enumerate(lines, first + 1):
            rule, line = self.line(raw)
            if line is not None:
                good.append(line)
            elif rule is not None:
                self.sorting.reject(place, start, text_of(raw), rule)
            self.sorting.read += line is not None or rule is not None
            start += len(raw) + 1
        return b"\n".join(good)

    def line(self, raw: bytes) -> tuple[str | None, bytes | None]:
        """The rule that a line breaks, or the line written anew; neither of an empty one."""
        try:
            record = self.loads(raw)
        except self.broken as error:
            wrong = str(error).partition(":")[0]
            return (NO_UTF8 if "UTF-8" in wrong else f"is no JSON: {wrong}") if raw.strip() else None, None
        if type(record) is not dict:
            return "is no JSON object", None
        rule, over = self.verdict(record)
        if over:
            self.sorting.passed_over.update(over)
        return (rule, None) if rule is not None else self.look(record)

    def verdict(self, record: Mapping[str, Any]) -> tuple[str | None, tuple[str, ...]]:
        """What is to be said of all records of the shape of this one: of the same names and types."""
        shape = (*record, *map(type, record.values()))
        if shape not in self.verdicts:
            shape = self.judge(record, shape)
        return self.verdicts[shape]

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

    def look(self, record: Mapping[str, Any]) -> tuple[str | None, bytes | None]:
        """The first rule that a record of good shape breaks, or the record written anew, each name once."""
        flat = dict(flatten(record, self.lists))
        values: dict[str, Any] = {}
        for name, kind in self.types.items():
            value = flat.get(name)
            if not fits(value, kind):
                return misfit(name, value, kind), None
            values[name] = to_time(value) if kind == "time" and value is not None else value
        rule = self.checker.wrong(values) if self.thorough else None
        return rule, None if rule is not None else self.dumps(record)


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


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    """Whole lines of a file, some megabytes at a time, without the end of the last one."""
    rest = b""
    while block := file.read(_BLOCK):
        content, found, rest_of_block = block.rpartition(b"\n")
        if found:
            yield rest + content
            rest = rest_of_block
        else:
            rest += block
    if rest:
        yield rest


def _copy(path: Path, out: BinaryIO, size: int) -> None:
    """The first bytes of a file."""
    with open(path, "rb") as file:
        while size > 0 and (block := file.read(min(size, _BLOCK))):
            out.write(block)
            size -= len(block)


def _names(record: Mapping[str, Any]) -> Iterator[str]:
    """The names of a record and of objects in it, in order."""
    for name, value in record.items():
        yield name
        if isinstance(value, dict):
            yield "{"
            yield from _names(value)
            yield "}"


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
