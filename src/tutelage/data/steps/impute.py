"""Missing values are filled: numbers here, text in `Fill`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

import narwhals.stable.v2 as nw
import numpy as np

from ...core import InputError
from ..sketch import Counts, Moments, Quantiles
from .step import Column, Given, Kind, Role, State, Summaries, check_columns, parts, plain

How = Literal["mean", "median", "most frequent", "constant"]


@final
@dataclass(frozen=True)
class Impute:
    """Missing numbers become the column's mean, median, most frequent value, or a constant.

    Args:
        columns: columns of numbers, replaced.
        how: `mean`, `median`, `most frequent` (the smallest of equally frequent ones) or `constant`.
        value: the constant.
        indicator: also write `<column>_missing`, 1 where a value was missing.

    Raises:
        InputError: no columns, or an unknown way.
    """

    name: ClassVar[str] = "impute"
    version: ClassVar[int] = 1
    takes: ClassVar[tuple[Role, ...]] = ("number",)
    columns: tuple[str, ...]
    how: How = "median"
    value: float = 0.0
    indicator: bool = False

    def __post_init__(self) -> None:
        check_columns(self, self.columns)
        if self.how not in ("mean", "median", "most frequent", "constant"):
            raise InputError(f"impute by {self.how!r}: mean, median, most frequent or constant")

    @property
    def kind(self) -> Kind:
        """Exact, but for the median."""
        return "row-wise" if self.how == "constant" else "bounded" if self.how == "median" else "exact"

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns."""
        return self.columns

    @property
    def writes(self) -> tuple[str, ...]:
        """The same, and indicators."""
        return self.columns + (tuple(f"{name}_missing" for name in self.columns) if self.indicator else ())

    @property
    def learns_from(self) -> tuple[str, ...]:
        """Nothing else."""
        return ()

    def made(self, given: Given, state: State) -> dict[str, Column]:
        """Numbers."""
        gaps = {
            f"{n}_missing": Column("number", tuple(f"{part}_missing" for part in given[n].parts)) for n in self.reads
        }
        return {name: given[name] for name in self.columns} | (gaps if self.indicator else {})

    def observe(self, given: Given, columns: Sequence[np.ndarray], row: np.ndarray) -> Summaries:
        """Moments, quantiles or counts."""
        values, names = columns[0], parts(given, self.columns)
        if self.how == "constant":
            return {}
        if self.how == "mean":
            return {"all": Moments.of(values)}
        if self.how == "median":
            return {name: Quantiles.of(values[:, place]) for place, name in enumerate(names)}
        filled = (values[~np.isnan(values[:, place]), place].tolist() for place in range(len(names)))
        return {name: Counts.of(column) for name, column in zip(names, filled, strict=True)}

    def learn(self, given: Given, summaries: Summaries) -> State:
        """`fill`, float64 [K].

        Raises:
            InputError: a column has no value in any training row.
        """
        names = parts(given, self.columns)
        if self.how == "constant":
            return {"fill": np.full(len(names), self.value, dtype=np.float64)}
        fill = np.empty(len(names))
        for place, name in enumerate(names):
            part = summaries["all" if self.how == "mean" else name]
            there = part.count[place] if isinstance(part, Moments) else _rows(part)
            if not there:
                raise InputError(
                    f"column {name!r} is empty in all training rows: leave it out, or impute it with how='constant'"
                )
            fill[place] = _value(part, place)
        return {"fill": fill}

    def formula(self, xp: Any, x: Any, state: State) -> Any:
        """Filled values, then indicators."""
        gap = xp.isnan(x)
        filled = xp.where(gap, state["fill"], x)
        if not self.indicator:
            return filled
        return xp.concatenate((filled, xp.where(gap, xp.ones_like(x), xp.zeros_like(x))), axis=1)

    def frame(self, frame: nw.LazyFrame, given: Given, state: State) -> nw.LazyFrame:
        """The same on an engine."""
        names, fill = parts(given, self.columns), state["fill"].tolist()
        made = [nw.col(name).fill_null(value) for name, value in zip(names, fill, strict=True)]
        if self.indicator:
            made += [nw.col(name).is_null().cast(nw.Float64).alias(f"{name}_missing") for name in names]
        return frame.with_columns(*made)


def _rows(part: Any) -> int:
    return part.total if isinstance(part, Counts) else part.count


def _value(part: Any, place: int) -> float:
    if isinstance(part, Moments):
        return float(part.mean[place])
    if isinstance(part, Quantiles):
        return float(part.at(np.array([0.5]))[0])
    return float(part.ranked()[0][0])


@final
@dataclass(frozen=True)
class Fill:
    """Missing text becomes the most frequent text of the training rows, or a given one.

    Args:
        columns: columns of text, replaced.
        value: the text; the most frequent one (the first in the alphabet of equally frequent ones) unless given.
    """

    name: ClassVar[str] = "fill"
    version: ClassVar[int] = 1
    takes: ClassVar[tuple[Role, ...]] = ("text",)
    columns: tuple[str, ...]
    value: str = ""

    def __post_init__(self) -> None:
        check_columns(self, self.columns)

    @property
    def kind(self) -> Kind:
        """Exact up to a million different texts."""
        return "row-wise" if self.value else "exact"

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns."""
        return self.columns

    @property
    def writes(self) -> tuple[str, ...]:
        """The same."""
        return self.columns

    @property
    def learns_from(self) -> tuple[str, ...]:
        """Nothing else."""
        return ()

    def made(self, given: Given, state: State) -> dict[str, Column]:
        """Text."""
        return plain(self.columns, "text")

    def observe(self, given: Given, columns: Sequence[np.ndarray], row: np.ndarray) -> Summaries:
        """Counts per text."""
        if self.value:
            return {}
        return {name: Counts.of(column.tolist()) for name, column in zip(self.columns, columns, strict=True)}

    def learn(self, given: Given, summaries: Summaries) -> State:
        """`fill`, one text per column.

        Raises:
            InputError: a column has no text in any training row.
        """
        if self.value:
            return {"fill": [self.value] * len(self.columns)}
        found: list[str] = []
        for name in self.columns:
            part = summaries[name]
            assert isinstance(part, Counts)
            if not part.counts:
                raise InputError(f"column {name!r} is empty in all training rows: leave it out, or give fill a value")
            found.append(str(part.ranked()[0][0]))
        return {"fill": found}

    def arrays(self, given: Given, state: State) -> Any:
        """In NumPy."""
        fill = state["fill"]

        def run(*columns: np.ndarray) -> tuple[np.ndarray, ...]:
            return tuple(np.where(column == None, value, column) for column, value in zip(columns, fill, strict=True))  # noqa: E711

        return run

    def module(self, given: Given, state: State) -> None:
        """There is none: tensors hold no text."""

    def frame(self, frame: nw.LazyFrame, given: Given, state: State) -> nw.LazyFrame:
        """On an engine."""
        pairs = zip(self.columns, state["fill"], strict=True)
        return frame.with_columns(*[nw.col(name).fill_null(value) for name, value in pairs])
