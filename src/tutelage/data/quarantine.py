"""Bad records are kept, with where they stood and which rule they broke; too many of them stop the run."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

from ..core import InputError

MOST = 0.01
"""The share of rejected records above which a source is not read unless its user allows more."""

_SHOWN = 5


@dataclass(frozen=True)
class Rejected:
    """A record that was not taken.

    Args:
        source: name of the source.
        file: path, URL or table it came from.
        line: its line, or number of the record where there are no lines, from 1; 0 where the order is not defined.
        offset: of its first byte in the file; -1 where there is none.
        raw: the record as it stood there; bytes that are no UTF-8 as surrogates (`surrogateescape`), so that
            `raw_bytes` gives them back exactly.
        rule: what it breaks, in words.
        step: what was being done.
    """

    source: str
    file: str
    line: int
    offset: int
    raw: str
    rule: str
    step: str = "read"

    @property
    def raw_bytes(self) -> bytes:
        return self.raw.encode("utf-8", "surrogateescape")


class TooManyRejectedError(InputError):
    """More records of a source are bad than its limit allows; `rejected` has those found until then."""

    def __init__(self, message: str, rejected: Sequence[Rejected] = ()) -> None:
        super().__init__(message)
        self.rejected = tuple(rejected)


def text_of(raw: bytes) -> str:
    """Bytes as the text of a `Rejected`."""
    return raw.decode("utf-8", "surrogateescape")


def check_share(source: str, rows: int, rejected: Sequence[Rejected], most: float, hint: str = "") -> None:
    """Stops where too many records are bad.

    Args:
        source: name of the source.
        rows: records read, good and bad.
        rejected: the bad ones.
        most: largest share of bad ones that is let pass, 0 to 1.
        hint: what the user may do.

    Raises:
        TooManyRejectedError: there are more; says which rules were broken how often, with examples.
    """
    if not 0 <= most <= 1:
        raise InputError(f"source {source!r}: most must be a share from 0 to 1, got {most}")
    if len(rejected) <= most * rows:
        return
    rules = Counter(record.rule for record in rejected).most_common(_SHOWN)
    told = "; ".join(f"{count} x {rule}" for rule, count in rules)
    shown = "".join(f"\n  {r.file}:{r.line}: {r.rule}: {r.raw[:120]!r}" for r in rejected[:_SHOWN])
    raise TooManyRejectedError(
        f"source {source!r}: {len(rejected)} of {rows} records are bad, and at most {most:.3%} may be ({told}). "
        f"{hint or 'Mend the data or the schema, or allow more with most='}.{shown}",
        rejected,
    )


@final
@dataclass(frozen=True)
class Quarantine:
    """A folder with one file of JSON lines per source, which holds its rejected records.

    Reading a source again replaces its file as a whole, so that a run which was killed and resumed counts nothing
    twice.
    """

    folder: Path

    def file(self, source: str) -> Path:
        """Where the records of a source are."""
        safe = "".join(letter if letter.isalnum() or letter in "-_" else f"%{ord(letter):02x}" for letter in source)
        return self.folder / f"{safe}.jsonl"

    def put(self, source: str, rejected: Iterable[Rejected]) -> Path:
        """Writes the records of a source, instead of those written before; on disk when it returns."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.file(source)
        write_whole(path, "".join(json.dumps(vars(record)) + "\n" for record in rejected).encode("ascii"))
        return path

    def records(self, source: str) -> Iterator[Rejected]:
        """The records of a source; none where it had none."""
        path = self.file(source)
        if path.is_file():
            for line in path.read_text(encoding="ascii").splitlines():
                yield Rejected(**json.loads(line))

    def counts(self) -> dict[str, dict[str, int]]:
        """Source -> rule -> how many records broke it."""
        found: dict[str, Counter[str]] = {}
        for path in sorted(self.folder.glob("*.jsonl")):
            for line in path.read_text(encoding="ascii").splitlines():
                record = Rejected(**json.loads(line))
                found.setdefault(record.source, Counter())[record.rule] += 1
        return {source: dict(counter) for source, counter in found.items()}


def write_whole(path: Path, content: bytes) -> None:
    """Replaces a file: whoever looks, at whatever moment and after any crash, sees the old one or the new one."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    with open(beside, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Makes renames in a folder last; where the system has no such call, they last a moment later."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
