"""A journal of finished units of work, so that a killed command goes on where it was.

One line of JSON per unit, written when the unit is done. A line that a kill cut short is left out when it is read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core import StoreError


@dataclass
class Journal:
    """Units by name.

    Args:
        path: the file; None keeps nothing on disk.
        of: fingerprint of everything that the units depend on; units of another one are not read.
        reused: how many units were found instead of being done.
    """

    path: Path | None
    of: str
    units: dict[str, Any] = field(init=False, repr=False)
    reused: int = 0

    def __post_init__(self) -> None:
        self.units = {}
        if self.path is None or not self.path.exists():
            return
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                found = json.loads(line)
            except ValueError:  # the last line of a killed command
                continue
            if isinstance(found, dict) and found.get("of") == self.of and "unit" in found:
                self.units[found["unit"]] = found["value"]

    def once(self, unit: str, work: Callable[[], Any]) -> Any:
        """What this unit gave before, or what `work` gives now: plain JSON values.

        Raises:
            StoreError: the journal cannot be written.
        """
        if unit in self.units:
            self.reused += 1
            return self.units[unit]
        value = json.loads(json.dumps(work()))
        self.units[unit] = value
        if self.path is not None:
            self._append(json.dumps({"of": self.of, "unit": unit, "value": value}))
        return value

    def _append(self, line: str) -> None:
        assert self.path is not None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a+b") as file:
                file.seek(0, os.SEEK_END)
                torn = file.tell() > 0 and self._last(file) != b"\n"
                file.write(("\n" if torn else "").encode() + line.encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StoreError(f"{self.path} cannot be written ({error}): make room, then repeat the command") from error

    @staticmethod
    def _last(file: Any) -> bytes:
        file.seek(-1, os.SEEK_END)
        return file.read(1)
