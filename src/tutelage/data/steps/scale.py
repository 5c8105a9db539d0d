"""Scaling: each column of numbers is shifted and divided by what training rows say, or by its logarithm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

import narwhals.stable.v2 as nw
import numpy as np

from ...core import InputError
from ..sketch import Extremes, Moments, Quantiles
from .step import Column, Given, Kind, Role, State, Summaries, check_columns, parts

How = Literal["z-score", "min-max", "robust"]


@final
@dataclass(frozen=True)
class Scale:
    """(x - shift) / width per column; missing values stay missing.

    Args:
        columns: columns of numbers, replaced.
        how: `z-score` (mean, standard deviation), `min-max` (smallest value, range: training rows land in 0..1) or
            `robust` (median, distance of the quartiles).

    The width of a constant column is 1.

    Raises:
        InputError: no columns, or an unknown way.
    """

    name: ClassVar[str] = "scale"
    version: ClassVar[int] = 1
    takes: ClassVar[tuple[Role, ...]] = ("number",)
    columns: tuple[str, ...]
    how: How = "z-score"

    def __post_init__(self) -> None:
        check_columns(self, self.columns)
        if self.how not in ("z-score", "min-max", "robust"):
            raise InputError(f"scale by {self.how!r}: z-score, min-max or robust")

    @property
    def kind(self) -> Kind:
        """Exact, but for quartiles."""
        return "bounded" if self.how == "robust" else "exact"

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
        """Numbers."""
        return {name: given[name] for name in self.columns}

    def observe(self, given: Given, columns: Sequence[np.ndarray], row: np.ndarray) -> Summaries:
        """Moments, extremes or quantiles."""
        values = columns[0]
        if self.how == "robust":
            names = parts(given, self.columns)
            return {name: Quantiles.of(values[:, place]) for place, name in enumerate(names)}
        return {"extremes": Extremes.of(values)} | ({"moments": Moments.of(values)} if self.how == "z-score" else {})

    def learn(self, given: Given, summaries: Summaries) -> State:
        """`shift` and `width`, float64 [K].

        Raises:
            InputError: a column has no value in any training row.
        """
        names = parts(given, self.columns)
        if self.how == "robust":
            levels: list[Any] = [summaries[name] for name in names]
            found = np.array([level.at(np.array([0.25, 0.5, 0.75])) for level in levels])
            shift, width = found[:, 1], found[:, 2] - found[:, 0]
        else:
            extremes = summaries["extremes"]
            assert isinstance(extremes, Extremes)
            _refuse_empty(names, extremes)
            shift, width = extremes.low, extremes.high - extremes.low
            if self.how == "z-score":
                moments, varies = summaries["moments"], width > 0
                assert isinstance(moments, Moments)
                shift, width = moments.mean, np.where(varies, np.sqrt(moments.variance), 0.0)
        return {"shift": shift.copy(), "width": np.where(width > 0, width, 1.0)}

    def formula(self, xp: Any, x: Any, state: State) -> Any:
        """Scaled values."""
        return (x - state["shift"]) / state["width"]

    def frame(self, frame: nw.LazyFrame, given: Given, state: State) -> nw.LazyFrame:
        """The same on an engine."""
        numbers = zip(parts(given, self.columns), state["shift"].tolist(), state["width"].tolist(), strict=True)
        return frame.with_columns(*[(nw.col(name) - shift) / width for name, shift, width in numbers])


def _refuse_empty(names: Sequence[str], extremes: Extremes) -> None:
    empty = [name for name, low, high in zip(names, extremes.low, extremes.high, strict=True) if low > high]
    if empty:
        raise InputError(f"columns {empty} are empty in all training rows: leave them out, or impute them first")


@final
@dataclass(frozen=True)
class Log:
    """log(1 + x) per column, for amounts with a long tail; values of -1 and less become missing.

    Args:
        columns: columns of numbers, replaced.
    """

    name: ClassVar[str] = "log1p"
    version: ClassVar[int] = 1
    takes: ClassVar[tuple[Role, ...]] = ("number",)
    columns: tuple[str, ...]

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
        """Logarithms."""
        return xp.log1p(xp.where(x > -1, x, math.nan))

    def frame(self, frame: nw.LazyFrame, given: Given, state: State) -> nw.LazyFrame:
        """The same on an engine; exact for small x as well, where log(1 + x) alone is not."""
        made: list[nw.Expr] = []
        for name in parts(given, self.columns):
            x, more = nw.col(name), nw.col(name) + 1.0
            ratio = nw.when(more != 1.0).then(x / (more - 1.0)).otherwise(nw.lit(1.0))
            logs = nw.when(more != 1.0).then(more.log()).otherwise(x)
            made.append(nw.when(x > -1.0).then(logs * ratio).alias(name))
        return frame.with_columns(*made)
