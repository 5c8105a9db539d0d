"""Preparation of a table: from raw columns to one feature matrix, fitted on training rows, replayed anywhere.

Numbers: missing values become the median, then (x - mean) / spread, with one more column that says
"was missing" where training rows had gaps. Categories: one column per value seen in training rows; other values
give all zeros and are counted. Nothing is pickled: the whole state is JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..core import Columns, InputError
from ..core.names import class_name
from .shift import stability

MOST_CATEGORIES = 100
DRIFT_BINS = 10


@dataclass(frozen=True)
class Number:
    """How one numeric column is prepared.

    Attributes:
        fill: median of the training rows, for missing values.
        mean: after filling.
        spread: standard deviation after filling; 1 for a constant column.
        gaps: whether training rows had missing values.
        edges: inner decile edges of the training rows, for drift.
        shares: share of training rows in each bin.
    """

    name: str
    fill: float
    mean: float
    spread: float
    gaps: bool
    edges: tuple[float, ...]
    shares: tuple[float, ...]


@dataclass(frozen=True)
class Category:
    """How one categorical column is prepared: its values in training rows and their shares."""

    name: str
    values: tuple[str, ...]
    shares: tuple[float, ...]


@dataclass(frozen=True)
class TablePreparation:
    """The fitted preparation of a table; see the module."""

    numbers: tuple[Number, ...]
    categories: tuple[Category, ...]
    left_out: Mapping[str, str]
    output: str = "features"

    @property
    def reads(self) -> tuple[str, ...]:
        """Raw columns it needs."""
        return tuple(part.name for part in (*self.numbers, *self.categories))

    @property
    def width(self) -> int:
        """Number of features."""
        return sum(2 if n.gaps else 1 for n in self.numbers) + sum(len(c.values) for c in self.categories)

    def apply(self, columns: Columns) -> dict[str, np.ndarray]:
        """The feature matrix, float32 [N, F], under the name `output`.

        Raises:
            InputError: a column is missing or holds text where numbers were.
        """
        missing = [name for name in self.reads if name not in columns]
        if missing:
            raise InputError(f"columns {missing} are missing; the student was trained on {list(self.reads)}")
        parts: list[np.ndarray] = []
        for number in self.numbers:
            values = as_numbers(number.name, columns[number.name])
            gap = ~np.isfinite(values)
            filled = np.where(gap, number.fill, values)
            parts.append(((filled - number.mean) / number.spread)[:, None])
            if number.gaps:
                parts.append(gap[:, None].astype(float))
        for category in self.categories:
            parts.append(as_words(columns[category.name])[:, None] == np.array(category.values, dtype=object)[None, :])
        return {self.output: np.concatenate(parts, axis=1).astype(np.float32)}

    def unseen(self, columns: Columns) -> dict[str, int]:
        """Rows per categorical column whose value no training row had (missing values not counted)."""
        found: dict[str, int] = {}
        for category in self.categories:
            words = as_words(columns[category.name])
            strange = ~np.isin(words, np.array([*category.values, ""], dtype=object))
            if strange.any():
                found[category.name] = int(strange.sum())
        return found

    def drift(self, columns: Columns) -> dict[str, float]:
        """Population stability index per column against the training rows; 0.25 and more is a large shift."""
        found: dict[str, float] = {}
        for number in self.numbers:
            values = as_numbers(number.name, columns[number.name])
            values = values[np.isfinite(values)]
            place = np.searchsorted(np.array(number.edges), values, side="right")
            now = np.bincount(place, minlength=len(number.shares)) / max(len(values), 1)
            found[number.name] = stability(np.array(number.shares), now)
        for category in self.categories:
            words = as_words(columns[category.name])
            now = np.array([np.mean(words == value) for value in category.values])
            was, is_now = np.array(category.shares), now
            rest = np.array([max(0.0, 1 - was.sum())]), np.array([max(0.0, 1 - is_now.sum())])
            found[category.name] = stability(np.concatenate([was, rest[0]]), np.concatenate([is_now, rest[1]]))
        return found

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {"kind": "table", **asdict(self), "left_out": dict(self.left_out)}

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> TablePreparation:
        """The preparation written by `to_json`."""
        numbers = tuple(
            Number(**(n | {"edges": tuple(n["edges"]), "shares": tuple(n["shares"])})) for n in value["numbers"]
        )
        categories = tuple(Category(c["name"], tuple(c["values"]), tuple(c["shares"])) for c in value["categories"])
        return TablePreparation(numbers, categories, value["left_out"], value["output"])


def fit_table(columns: Columns, train: np.ndarray, names: Sequence[str] | None = None) -> TablePreparation:
    """A preparation fitted on training rows only.

    Columns that cannot help are left out, with the reason: constants, and text that never repeats or has more
    than `MOST_CATEGORIES` different values (identifiers, free text).

    Raises:
        InputError: nothing is left.
    """
    numbers: list[Number] = []
    categories: list[Category] = []
    left_out: dict[str, str] = {}
    for name in names if names is not None else columns:
        column = columns[name]
        if column.ndim != 1:
            left_out[name] = f"has shape {column.shape[1:]} per row"
        elif column.dtype.kind in "fiub":
            _fit_number(name, as_numbers(name, column)[train], numbers, left_out)
        else:
            _fit_category(name, as_words(column)[train], categories, left_out)
    if not numbers and not categories:
        raise InputError(f"no column can be used as a feature: {left_out}")
    output = "features"
    while output in columns:
        output += "_"
    return TablePreparation(tuple(numbers), tuple(categories), left_out, output)


def as_numbers(name: str, column: np.ndarray) -> np.ndarray:
    """float64 [N]; None, "" and NaN are missing.

    Raises:
        InputError: a value is no number; names the row and the value.
    """
    if column.dtype.kind in "fiub":
        return column.astype(np.float64)
    found = np.empty(len(column), dtype=np.float64)
    for place, value in enumerate(column.tolist()):
        try:
            found[place] = np.nan if value is None or value == "" else float(value)
        except (TypeError, ValueError) as error:
            raise InputError(
                f"column {name!r}, row {place}: {value!r} is no number, training rows had numbers"
            ) from error
    return found


def as_words(column: np.ndarray) -> np.ndarray:
    """object [N] of strings; missing values are "", whole numbers have no ".0", whatever a file's gaps made of them."""
    return np.array([class_name(value) or "" for value in column.tolist()], dtype=object)


