"""Outliers: values far off are clipped or count as missing; rows far off leave the training rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

import narwhals.stable.v2 as nw
import numpy as np

from ...core import InputError, require
from ..sketch import Moments, Quantiles
from .step import Column, Given, Kind, Role, State, Summaries, check_columns, no_frame, parts


@final
@dataclass(frozen=True)
class Clip:
    """Values outside limits that the training rows set become the limit, or missing.

    Args:
        columns: columns of numbers, replaced.
        how: `iqr` (quartiles ∓ `by` times their distance), `z-score` (mean ∓ `by` standard deviations) or `quantile`
            (the values below and above which a share `by` of the rows lies).
        by: how far; usual are 1.5, 3.0 and 0.01.
        missing: whether values outside count as missing, instead of being moved to the limit.

    Raises:
        InputError: a setting is out of range.
    """

    name: ClassVar[str] = "clip"
    version: ClassVar[int] = 1
    takes: ClassVar[tuple[Role, ...]] = ("number",)
    columns: tuple[str, ...]
    how: Literal["iqr", "z-score", "quantile"] = "iqr"
    by: float = 1.5
    missing: bool = False

    def __post_init__(self) -> None:
        check_columns(self, self.columns)
        if self.how not in ("iqr", "z-score", "quantile") or self.by < 0 or (self.how == "quantile" and self.by >= 0.5):
            raise InputError(
                f"clip by {self.how!r}, {self.by}: iqr, z-score (by at least 0) or quantile (by from 0 to below 0.5)"
            )

    @property
    def kind(self) -> Kind:
        """Exact for z-scores, else bounded."""
        return "exact" if self.how == "z-score" else "bounded"

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
        """Moments or quantiles."""
        if self.how == "z-score":
            return {"all": Moments.of(columns[0])}
        names = parts(given, self.columns)
        return {name: Quantiles.of(columns[0][:, place]) for place, name in enumerate(names)}

    def learn(self, given: Given, summaries: Summaries) -> State:
        """`low` and `high`, float64 [K].

        Raises:
            InputError: a column has no value in any training row.
        """
        if self.how == "z-score":
            moments = summaries["all"]
            assert isinstance(moments, Moments)
            if not moments.count.all():
                raise InputError(f"one of the columns {parts(given, self.columns)} is empty in all training rows")
            width = self.by * np.sqrt(moments.variance)
            return {"low": moments.mean - width, "high": moments.mean + width}
        shares = np.array([0.25, 0.75] if self.how == "iqr" else [self.by, 1 - self.by])
        levels: list[Any] = [summaries[name] for name in parts(given, self.columns)]
        low, high = np.array([level.at(shares) for level in levels]).T
        width = self.by * (high - low) if self.how == "iqr" else np.zeros(len(levels))
        return {"low": low - width, "high": high + width}

    def formula(self, xp: Any, x: Any, state: State) -> Any:
        """Values within the limits."""
        if self.missing:
            return xp.where((x < state["low"]) | (x > state["high"]), xp.full_like(x, np.nan), x)
        return xp.minimum(xp.maximum(x, state["low"]), state["high"])

    def frame(self, frame: nw.LazyFrame, given: Given, state: State) -> nw.LazyFrame:
        """On an engine."""
        names, made = parts(given, self.columns), list[nw.Expr]()
        for name, low, high in zip(names, state["low"].tolist(), state["high"].tolist(), strict=True):
            x = nw.col(name)
            moved = x.clip(low, high)
            made.append(nw.when((x >= low) & (x <= high)).then(x).alias(name) if self.missing else moved)
        return frame.with_columns(*made)


@final
@dataclass(frozen=True)
class Isolation:
    """Training rows that an isolation forest sets apart most easily are dropped (extra `sklearn`).

    Liu, Ting and Zhou 2008. Missing values count as the column's median.

    Args:
        columns: columns of numbers that it looks at.
        share: of training rows that are dropped.
        trees: of the forest.
        seed: of the forest.

    Raises:
        InputError: the share is not between 0 and 0.5.
    """

    name: ClassVar[str] = "isolation"
    version: ClassVar[int] = 1
    takes: ClassVar[tuple[Role, ...]] = ("number",)
    columns: tuple[str, ...]
    share: float = 0.01
    trees: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        check_columns(self, self.columns)
        if not 0 < self.share < 0.5:
            raise InputError(f"the share of dropped rows has to be between 0 and 0.5, got {self.share}")

    @property
    def kind(self) -> Kind:
        """Training-only."""
        return "training-only"

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns."""
        return self.columns

    @property
    def writes(self) -> tuple[str, ...]:
        """Nothing."""
        return ()

    def made(self, given: Given, state: State) -> dict[str, Column]:
        """Nothing."""
        return {}

    def frame(self, frame: nw.LazyFrame, given: Given, state: State) -> nw.LazyFrame:
        """There is none."""
        raise no_frame(self)

    def keep(self, given: Given, columns: Sequence[np.ndarray]) -> np.ndarray:
        """All but the share of rows with the lowest scores.

        Raises:
            MissingExtraError: scikit-learn is not installed.
        """
        ensemble = require("sklearn.ensemble", extra="sklearn", why="drop outliers by an isolation forest")
        x = np.column_stack([np.asarray(column, dtype=np.float64) for column in columns])
        there = np.isfinite(x)
        for place in range(x.shape[1]):
            known = x[there[:, place], place]
            x[~there[:, place], place] = np.median(known) if len(known) else 0.0
        forest = ensemble.IsolationForest(n_estimators=self.trees, random_state=self.seed).fit(x)
        scores = forest.score_samples(x)
        keep = np.ones(len(x), dtype=np.bool_)
        keep[np.argsort(scores, kind="stable")[: round(self.share * len(x))]] = False
        return keep
