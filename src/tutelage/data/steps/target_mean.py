"""Categories to the mean of a target, out of fold within the training rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

import narwhals.stable.v2 as nw
import numpy as np

from ...core import InputError
from ..hashed import golden, mixed
from ..sketch import Sums
from .lookup import look_up
from .step import Column, Given, Kind, Role, State, Summaries, check_columns, plain


@final
@dataclass(frozen=True)
class TargetMean:
    """Each value becomes the mean of the target over training rows with that value, drawn to the overall mean.

    A training row gets the mean over the *other* folds, so that its own target does not reach its features; all other
    rows get the mean over all training rows. (sum + smoothing * overall mean) / (rows + smoothing), as Micci-Barreca
    2001 does; missing and unseen values get the overall mean.

    Args:
        columns: columns of text or numbers, which stay; written as `<column>_target`.
        target: a column of numbers, needed for fitting only.
        smoothing: so many rows' worth of the overall mean.
        folds: of the training rows, by their row number.
        seed: of the folds.

    Raises:
        InputError: a setting is out of range.
    """

    name: ClassVar[str] = "target-mean"
    version: ClassVar[int] = 1
    takes: ClassVar[tuple[Role, ...]] = ("text", "number")
    columns: tuple[str, ...]
    target: str
    smoothing: float = 20.0
    folds: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        check_columns(self, self.columns)
        if self.smoothing <= 0 or not 2 <= self.folds <= 1000 or self.target in self.columns:
            raise InputError(f"{self}: smoothing is over 0, folds are 2 to 1000, the target is another column")

    @property
    def kind(self) -> Kind:
        """Exact, to rounding."""
        return "exact"

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns."""
        return self.columns

    @property
    def writes(self) -> tuple[str, ...]:
        """One each."""
        return tuple(f"{name}_target" for name in self.columns)

    @property
    def learns_from(self) -> tuple[str, ...]:
        """The target."""
        return (self.target,)

    def made(self, given: Given, state: State) -> dict[str, Column]:
        """Numbers."""
        return plain(self.writes)

    def observe(self, given: Given, columns: Sequence[np.ndarray], row: np.ndarray) -> Summaries:
        """Rows and sums of the target per value and fold."""
        *values, target = columns
        known = ~np.isnan(np.asarray(target, dtype=np.float64))
        fold = fold_of(row, self.folds, self.seed)
        return {
            name: Sums.of(column[known].tolist(), target[known], fold[known], self.folds)
            for name, column in zip(self.columns, values, strict=True)
        }

    def learn(self, given: Given, summaries: Summaries) -> State:
        """Per column its values, and rows and sums per fold, float64 [V + 1, folds], the last for all rows together.

        Raises:
            InputError: no training row has a target.
        """
        found: dict[str, Any] = {}
        for name in self.columns:
            part = summaries[name]
            assert isinstance(part, Sums)
            keys = sorted((key for key in part.groups if key is not None), key=lambda key: (str(type(key)), key))
            everything = sum(part.groups.values(), np.zeros((2, self.folds)))
            if not everything[0].sum():
                raise InputError(f"no training row has a target {self.target!r}: target-mean cannot learn")
            stacked = np.stack([*(part.groups[key] for key in keys), everything])
            found[name] = {"values": keys, "rows": stacked[:, 0], "sums": stacked[:, 1]}
        return found

    def arrays(self, given: Given, state: State) -> Callable[..., tuple[np.ndarray, ...]]:
        """In NumPy, for rows outside training."""
        tables = [self._table(state[name]) for name in self.columns]

        def run(*columns: np.ndarray) -> tuple[np.ndarray, ...]:
            pairs = zip(columns, tables, strict=True)
            return tuple(
                np.array([table.get(value, rest) for value in column.tolist()], dtype=np.float64)
                for column, (table, rest) in pairs
            )

        return run

    def training(self, given: Given, state: State) -> Callable[..., tuple[np.ndarray, ...]]:
        """In NumPy, for training rows: from the other folds."""

        def run(row: np.ndarray, *columns: np.ndarray) -> tuple[np.ndarray, ...]:
            fold = fold_of(row, self.folds, self.seed)
            return tuple(
                self._out_of_fold(state[name], column, fold) for name, column in zip(self.columns, columns, strict=True)
            )

        return run

    def module(self, given: Given, state: State) -> None:
        """There is none: an exported net begins at these numbers."""

    def frame(self, frame: nw.LazyFrame, given: Given, state: State) -> nw.LazyFrame:
        """On an engine, for rows outside training."""
        for name, into in zip(self.columns, self.writes, strict=True):
            table, rest = self._table(state[name])
            frame = look_up(frame, name, list(table), list(table.values()), into)
            frame = frame.with_columns(nw.col(into).fill_null(rest))
        return frame

    def _table(self, state: Mapping[str, Any]) -> tuple[dict[Any, float], float]:
        rows, sums = state["rows"].sum(1), state["sums"].sum(1)
        mean = float(sums[-1] / rows[-1])
        means = (sums[:-1] + self.smoothing * mean) / (rows[:-1] + self.smoothing)
        return dict(zip(state["values"], means.tolist(), strict=True)), mean

    def _out_of_fold(self, state: Mapping[str, Any], column: np.ndarray, fold: np.ndarray) -> np.ndarray:
        rows = state["rows"].sum(1, keepdims=True) - state["rows"]
        sums = state["sums"].sum(1, keepdims=True) - state["sums"]
        mean = np.divide(sums[-1], rows[-1], out=np.zeros(self.folds), where=rows[-1] > 0)
        rows[-1], sums[-1] = 0.0, 0.0
        means = (sums + self.smoothing * mean) / (rows + self.smoothing)
        place = {value: number for number, value in enumerate(state["values"])}
        rest = len(place)
        return means[[place.get(value, rest) for value in column.tolist()], fold]


def fold_of(row: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """The fold of each row number, int64 [N]: a hash, so that it depends on nothing else."""
    state = row.astype(np.uint64) + golden(seed + 1)
    return (mixed(state) % np.uint64(folds)).astype(np.int64)
