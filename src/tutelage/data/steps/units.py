"""Units: numbers declared in one unit, wanted in another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

import narwhals.stable.v2 as nw

from ..units import factor
from .step import Column, Given, Kind, Role, State, check_columns, parts


@final
@dataclass(frozen=True)
class Convert:
    """Numbers from one unit to another, such as °F to °C.

    Args:
        columns: columns of numbers, replaced.
        given: their unit.
        wanted: the unit they should have.

    Raises:
        InputError: a unit is not known, or the two measure different things.
    """

    name: ClassVar[str] = "convert"
    version: ClassVar[int] = 1
    takes: ClassVar[tuple[Role, ...]] = ("number",)
    columns: tuple[str, ...]
    given: str
    wanted: str

    def __post_init__(self) -> None:
        check_columns(self, self.columns)
        factor(self.given, self.wanted)

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
        """Numbers."""
        return {name: given[name] for name in self.columns}

    def formula(self, xp: Any, x: Any, state: State) -> Any:
        """Converted values."""
        scale, shift = factor(self.given, self.wanted)
        return x * scale + shift

    def frame(self, frame: nw.LazyFrame, given: Given, state: State) -> nw.LazyFrame:
        """On an engine."""
        scale, shift = factor(self.given, self.wanted)
        return frame.with_columns(*[nw.col(part) * scale + shift for part in parts(given, self.columns)])


@final
@dataclass(frozen=True)
class Affine:
    """x * factor + shift, for units that `Convert` does not know.

    Args:
        columns: columns of numbers, replaced.
        factor: by which values are multiplied.
        shift: which is added then.
    """

    name: ClassVar[str] = "affine"
    version: ClassVar[int] = 1
    takes: ClassVar[tuple[Role, ...]] = ("number",)
    columns: tuple[str, ...]
    factor: float = 1.0
    shift: float = 0.0

    def __post_init__(self) -> None:
        check_columns(self, self.columns)

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
        """Numbers."""
        return {name: given[name] for name in self.columns}

    def formula(self, xp: Any, x: Any, state: State) -> Any:
        """Changed values."""
        return x * self.factor + self.shift

    def frame(self, frame: nw.LazyFrame, given: Given, state: State) -> nw.LazyFrame:
        """On an engine."""
        return frame.with_columns(*[nw.col(part) * self.factor + self.shift for part in parts(given, self.columns)])
