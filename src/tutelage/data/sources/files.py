"""Reading files of records: the native reader first, line by line where it raises or a rule is broken.

Three passes, each only when the one before did not do:

1. the native reader of the engine, with the kinds of the schema; its engine counts broken rules;
2. records that are malformed are sorted out, the others go to the native reader; formats that do this about as
   quickly as a native reader is checked (JSON lines) begin here, except on Spark, where that is one machine's work;
3. every value of every record is checked in Python, and the good ones are written anew for the native reader.
"""

from __future__ import annotations

import codecs
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Protocol, runtime_checkable

import narwhals.stable.v2 as nw

from ...core import InputError
from ..checks import Checker, utc_now, violations
from ..contract import Field, Schema, drift
from ..engines import Engine, Types, UnreadableError
from ..quarantine import Rejected, check_share
from .packed import unpacked
from .protocol import Counts, Loaded, check_columns

NO_UTF8 = "is no UTF-8"


@dataclass
class Sorting:
    """What sorting out the records of a file has found so far.

    Args:
        source: name of the source.
        shown: path of the file as the user knows it.
        path: of the file.
        most: share of bad records that is let pass.
        read: records seen.
        rejected: the bad ones.
        passed_over: name of a value that the schema does not have -> in how many records.
    """

    source: str
    shown: str
    path: Path
    most: float
    read: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    passed_over: Counter[str] = field(default_factory=Counter)

    @property
    def hopeless(self) -> bool:
        """Whether so many are bad that going on makes no sense, however good the rest may be."""
        bad = len(self.rejected)
        return bad > max(self.most * self.read, 1000) and bad > self.most * self._lines

    @cached_property
    def _lines(self) -> int:
        """Number of lines of the file."""
        count = 0
        with open(self.path, "rb") as file:
            while block := file.read(1 << 22):
                count += block.count(b"\n")
        return count + 1

    def reject(self, line: int, offset: int, raw: str, rule: str) -> None:
        """Keeps a bad record."""
        self.rejected.append(Rejected(self.source, self.shown, line, offset, raw, rule))


@runtime_checkable
class Format(Protocol):
    """How files of one format are read."""

    @property
    def quick(self) -> bool:
        """Whether sorting out bad records takes hardly longer than the checks of the native reader."""
        ...

    def find(self, paths: Sequence[Path]) -> Types:
        """Names and kinds of the columns, from samples of the files."""
        ...

    def fast(self, engine: Engine, path: Path, schema: Schema, *, checked: bool, closed: bool) -> nw.LazyFrame:
        """The columns of the schema by the native reader; see `Engine`."""
        ...

    def sort(self, path: Path, clean: Path, checker: Checker, sorting: Sorting, *, thorough: bool) -> bool:
        """Writes the good records of a file to another one, unless that would be the same; the bad ones into `sorting`.

        Returns whether all values of the good ones are known to be of their kinds; always if `thorough`.
        """
        ...


def read_files(
    source: str,
    paths: Sequence[Path],
    form: Format,
    engine: Engine,
    *,
    schema: Schema | None,
    key: tuple[str, ...],
    time: str | None,
    most: float,
    now: datetime | None,
    shown: Mapping[Path, str] | None = None,
    lines: bool = True,
) -> Loaded:
    """Reads files of one format as one table; see the head of this file.

    Args:
        source: its name.
        paths: files.
        form: their format.
        engine: where the table shall be.
        schema: kinds and rules; found from samples unless given.
        key: columns that name a row.
        time: column of event time.
        most: share of bad records that is let pass.
        now: time of reading.
        shown: what to call a file in the quarantine, where that is not its path.
        lines: whether lines of these files are lines of what is shown; if not, only the number of a record is known.
    """
    filled = [path for path in paths if path.stat().st_size]
    if not filled:
        raise InputError(f"source {source!r} is empty: {', '.join(map(str, paths[:5]))} hold no bytes")
    found = schema or Schema({name: Field(kind) for name, kind in form.find(filled).items()})
    if not found.fields:
        raise InputError(
            f"source {source!r} is empty: {', '.join(map(str, filled[:5]))} hold no records that can be read"
        )
    found = check_columns(source, found, key, time)
    moment = now or utc_now()
    names = {path: (shown or {}).get(path, str(path)) for path in filled}
    job = _Job(source, form, engine, found, moment, most, schema is None, names)
    frame, rows, sortings = job.run(filled)
    rejected = tuple(record for sorting in sortings for record in sorting.rejected)
    rejected = rejected if lines else tuple(replace(record, offset=-1) for record in rejected)
    read = rows + len(rejected)
    check_share(source, read, rejected, most, job.hint or hint_for(rejected))
    if not read:
        raise InputError(f"source {source!r} is empty: {', '.join(map(str, filled[:5]))} hold no records")
    over = sum((sorting.passed_over for sorting in sortings), Counter[str]())
    remarks = [f"{name!r} came in {n} records and is not in the schema: it is passed over" for name, n in over.items()]
    remarks += [f"{path} is empty" for path in paths if path not in filled]
    if any(held.seen is not None for held in found.fields.values()):
        remarks += drift(found, frame)
    size = sum(path.stat().st_size for path in filled)
    rules = Counter(record.rule for record in rejected)
    return Loaded(frame, Counts(read, rows, len(rejected), rules, size), rejected, found, tuple(remarks))


