"""What a source is: an origin of data with a name, which an engine can read."""

from __future__ import annotations

import glob
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import narwhals.stable.v2 as nw

from ...core import InputError
from ..contract import Schema
from ..engines import Engine
from ..quarantine import Rejected


@dataclass(frozen=True)
class Counts:
    """How many records went in and what became of them; `read` = `kept` + `rejected`.

    Args:
        read: records found.
        kept: rows of the frame.
        rejected: records in quarantine.
        rules: rule to how many broke it.
        bytes: of the files; 0 for databases.
    """

    read: int
    kept: int
    rejected: int
    rules: Mapping[str, int] = field(default_factory=dict)
    bytes: int = 0


@dataclass(frozen=True)
class Loaded:
    """What reading a source gives.

    Args:
        frame: the good rows.
        counts: records in and out.
        rejected: the bad ones.
        schema: kinds and rules they were read with.
        remarks: what the user should know, such as columns passed over or a drift since the schema was found.
    """

    frame: nw.LazyFrame
    counts: Counts
    rejected: tuple[Rejected, ...]
    schema: Schema
    remarks: tuple[str, ...] = ()


@runtime_checkable
class Source(Protocol):
    """An origin of data."""

    @property
    def name(self) -> str:
        """Its name in reports and in the quarantine."""
        ...

    @property
    def key(self) -> tuple[str, ...]:
        """Columns that name a row; none where rows have no name."""
        ...

    @property
    def time(self) -> str | None:
        """The column of event time; None for a static dimension, whose facts hold at all times."""
        ...

    def fingerprint(self) -> str:
        """A digest that changes with the content and with everything that changes what is read."""
        ...

    def read(self, engine: Engine, *, now: datetime | None = None) -> Loaded:
        """Reads everything.

        Args:
            engine: where the table shall be.
            now: the time of reading, UTC without zone, for rules on times in the future; the clock unless given.

        Raises:
            InputError: the source is missing, empty, or cannot be read; names it.
            TooManyRejectedError: more records are bad than allowed.
        """
        ...


Files = Path | str | Sequence[Path | str]


def expand(source: str, files: Files) -> tuple[Path, ...]:
    """The files meant by paths and patterns (`clicks/*.jsonl`), sorted within each pattern.

    Raises:
        InputError: a file does not exist, or nothing fits a pattern.
    """
    found: list[Path] = []
    for given in [files] if isinstance(files, Path | str) else files:
        path = Path(given)
        if path.is_file():
            found.append(path)
            continue
        fitting = sorted(Path(name) for name in glob.glob(str(given), recursive=True) if Path(name).is_file())
        if not fitting:
            raise InputError(f"source {source!r}: there is no file {given}")
        found += fitting
    if not found:
        raise InputError(f"source {source!r} names no file")
    return tuple(found)


def digest(settings: Mapping[str, Any], files: Iterable[Path] = (), more: str = "") -> str:
    """SHA-256 over settings, the bytes of files, and anything else that counts."""
    found = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
    for path in files:
        with open(path, "rb") as file:
            found.update(hashlib.file_digest(file, "sha256").digest())
    found.update(more.encode())
    return found.hexdigest()


def check_columns(source: str, schema: Schema, key: Sequence[str], time: str | None) -> Schema:
    """The schema with the key of the source; refuses a key or time that it does not have."""
    wanted = [*key, *([time] if time is not None else [])]
    lost = [name for name in wanted if name not in schema.fields]
    if lost:
        raise InputError(f"source {source!r} has no columns {lost}, its key or time; there are {list(schema.fields)}")
    return Schema(schema.fields, tuple(key) or schema.key)
