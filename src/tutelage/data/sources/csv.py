"""CSV and TSV: a header and one record a line, or several where a quoted field goes over lines."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from typing import Any, BinaryIO, final

import narwhals.stable.v2 as nw

from ...core import InputError
from ..checks import Checker
from ..contract import Schema
from ..engines import Engine, Kind, Types
from ..lines import check_header
from ..quarantine import MOST, text_of
from .csv_records import Block, Misfit, blocks, columns_of, split
from .files import Sorting, read_files, recode
from .jsonl import HEAD, sample
from .protocol import Files, Loaded, digest, expand
from .values import text_kind

NULLS = ("", "NA", "NaN", "nan", "null", "?")
"""What stands for a missing value."""

_BLOCK = 100_000


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


@final
@dataclass(frozen=True)
class LinesOfCsv:
    """The format; see `Format`."""

    source: str
    separator: str
    nulls: tuple[str, ...]
    most: float

    def header(self, path: Path) -> list[str]:
        """Names of the columns; one without a name is called by its place, `column_1` for the first.

        Raises:
            InputError: there are none, or some come twice.
        """
        check_header(path, self.separator)
        with open(path, newline="", encoding="utf-8-sig", errors="replace") as file:
            names = next(csv.reader(file, delimiter=self.separator), [])
        if not any(names):
            raise InputError(f"source {self.source!r}: {path} has no names of columns in its first line: {names}")
        return [name or _free(f"column_{place}", names) for place, name in enumerate(names, 1)]

    @property
    def quick(self) -> bool:
        """See `Format.quick`."""
        return False

    def find(self, paths: Sequence[Path]) -> Types:
        """Kinds from the first lines of the first file, which some lines from everywhere may only widen."""
        names = self.header(paths[0])
        head: dict[str, list[str]] = {name: [] for name in names}
        spots: dict[str, list[str]] = {name: [] for name in names}
        for number, path in enumerate(paths):
            columns = self.header(path)
            self._compare(path, columns, names)
            with open(path, "rb") as file:
                first = next(blocks(file, self.separator, len(columns), HEAD), Block())
            lines = sample(path, 0) if len(first) == HEAD else ()
            more = [split(line.decode("utf-8", "replace").rstrip("\r\n"), self.separator) for line, _ in lines]
            for place, found in ((head if number == 0 else spots, first.fields), (spots, more)):
                for fields in found:
                    if fields is None or len(fields) != len(columns):
                        continue
                    for name, value in zip(columns, fields, strict=True):
                        if value not in self.nulls:
                            place[name].append(value)
        return {name: _kind(head[name], spots[name], self.most) for name in names}

    def fast(self, engine: Engine, path: Path, schema: Schema, *, checked: bool, closed: bool) -> nw.LazyFrame:
        """See `Format.fast`."""
        columns = self.header(path)
        self._compare(path, columns, list(schema.fields))
        kinds: dict[str, Kind] = {name: schema.types.get(name, "text") for name in columns}
        frame = engine.read_csv(path, kinds, separator=self.separator, nulls=self.nulls, checked=checked)
        return frame.select(*schema.fields)

    def sort(self, path: Path, clean: Path, checker: Checker, sorting: Sorting, *, thorough: bool) -> bool:
        """See `Format.sort`."""
        names = self.header(path)
        with open(path, "rb") as file, open(clean, "wb") as out:
            out.write(_line(checker.schema.fields if thorough else names, self.separator))
            for block in blocks(file, self.separator, len(names), _BLOCK):
                sorting.read += len(block)
                bad = self._check(block, names, checker, out) if thorough else []
                for line, offset, raw, rule in sorted(bad + block.bad, key=itemgetter(0)):
                    sorting.reject(line, offset, text_of(raw), rule)
                if not thorough:
                    out.write(b"\n".join(block.raws) + b"\n" if block.raws else b"")
                if sorting.hopeless:
                    break
        return thorough

    def _check(self, block: Block, names: list[str], checker: Checker, out: BinaryIO) -> list[Misfit]:
        """Writes the records whose values are good; gives the others."""
        types = checker.schema.types
        places = {name: names.index(name) for name in types}
        texts, values, rules = columns_of(block.fields, places, types, self.nulls)
        if not checker.plain:
            for row, record in enumerate(values.iter_rows(named=True)):
                rules[row] = rules[row] or checker.wrong(record)
        bad = [
            (line, offset, raw, rule)
            for line, offset, raw, rule in zip(block.lines, block.offsets, block.raws, rules, strict=True)
            if rule is not None
        ]
        good = texts.filter([rule is None for rule in rules]) if bad else texts
        gap = next(filter(None, self.nulls), "") if len(types) == 1 else ""  # an empty line is no record
        good.write_csv(out, include_header=False, separator=self.separator, null_value=gap)
        return bad

    def _compare(self, path: Path, columns: list[str], wanted: list[str]) -> None:
        lost = [name for name in wanted if name not in columns]
        if lost:
            raise InputError(f"source {self.source!r}: {path} lacks the columns {lost}; it has {columns}")


def _free(name: str, taken: Sequence[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _line(names: Iterable[str], separator: str) -> bytes:
    out = io.StringIO()
    csv.writer(out, delimiter=separator, lineterminator="\n").writerow(names)
    return out.getvalue().encode()


def _kind(head: list[str], spots: list[str], most: float) -> Kind:
    found = text_kind(head or spots, most)
    return "number" if found == "integer" and text_kind(head + spots, most) == "number" else found
