"""The records of an XML file, one after another, with where they stand."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final
from xml.parsers import expat

from ...core import InputError
from ..quarantine import Rejected, text_of

_BLOCK = 1 << 20
_SHOWN = 1000

BROKEN = "is broken XML"
"""How the rule begins that the rest of a damaged file breaks."""


@dataclass(frozen=True)
class Shape:
    """What a record is.

    Args:
        source: name of the source.
        record: name of the element that is a row, with its prefix if it has one.
        namespaces: prefix to namespace.
        counted: columns of which the number of entries is wanted, however few there are.
    """

    source: str
    record: str
    namespaces: Mapping[str, str]
    counted: Sequence[str]


@dataclass
class Element:
    """A record as it stood in the file."""

    line: int
    offset: int
    raw: bytes
    values: dict[str, str | list[str]]


class _Open:
    """An element whose end has not come yet."""

    __slots__ = ("leaf", "path", "text")

    def __init__(self, path: str, leaf: bool) -> None:
        self.path, self.leaf, self.text = path, leaf, ""


@final
class XmlRecords:
    """The records of one file, as expat comes by them.

    Args:
        path: the file.
        shape: what a record is.
        keep: whether to give the records before the damage of a damaged file.

    Raises:
        InputError: the file has a document type, or is damaged and not to be kept.
    """

    def __init__(self, path: Path, shape: Shape, *, keep: bool) -> None:
        self.path, self.shape, self.keep = path, shape, keep
        self.damage: Rejected | None = None
        self._spaces = {space: prefix for prefix, space in shape.namespaces.items()}
        self._found: deque[Element] = deque()
        self._open: list[_Open] = []
        self._paths: dict[tuple[str, str], str] = {}
        self._values: dict[str, str | list[str]] = {}
        self._begin = (0, 0)
        self._space = ""
        self._count = 0
        self._content = b""
        self._base = 0
        self._expat = expat.ParserCreate(namespace_separator=" ")
        self._expat.buffer_text = True
        self._expat.StartDoctypeDeclHandler = self._refuse
        self._expat.EntityDeclHandler = self._refuse
        self._expat.StartElementHandler = self._start
        self._expat.EndElementHandler = self._end
        self._expat.CharacterDataHandler = self._characters

    def elements(self) -> Iterator[Element]:
        """One record after another; what is damaged ends them and is left in `damage`."""
        with open(self.path, "rb") as file:
            while True:
                block = file.read(_BLOCK)
                self._content += block
                try:
                    self._expat.Parse(block, not block)
                except expat.ExpatError as error:
                    yield from self._taken()
                    self._damaged(error)
                    return
                yield from self._taken()
                self._forget()
                if not block:
                    return

    def _taken(self) -> Iterator[Element]:
        while self._found:
            self._count += 1
            yield self._found.popleft()

    def _forget(self) -> None:
        """Drops the bytes that no record needs any more."""
        keep = self._begin[1] if self._open else self._expat.CurrentByteIndex
        self._content = self._content[max(keep - self._base, 0) :]
        self._base = max(keep, self._base)

    def _damaged(self, error: expat.ExpatError) -> None:
        size = self.path.stat().st_size
        line, offset = self._begin if self._open else (error.lineno, self._expat.ErrorByteIndex)
        share = (size - offset) / size if size else 1.0
        what = expat.ErrorString(error.code)
        rule = f"{BROKEN} ({what}): the last {share:.1%} of the file from here on are lost"
        if not self.keep or not size:
            raise InputError(
                f"source {self.shape.source!r}: {self.path}, line {error.lineno}, {rule}, with all that may have come "
                f"after it; {self._count} records stand before it: write the file again, or read those with "
                "damaged='keep'"
            )
        raw = text_of(self._content[max(offset - self._base, 0) :][:_SHOWN])
        self.damage = Rejected(self.shape.source, str(self.path), line, offset, raw, rule)

    def _refuse(self, *_: Any) -> None:
        raise InputError(
            f"source {self.shape.source!r}: {self.path}, line {self._expat.CurrentLineNumber}, has a document type; it "
            "can define entities that grow without end or read other files, so none is accepted: take it out"
        )

    def _name(self, tag: str, *, attribute: bool = False) -> str:
        space, _, local = tag.rpartition(" ")
        if not space or (space == self._space and not attribute):
            return local
        prefix = self._spaces.get(space)
        return f"{{{space}}}{local}" if prefix is None else f"{prefix}:{local}"

    def _is_record(self, tag: str) -> bool:
        space, _, local = tag.rpartition(" ")
        prefix, _, wanted = self.shape.record.rpartition(":")
        if wanted != local:
            return False
        return not prefix or self.shape.namespaces.get(prefix) == space

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if self._open:
            above = self._open[-1]
            above.leaf = False
            path = self._paths.get((above.path, tag)) or self._below(above.path, tag)
        elif self._is_record(tag):
            self._values, self._space = {}, tag.rpartition(" ")[0]
            self._begin = (self._expat.CurrentLineNumber, self._expat.CurrentByteIndex)
            path = ""
        else:
            return
        if attributes:
            for name, value in attributes.items():
                key = (path, f"@{name}")
                self._add(self._paths.get(key) or self._below(path, name, attribute=True), value)
        self._open.append(_Open(path, not attributes))

    def _characters(self, text: str) -> None:
        if self._open:
            self._open[-1].text += text

    def _end(self, tag: str) -> None:
        if not self._open:
            return
        done = self._open.pop()
        text = done.text.strip()
        if text or (done.leaf and done.path):
            self._add(done.path or "#text", text)
        if not self._open:
            end = self._content.find(b">", self._expat.CurrentByteIndex - self._base) + 1
            line, offset = self._begin
            self._found.append(Element(line, offset, self._content[offset - self._base : end], self._values))

    def _below(self, above: str, tag: str, *, attribute: bool = False) -> str:
        """The path of an element or attribute below another, found once."""
        name = f"@{self._name(tag, attribute=True)}" if attribute else self._name(tag)
        path = f"{above}.{name}" if above else name
        self._paths[above, f"@{tag}" if attribute else tag] = path
        return path

    def _add(self, path: str, value: str) -> None:
        held = self._values.get(path)
        if held is None:
            self._values[path] = [value] if path in self.shape.counted else value
        elif isinstance(held, list):
            held.append(value)
        else:
            self._values[path] = [held, value]
