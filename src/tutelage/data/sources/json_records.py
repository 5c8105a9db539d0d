"""Records of JSON lines: what is wrong with them, looked at one by one or, where they have the same shape, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, final

from ...core.errors import require
from ..checks import Checker
from ..quarantine import text_of
from .files import NO_UTF8, Sorting
from .plain_lines import PlainLines
from .values import Lists, fits, flatten, misfit, to_time

_SHAPES = 16


@final
class Sorter:
    """Sorts lines, and says which rule a bad one breaks.

    Args:
        checker: the rules of the schema.
        lists: what becomes of columns of lists.
        sorting: gets the bad lines.
        thorough: whether rules beyond kinds are looked at.
    """

    def __init__(self, checker: Checker, lists: Lists, sorting: Sorting, thorough: bool) -> None:
        orjson = require("orjson", extra="data", why="read JSON")
        self.loads, self.dumps, self.broken = orjson.loads, orjson.dumps, orjson.JSONDecodeError
        self.checker, self.lists, self.sorting, self.thorough = checker, lists, sorting, thorough
        self.types = checker.schema.types
        self.verdicts: dict[tuple[Any, ...], tuple[str | None, tuple[str, ...]]] = {}

    def shapes(self, lines: Iterable[bytes]) -> Iterator[tuple[Mapping[str, Any], tuple[str, ...]]]:
        """A good record of each shape that is often among some lines, with the names that the schema does not have."""
        found = Counter[tuple[Any, ...]]()
        first: dict[tuple[Any, ...], Mapping[str, Any]] = {}
        for line in lines:
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
