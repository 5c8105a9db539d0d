"""JSON documents: one array of records, at the top or at a path."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, final

from ...core import InputError
from ...core.errors import require
from ..contract import Schema
from ..engines import Engine
from ..quarantine import MOST, Rejected, text_of
from .files import check_text, read_files
from .jsonl import LinesOfJson
from .packed import unpacked
from .protocol import Counts, Files, Loaded, digest, expand
from .values import Lists

_SHOWN = 1000


@final
@dataclass(frozen=True)
class Json:
    """JSON files that hold an array of objects, nested ones flattened into dotted names.

    A file that breaks off or is damaged in the middle is refused, for nobody knows how much is missing; if its user
    wants them, the records before the damage are read, and the rest is one record in the quarantine.

    Args:
        name: of the source.
        files: a path, a pattern, or several.
        records: dotted path to the array; the document itself unless given.
        key: columns that name a row.
        time: the column of event time; None for a static dimension.
        schema: kinds and rules of the columns; kinds are found from samples unless given.
        lists: what becomes of columns of lists: `keep` (the default, for lists of plain values) or `count`.
        most: share of bad records above which reading stops.
        damaged: `refuse`, or `keep` what stands before the damage.
    """

    name: str
    files: Files
    records: str = ""
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
            "format": "json",
            "records": self.records,
            "damaged": self.damaged,
            "schema": schema,
            "lists": dict(self.lists),
        }
        return digest({**settings, "key": self.key}, expand(self.name, self.files))

    def read(self, engine: Engine, *, now: datetime | None = None) -> Loaded:
        """See `Source.read`."""
        orjson = require("orjson", extra="data", why="read JSON")
        paths, packed = unpacked(self.name, expand(self.name, self.files), engine.scratch())
        shown: dict[Path, str] = {}
        damaged: list[Rejected] = []
        for number, path in enumerate(paths):
            check_text(self.name, path)
            lines = engine.scratch() / f"records-{number}-{path.name}l"
            shown[lines] = packed.get(path, str(path))
            content = path.read_bytes()
            try:
                records = self._records(path, orjson.loads(content)) if content.strip() else []
            except orjson.JSONDecodeError as error:
                records = list(self._before_damage(path, content, damaged, str(error)))
            with open(lines, "wb") as out:
                out.writelines(orjson.dumps(record) + b"\n" for record in records)
        rest: dict[str, Any] = {"schema": self.schema, "key": self.key, "time": self.time, "most": self.most}
        loaded = read_files(
            self.name,
            list(shown),
            LinesOfJson(self.lists, self.most),
            engine,
            now=now,
            shown=shown,
            lines=False,
            **rest,
        )
        size = sum(path.stat().st_size for path in paths)
        return with_damage(replace(loaded, counts=replace(loaded.counts, bytes=size)), damaged)

    def _records(self, path: Path, document: Any) -> list[Any]:
        found, place = document, "the document"
        for part in self.records.split(".") if self.records else []:
            if not isinstance(found, dict) or part not in found:
                has = sorted(found)[:10] if isinstance(found, dict) else type(found).__name__
                raise InputError(f"source {self.name!r}: {path} has no {part!r} in {place}, which has {has}")
            found, place = found[part], part
        if not isinstance(found, list):
            hint = f"; it has {sorted(found)[:10]}: say records='...'" if isinstance(found, dict) else ""
            raise InputError(f"source {self.name!r}: {place} of {path} is no array of records{hint}")
        return found

    def _before_damage(self, path: Path, content: bytes, damaged: list[Rejected], why: str) -> Iterator[Any]:
        """The records of a broken document that stand before the damage."""
        text = text_of(content)
        place = _start(text, self.records)
        decoder = json.JSONDecoder()
        number = 0
        while place is not None:
            while place < len(text) and text[place] in " \t\r\n,":
                place += 1
            try:
                record, place = decoder.raw_decode(text, place)
                record_bytes(record)
            except ValueError:
                break
            number += 1
            yield record
        place = place or 0
        offset = len(text[:place].encode("utf-8", "surrogateescape"))
        share = (len(content) - offset) / len(content)
        rule = f"is broken JSON ({why.partition(':')[0]}): the last {share:.1%} of the file from here on are lost"
        if self.damaged == "refuse":
            raise InputError(
                f"source {self.name!r}: {path} {rule}, with all that may have come after it; {number} records stand "
                "before it: write the file again, or read those with damaged='keep'"
            )
        damaged.append(Rejected(self.name, str(path), number + 1, offset, text[place : place + _SHOWN], rule))


def record_bytes(record: Any) -> bytes:
    """A record as bytes of JSON; a ValueError where its text is no Unicode."""
    return json.dumps(record, ensure_ascii=False).encode()


def with_damage(loaded: Loaded, damaged: list[Rejected]) -> Loaded:
    """What was read, with what was lost."""
    if not damaged:
        return loaded
    counts = loaded.counts
    rules = dict(counts.rules)
    for record in damaged:
        rules[record.rule] = rules.get(record.rule, 0) + 1
    lost = len(damaged)
    counts = Counts(counts.read + lost, counts.kept, counts.rejected + lost, rules, counts.bytes)
    return replace(loaded, counts=counts, rejected=(*loaded.rejected, *damaged))


def _start(text: str, records: str) -> int | None:
    """Where the first record of the array at a path stands, as well as can be told of a broken document."""
    place = 0
    for part in records.split(".") if records else []:
        place = text.find(json.dumps(part), place)
        if place < 0:
            return None
    place = text.find("[", place)
    return None if place < 0 else place + 1
