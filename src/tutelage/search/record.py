"""`Record`: what a command found out about a run, as plain values that are shown, kept and read again."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from ..report import Chapter, Table
from ..report.codec import decode, encode


class Record(ABC):
    """Base of what `select`, `analyse`, `search` and `explain` find out; dataclasses of plain values.

    Attributes:
        key: the command that finds it out.
    """

    key: ClassVar[str]

    @abstractmethod
    def chapters(self) -> tuple[Chapter, ...]:
        """Sections of the page of a run."""

    def table(self, width: int | None = None) -> Table:
        """All chapters as printable text, `width` columns wide (default: the terminal's)."""
        made = [(one.title, one.table(width)) for one in self.chapters()]
        if len(made) == 1:
            return made[0][1]
        return Table("\n\n".join(f"{title}\n\n{text}" for title, text in made), "".join(text.html for _, text in made))

    def to_json(self) -> str:
        """The record as strict JSON."""
        return json.dumps(encode(self), indent=1, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Any:
        """Back from `to_json`.

        Raises:
            InputError: the text does not hold such a record.
        """
        return decode(cls, json.loads(text), cls.__name__.lower())
