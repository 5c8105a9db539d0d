"""Types: text that means numbers or times, whole numbers that are names."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal, final

import narwhals.stable.v2 as nw
import numpy as np

from ...core import InputError
from .step import Column, Given, Kind, Role, State, check_columns, plain

NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
WIDTHS = {"%Y": 4, "%m": 2, "%d": 2, "%H": 2, "%M": 2, "%S": 2}


@final
@dataclass(frozen=True)
class Cast:
    """Text becomes numbers or times, whole numbers become text.

    Args:
        columns: columns of text (or, for `text`, of numbers), replaced.
        to: `number` (decimal, with an exponent or not), `time` (by `format`) or `text` (7.0 becomes "7").
        bad: what a value becomes that is none: `refuse` (an error) or `missing`.
        format: of times, of %Y %m %d %H %M %S and other characters, all digits written.

    Raises:
        InputError: an unknown setting; on use, a value that is refused.
    """

    name: ClassVar[str] = "cast"
    version: ClassVar[int] = 1
    takes: ClassVar[tuple[Role, ...]] = ("text", "number")
    columns: tuple[str, ...]
    to: Literal["number", "text", "time"] = "number"
    bad: Literal["refuse", "missing"] = "refuse"
    format: str = "%Y-%m-%d %H:%M:%S"

    def __post_init__(self) -> None:
        check_columns(self, self.columns)
        if self.to not in ("number", "text", "time") or self.bad not in ("refuse", "missing"):
            raise InputError(f"cast to {self.to!r}, bad {self.bad!r}: to number, text or time; bad: refuse or missing")
        self._pattern()

    @property
    def kind(self) -> Kind:
        """Row-wise."""
        return "row-wise"

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns."""
        return self.columns

    @property
    def writes(self) -> tuple[str, ...]:
        """The same."""
        return self.columns

    def made(self, given: Given, state: State) -> dict[str, Column]:
        """Columns of the wanted kind."""
        for name in self.columns:
            if (given[name].role == "number") != (self.to == "text"):
                raise InputError(f"column {name!r} holds {given[name].role}: it cannot be cast to {self.to}")
        return plain(self.columns, self.to)

    def arrays(self, given: Given, state: State) -> Callable[..., tuple[np.ndarray, ...]]:
        """In NumPy."""
        one = {"number": self._number, "text": _digits, "time": self._time}[self.to]
        dtype = {"number": np.dtype(np.float64), "text": np.dtype(object), "time": np.dtype("datetime64[us]")}[self.to]

        def cast(name: str, column: np.ndarray) -> np.ndarray:
            found = [None if value is None or value != value else one(value) for value in column.tolist()]
            wrong = [
                n
                for n, (made, value) in enumerate(zip(found, column.tolist(), strict=True))
                if made is None and _there(value)
            ]
            if wrong and self.bad == "refuse":
                raise InputError(
                    f"column {name!r}, row {wrong[0]}: {column[wrong[0]]!r} is no {self.to}; {len(wrong)} rows are "
                    "like it: mend them, or cast with bad='missing'"
                )
            return np.array(found, dtype=dtype)

        return lambda *columns: tuple(cast(name, column) for name, column in zip(self.columns, columns, strict=True))

    def module(self, given: Given, state: State) -> None:
        """There is none: tensors hold no text."""

    def frame(self, frame: nw.LazyFrame, given: Given, state: State) -> nw.LazyFrame:
        """On an engine; a value that is refused stops it with the engine's own error."""
        return frame.with_columns(*[self._expression(name).alias(name) for name in self.columns])

    def _expression(self, name: str) -> nw.Expr:
        column = nw.col(name)
        if self.to == "text":
            whole = (column == column.floor()) & (column.abs() < 2.0**53)
            other = nw.when(~column.is_null()).then(nw.lit(1e300)) if self.bad == "refuse" else nw.lit(None)
            kept = nw.when(whole).then(column).otherwise(other.cast(nw.Float64))
            return kept.cast(nw.Int64).cast(nw.String)
        text = column.str.strip_chars()
        if self.bad == "missing":
            text = nw.when(text.str.contains(self._pattern())).then(text)
        return (
            text.cast(nw.Float64) if self.to == "number" else text.str.to_datetime(self.format).cast(nw.Datetime("us"))
        )

    def _pattern(self) -> str:
        if self.to != "time":
            return NUMBER
        parts = re.split(r"(%.)", self.format)
        unknown = [part for part in parts if part.startswith("%") and part not in WIDTHS]
        if unknown or "%Y" not in parts:
            raise InputError(f"the format {self.format!r} of times may hold {' '.join(WIDTHS)}, and %Y it has to")
        return "^" + "".join(f"[0-9]{{{WIDTHS[p]}}}" if p in WIDTHS else re.escape(p) for p in parts) + "$"

    def _number(self, value: Any) -> float | None:
        text = value.strip()
        return float(text) if re.match(NUMBER, text) else None

    def _time(self, value: Any) -> datetime | None:
        text = value.strip()
        try:
            return datetime.strptime(text, self.format) if re.match(self._pattern(), text) else None
        except ValueError:
            return None


def _digits(value: Any) -> str | None:
    return str(int(value)) if float(value).is_integer() and abs(value) < 2**53 else None


def _there(value: Any) -> bool:
    return value is not None and value == value
