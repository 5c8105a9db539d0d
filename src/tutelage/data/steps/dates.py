"""Times to numbers: their parts, and parts as points on a circle."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final, get_args

import narwhals.stable.v2 as nw
import numpy as np
import torch
from torch import Tensor, nn

from ...core import InputError
from .step import Column, Given, Kind, Role, State, check_columns, parts, plain

Part = Literal["year", "month", "day", "weekday", "day of year", "hour", "minute", "second", "epoch"]
DAY = 86_400_000_000
MISSING = np.iinfo(np.int64).min


@final
@dataclass(frozen=True)
class DateParts:
    """Parts of times as numbers, in the calendar of the values themselves (no time zone is assumed).

    Args:
        columns: columns of times, which stay.
        parts: `year`, `month`, `day`, `weekday` (Monday is 1), `day of year`, `hour`, `minute`, `second` (whole), or
            `epoch`, seconds since 1970 to the microsecond; written as `<column>_<part>`.

    Raises:
        InputError: an unknown part.
    """

    name: ClassVar[str] = "date-parts"
    version: ClassVar[int] = 1
    takes: ClassVar[tuple[Role, ...]] = ("time",)
    columns: tuple[str, ...]
    parts: tuple[Part, ...] = ("month", "weekday", "hour")

    def __post_init__(self) -> None:
        check_columns(self, self.columns)
        if not self.parts or set(self.parts) - set(get_args(Part)):
            raise InputError(f"parts of times are {get_args(Part)}, got {self.parts}")

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
        """One column per column and part."""
        return tuple(f"{name}_{part}" for name in self.columns for part in self.parts)

    def made(self, given: Given, state: State) -> dict[str, Column]:
        """Numbers."""
        return plain(self.writes)

    def arrays(self, given: Given, state: State) -> Callable[..., tuple[np.ndarray, ...]]:
        """In NumPy."""

        def run(*columns: np.ndarray) -> tuple[np.ndarray, ...]:
            whole = [column.astype("datetime64[us]").astype(np.int64) for column in columns]
            gaps = [column == MISSING for column in whole]
            made = [(np.where(gap, 0, column), gap) for column, gap in zip(whole, gaps, strict=True)]
            return tuple(
                np.where(gap, np.nan, _part(column, part).astype(np.float64))
                for column, gap in made
                for part in self.parts
            )

        return run

    def module(self, given: Given, state: State) -> nn.Module:
        """In torch, of microseconds since 1970."""
        return _Parts(self.parts)

    def frame(self, frame: nw.LazyFrame, given: Given, state: State) -> nw.LazyFrame:
        """On an engine."""
        return frame.with_columns(
            *[
                _expression(nw.col(name), part).cast(nw.Float64).alias(f"{name}_{part}")
                for name in self.columns
                for part in self.parts
            ]
        )


@final
class _Parts(nn.Module):
    def __init__(self, wanted: Sequence[Part]) -> None:
        super().__init__()
        self.wanted = tuple(wanted)

    def forward(self, *columns: Tensor) -> tuple[Tensor, ...]:
        made: list[Tensor] = []
        for column in columns:
            gap = column == int(MISSING)
            whole = torch.where(gap, torch.zeros_like(column), column)
            made += [_part(whole, part).double().masked_fill(gap, math.nan) for part in self.wanted]
        return tuple(made)


def _part(time: Any, part: Part) -> Any:
    """A part of int64 microseconds since 1970, in NumPy or torch; whole numbers, seconds for `epoch`."""
    if part == "epoch":
        return time / 1_000_000
    days = time // DAY
    within = (time - days * DAY) // 1_000_000
    if part == "hour":
        return within // 3600
    if part == "minute":
        return within // 60 % 60
    if part == "second":
        return within % 60
    if part == "weekday":
        return (days + 3) % 7 + 1
    year, month, day = _civil(days)
    if part == "day of year":
        return days - _new_year(year) + 1
    return {"year": year, "month": month, "day": day}[part]


def _civil(days: Any) -> tuple[Any, Any, Any]:
    """Year, month and day of days since 1970, by whole numbers only: years begin in March, eras have 400 of them."""
    shifted = days + 719_468
    era = shifted // 146_097
    of_era = shifted - era * 146_097
    year_of_era = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    march = (5 * of_year + 2) // 153
    month = (march + 2) % 12 + 1
    return year_of_era + era * 400 + (14 - month) // 12, month, of_year - (153 * march + 2) // 5 + 1


def _new_year(year: Any) -> Any:
    """Days from 1970 to the first day of a year."""
    before = year - 1
    return 365 * before + before // 4 - before // 100 + before // 400 - 719_162


def _expression(column: nw.Expr, part: Part) -> nw.Expr:
    time = column.dt
    if part not in ("epoch", "weekday"):
        return getattr(time, {"day of year": "ordinal_day"}.get(part, part))()
    before = time.year().cast(nw.Int64) - 1
    days = 365 * before + before // 4 - before // 100 + before // 400 + time.ordinal_day().cast(nw.Int64) - 1
    if part == "weekday":  # the first day of the year 1 is a Monday; engines number weekdays differently
        return days % 7 + 1
    seconds = ((days - 719_162) * 24 + time.hour()) * 3600 + time.minute().cast(nw.Int64) * 60 + time.second()
    return (seconds * 1_000_000 + time.microsecond()).cast(nw.Float64) / 1_000_000


@final
@dataclass(frozen=True)
class Cyclic:
    """Numbers that come round again (hours, weekdays, angles) as `<column>_sin` and `<column>_cos`.

    Args:
        columns: columns of numbers, which stay.
        period: after how much a value means the same.

    Raises:
        InputError: the period is not positive.
    """

    name: ClassVar[str] = "cyclic"
    version: ClassVar[int] = 1
    takes: ClassVar[tuple[Role, ...]] = ("number",)
    columns: tuple[str, ...]
    period: float

    def __post_init__(self) -> None:
        check_columns(self, self.columns)
        if not 0 < self.period < math.inf:
            raise InputError(f"the period of {self.columns} has to be positive, got {self.period}")

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
        """Two columns each: first all sines, then all cosines."""
        return tuple(f"{name}_{way}" for way in ("sin", "cos") for name in self.columns)

    def made(self, given: Given, state: State) -> dict[str, Column]:
        """Numbers."""
        return {
            f"{name}_{way}": Column("number", tuple(f"{part}_{way}" for part in given[name].parts))
            for way in ("sin", "cos")
            for name in self.columns
        }

    def formula(self, xp: Any, x: Any, state: State) -> Any:
        """Sines and cosines."""
        angle = x * (math.tau / self.period)
        return xp.concatenate((xp.sin(angle), xp.cos(angle)), axis=1)

    def frame(self, frame: nw.LazyFrame, given: Given, state: State) -> nw.LazyFrame:
        """On an engine."""
        angles = {part: nw.col(part) * (math.tau / self.period) for part in parts(given, self.columns)}
        sines = [angle.sin().alias(f"{part}_sin") for part, angle in angles.items()]
        return frame.with_columns(*sines, *[angle.cos().alias(f"{part}_cos") for part, angle in angles.items()])
