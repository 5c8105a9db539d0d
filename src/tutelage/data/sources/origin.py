"""Where the records of a stream come from: `Origin`, and `Tail`, the end of a growing file.

A broker is another file that has the same three methods.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, final, runtime_checkable

from ...core import InputError

Offsets = dict[str, int]
"""Partition to place in it; of a file its path to a number of bytes."""


@dataclass(frozen=True)
class Polled:
    """A record as it came.

    Args:
        place: partition or file.
        number: its number there, from 1.
        offset: where it begins.
        raw: its bytes.
    """

    place: str
    number: int
    offset: int
    raw: bytes


@runtime_checkable
class Origin(Protocol):
    """Where the records of a stream come from."""

    def seek(self, offsets: Mapping[str, int]) -> None:
        """Goes on behind these offsets; from the beginning where there are none."""
        ...

    def poll(self, n: int) -> tuple[list[Polled], Offsets]:
        """At most `n` records that have come, none when there are none now, and the offsets behind them."""
        ...

    def commit(self, offsets: Mapping[str, int]) -> None:
        """Says that everything before these offsets is safe; for origins that keep records until then."""
        ...


@final
class Tail:
    """The lines of a growing file; a line without its end is still being written and waits.

    Args:
        path: the file; it may not be there yet.

    Raises:
        InputError: the file has become shorter than what was read of it: it was cut or replaced.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._place = str(path)
        self._offset = 0
        self._lines = 0

    def seek(self, offsets: Mapping[str, int]) -> None:
        """See `Origin.seek`."""
        self._offset = offsets.get(self._place, 0)
        self._lines = offsets.get(f"{self._place}#lines", 0)

    def poll(self, n: int) -> tuple[list[Polled], Offsets]:
        """See `Origin.poll`."""
        found: list[Polled] = []
        offset, lines = self._offset, self._lines
        if self.path.is_file():
            size = self.path.stat().st_size
            if size < offset:
                raise InputError(
                    f"{self.path} has {size} bytes, but {offset} were read of it: it was cut or replaced; give the new "
                    "file a new name, or start the stream anew in an empty state folder"
                )
            with open(self.path, "rb") as file:
                file.seek(offset)
                while len(found) < n:
                    raw = file.readline()
                    if not raw.endswith(b"\n"):
                        break
                    lines += 1
                    if raw.strip():
                        found.append(Polled(self._place, lines, offset, raw.rstrip(b"\r\n")))
                    offset += len(raw)
        self._offset, self._lines = offset, lines
        return found, {self._place: offset, f"{self._place}#lines": lines}

    def commit(self, offsets: Mapping[str, int]) -> None:
        """Nothing to do: a file keeps its lines."""