@dataclass
class _Job:
    source: str
    form: Format
    engine: Engine
    schema: Schema
    now: datetime
    most: float
    closed: bool
    names: Mapping[Path, str]
    hint: str = ""

    def run(self, paths: Sequence[Path]) -> tuple[nw.LazyFrame, int, list[Sorting]]:
        """The table, its number of rows, and what was sorted out of each file that was not read as it is."""
        checker = Checker(self.schema, self.now)
        frames: list[nw.LazyFrame] = []
        sortings: list[Sorting] = []
        for path in paths:
            frame = self.native(path)
            if frame is None:
                frame, sorting = self.sorted(path, checker, thorough=False)
                sortings.append(sorting)
            frames.append(frame)
        frame = _together(frames)
        rows, broken = violations(frame, self.schema, self.now)
        if broken:
            checker = Checker(self.schema, self.now)
            pairs = [self.sorted(path, checker, thorough=True) for path in paths]
            frame, sortings = _together([part for part, _ in pairs]), [sorting for _, sorting in pairs]
            rows, broken = violations(frame, self.schema, self.now)
            assert not broken, f"source {self.source!r}: rules on records and on the frame disagree"
            self.hint = checker.unit_hint()
        return frame, rows, sortings

    def native(self, path: Path) -> nw.LazyFrame | None:
        """A file by the native reader alone; None where that cannot read it, or sorting is as quick."""
        if self.form.quick and self.engine.name != "spark":
            return None
        try:
            return self.form.fast(self.engine, path, self.schema, checked=False, closed=self.closed)
        except UnreadableError:
            return None

    def sorted(self, path: Path, checker: Checker, *, thorough: bool) -> tuple[nw.LazyFrame, Sorting]:
        """A file by way of a clean copy."""
        for careful in [True] if thorough else [False, True]:
            sorting = Sorting(self.source, self.names[path], path, self.most)
            clean = self.engine.scratch() / f"{len(list(self.engine.scratch().iterdir()))}-{path.name}"
            sure = self.form.sort(path, clean, checker, sorting, thorough=careful)
            if sorting.hopeless:
                check_share(
                    self.source,
                    sorting.read,
                    sorting.rejected,
                    self.most,
                    checker.unit_hint() or hint_for(sorting.rejected),
                )
            try:
                source = clean if clean.exists() else path
                return self.form.fast(self.engine, source, self.schema, checked=sure, closed=False), sorting
            except UnreadableError as error:
                if careful:
                    raise InputError(
                        f"source {self.source!r}: {path} cannot be read even without its bad records ({error})"
                    ) from error
            finally:
                if self.engine.name != "spark":
                    clean.unlink(missing_ok=True)
        raise AssertionError("unreachable")


def hint_for(rejected: Sequence[Rejected]) -> str:
    """What a user may do about records, by the rule that they break most often; empty where that is not known."""
    rules = Counter(record.rule for record in rejected).most_common(1)
    if not rules:
        return ""
    first = next(record for record in rejected if record.rule == rules[0][0])
    if first.rule == NO_UTF8:
        return f"{first.file} is not written in UTF-8: give encoding='latin-1', or whatever it is"
    if " is of kind " in first.rule:
        return (
            f"The type changes at {first.file}, line {first.line}: mend the file, or give a schema with the kind that "
            "is meant (text takes everything)"
        )
    return ""


def check_text(source: str, path: Path) -> None:
    """Refuses UTF-16 and UTF-32, whose marks no reader here understands."""
    with open(path, "rb") as file:
        mark = file.read(4)
    if mark[:2] in (b"\xff\xfe", b"\xfe\xff") or mark == b"\x00\x00\xfe\xff":
        raise InputError(
            f"source {source!r}: {path} is written in UTF-16 or UTF-32: give encoding='utf-16' (or 'utf-32')"
        )


def recode(
    source: str, given: Sequence[Path], encoding: str, folder: Path
) -> tuple[Sequence[Path], Mapping[Path, str]]:
    """The files unpacked and in UTF-8, and what each is a copy of; the files themselves where they are so already.

    Raises:
        InputError: the encoding is not known, or a file is not written in it, or is a damaged packed file.
    """
    paths, known = unpacked(source, given, folder)
    try:
        plain = codecs.lookup(encoding).name
    except LookupError as error:
        raise InputError(f"source {source!r}: encoding {encoding!r} is not known") from error
    if plain in ("utf-8", "ascii"):
        for path in paths:
            check_text(source, path)
        return paths, known
    shown: dict[Path, str] = {}
    for number, path in enumerate(paths):
        copy = folder / f"recoded-{number}-{path.name}"
        try:
            with open(path, encoding=plain, newline="") as old, open(copy, "w", encoding="utf-8", newline="") as new:
                shutil.copyfileobj(old, new)
        except UnicodeError as error:
            raise InputError(f"source {source!r}: {path} is not written in {encoding} ({error})") from error
        shown[copy] = known.get(path, str(path))
    return list(shown), shown


def _together(frames: Sequence[nw.LazyFrame]) -> nw.LazyFrame:
    return frames[0] if len(frames) == 1 else nw.concat(list(frames), how="vertical")