def _fit_number(name: str, values: np.ndarray, numbers: list[Number], left_out: dict[str, str]) -> None:
    finite = values[np.isfinite(values)]
    if not len(finite):
        left_out[name] = "is empty in all training rows"
        return
    fill = float(np.median(finite))
    filled = np.where(np.isfinite(values), values, fill)
    gaps = len(finite) < len(values)
    if not gaps and finite.min() == finite.max():
        left_out[name] = f"is {fill:g} in all training rows"
        return
    edges = np.unique(np.quantile(finite, np.linspace(0, 1, DRIFT_BINS + 1)[1:-1]))
    shares = np.bincount(np.searchsorted(edges, finite, side="right"), minlength=len(edges) + 1) / len(finite)
    spread = float(filled.std()) if finite.min() < finite.max() else 1.0
    bins = (tuple(edges.tolist()), tuple(shares.tolist()))
    numbers.append(Number(name, fill, float(filled.mean()), spread, gaps, *bins))


def _fit_category(name: str, words: np.ndarray, categories: list[Category], left_out: dict[str, str]) -> None:
    values, counts = np.unique(words[words != ""].astype(str), return_counts=True)
    if len(values) == 0:
        left_out[name] = "is empty in all training rows"
    elif len(values) > 2 and counts.max() == 1:
        left_out[name] = "is another text in every training row"
    elif len(values) > MOST_CATEGORIES:
        left_out[name] = f"is text with {len(values)} different values"
    elif len(values) == 1 and counts[0] == len(words):
        left_out[name] = f"is {values.tolist()[0]!r} in all training rows"
    else:
        categories.append(Category(name, tuple(values.tolist()), tuple((counts / len(words)).tolist())))
