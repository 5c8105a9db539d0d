"""What training columns looked like, to tell at serving how far new rows are from them. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

import narwhals.stable.v2 as nw
import numpy as np

from ...core import InputError
from ..shift import stability
from ..sketch import Counts, Quantiles
from .step import Column, Given, Kind, Role, State, Summaries, check_columns


@final
@dataclass(frozen=True)
class Profile:
    """Remembers how the values of columns are spread over training rows; `FittedRecipe.drift` and `unseen` use it.

    Args:
        columns: columns of numbers or text, as they are at this place of the recipe.
        bins: numbers are compared by their share between quantiles.
        most: of text, so many values are remembered, the most frequent ones.

    Raises:
        InputError: a setting is out of range.
    """

    name: ClassVar[str] = "profile"
    version: ClassVar[int] = 1
    takes: ClassVar[tuple[Role, ...]] = ("number", "text")
    columns: tuple[str, ...]
    bins: int = 10
    most: int = 1000

    def __post_init__(self) -> None:
        check_columns(self, self.columns)
        if self.bins < 2 or self.most < 1:
            raise InputError(f"{self}: bins are at least 2, most at least 1")

    @property
    def kind(self) -> Kind:
        """Bounded: quantiles."""
        return "bounded"

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns."""
        return self.columns

    @property
    def writes(self) -> tuple[str, ...]:
        """Nothing."""
        return ()

    @property
    def learns_from(self) -> tuple[str, ...]:
        """Nothing else."""
        return ()

    def made(self, given: Given, state: State) -> dict[str, Column]:
        """Nothing."""
        return {}

    def observe(self, given: Given, columns: Sequence[np.ndarray], row: np.ndarray) -> Summaries:
        """Quantiles or counts, and the number of rows."""
        found: dict[str, Quantiles | Counts] = {"": Counts({"": len(row)}, len(row), 0, 1)}
        for name, column in zip(self.columns, columns, strict=True):
            number = given[name].role == "number"
            found[name] = Quantiles.of(column) if number else Counts.of(column.tolist())
        return found

    def learn(self, given: Given, summaries: Summaries) -> State:
        """Per column its inner quantiles or its values, and the share of rows in each bin or with each value."""
        rows, found = summaries[""], dict[str, Any]()
        assert isinstance(rows, Counts)
        for name in self.columns:
            part = summaries[name]
            if isinstance(part, Quantiles):
                shares = np.linspace(0, 1, self.bins + 1)[1:-1]
                edges = np.unique(part.at(shares)) if part.count else np.zeros(0)
                below = np.concatenate([[0.0], part.below(edges), [1.0 if part.count else 0.0]])
                found[name] = {"edges": edges, "shares": np.diff(below)}
            elif isinstance(part, Counts):
                ranked = part.ranked()[: self.most]
                shares = np.array([count for _, count in ranked], dtype=np.float64) / max(rows.total, 1)
                found[name] = {"values": [value for value, _ in ranked], "shares": shares}
        return found

    def arrays(self, given: Given, state: State) -> Callable[..., tuple[np.ndarray, ...]]:
        """In NumPy: nothing."""
        return lambda *columns: ()

    def module(self, given: Given, state: State) -> None:
        """There is none: it is not needed."""

    def frame(self, frame: nw.LazyFrame, given: Given, state: State) -> nw.LazyFrame:
        """On an engine: nothing."""
        return frame

    def drift(self, state: State, columns: Mapping[str, np.ndarray]) -> dict[str, float]:
        """Population stability index of each column against the training rows; 0.25 and more is a large shift."""
        found: dict[str, float] = {}
        for name, column in columns.items():
            was = state[name]["shares"]
            if "edges" in state[name]:
                values = column[~np.isnan(column)]
                place = np.searchsorted(state[name]["edges"], values, side="right")
                now = np.bincount(place, minlength=len(was)) / max(len(values), 1)
            else:
                counts = Counts.of(column.tolist()).counts
                now = np.array([counts.get(value, 0) for value in state[name]["values"]]) / max(len(column), 1)
                was, now = (np.append(part, max(0.0, 1 - part.sum())) for part in (was, now))
            found[name] = stability(was, now)
        return found

    def unseen(self, state: State, columns: Mapping[str, np.ndarray]) -> dict[str, int]:
        """Rows per column of text whose value is not remembered; missing values are not counted."""
        found: dict[str, int] = {}
        for name, column in columns.items():
            if "values" in state[name]:
                counts = Counts.of(column.tolist())
                found[name] = counts.total - sum(counts.counts.get(value, 0) for value in state[name]["values"])
        return {name: count for name, count in found.items() if count}
