"""JSON lines: one object a line, nested ones flattened into dotted names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
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
from ..quarantine import MOST
from .files import Sorting, read_files
from .json_records import Sorter
from .packed import unpacked
from .plain_lines import PlainLines
from .protocol import Files, Loaded, digest, expand
from .values import Lists, flatten, json_kind

_BLOCK = 1 << 22
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

    @property
    def quick(self) -> bool:
        """See `Format.quick`."""
        return True

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
        sorter = Sorter(checker, self.lists, sorting, thorough)
        plain = (
            None
            if thorough
            else PlainLines(sorter.shapes(line for line, _ in sample(path, _SPOT)), checker.schema.types, self.lists)
        )
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
