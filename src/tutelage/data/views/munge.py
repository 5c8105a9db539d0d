"""MUNGE: attributes exchanged with the nearest row."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, final

import numpy as np

from ...core import Columns, InputError
from .attributes import Attributes
from .chance import Draw
from .partners import learnt

MOST_WORDS = 100
"""Columns with more different texts do not count in the distance between rows."""


@final
@dataclass(frozen=True)
class Munge:
    """Each attribute exchanged, with a probability, with the one of the nearest training row.

    Bucilă, Caruana and Niculescu-Mizil 2006. Text, truth values and whole numbers are taken over; a number with
    fractions is drawn from a normal around the neighbour's, whose standard deviation is their difference divided by
    `sharpness`. Rows are near by the Euclidean distance of standardised numbers, where different texts are 1 apart; the
    neighbour of a row stays the same in all views. The new row has no label.

    Args:
        columns: numbers, truth values or text, of any shape.
        probability: of each attribute, in (0, 1].
        sharpness: `s` of the paper, above 0; the larger, the nearer to the neighbour's number.

    Raises:
        InputError: a setting is out of range; a column holds something else; fewer than two training rows.
    """

    columns: tuple[str, ...]
    probability: float = 0.5
    sharpness: float = 1.0
    keeps_label = False
    source = "bucila2006"

    def __post_init__(self) -> None:
        if not 0 < self.probability <= 1 or not self.sharpness > 0:
            raise InputError(
                f"Munge needs a probability in (0, 1] and a sharpness above 0, got {self.probability}, {self.sharpness}"
            )

    def fitted(self, columns: Columns, train: np.ndarray) -> Munging:
        """Itself with the training rows as neighbours."""
        if len(train) < 2:
            raise InputError(
                f"Munge needs at least two training rows, of which one is near the other; got {len(train)}"
            )
        attributes = Attributes.of(columns, train, "Munge")
        return Munging(self, columns, train, attributes, learnt(self, columns, train))


@final
@dataclass(frozen=True)
class Munging:
    """`Munge` that knows its table."""

    asked: Munge
    table: Columns = field(repr=False)
    train: np.ndarray = field(repr=False)
    attributes: Attributes = field(repr=False)
    fingerprint: str

    def __call__(self, given: Columns, row: np.ndarray, draw: Draw) -> dict[str, np.ndarray]:
        """See `Applied`."""
        count = len(self.attributes.numeric)
        near = self.neighbours(row)
        chosen = np.where(draw.uniform(count) < self.asked.probability, near[:, None], -1)
        found = self.attributes.taken(given, self.table, chosen)
        noise = draw.normal(count, stream=1)
        for name, part in self.attributes.parts.items():
            blurred = (self.attributes.smooth[part] & (chosen[:, part] >= 0)).reshape(found[name].shape)
            if blurred.any():
                apart = np.abs(found[name] - given[name]) / self.asked.sharpness
                moved = found[name] + noise[:, part].reshape(apart.shape) * apart
                found[name] = np.where(blurred & np.isfinite(moved), moved, found[name]).astype(given[name].dtype)
        return found

    def neighbours(self, row: np.ndarray) -> np.ndarray:
        """The nearest training row of each row, int64 [B], by what both are in the table."""
        place = np.searchsorted(self.train, row).clip(0, len(self.train) - 1)
        known = self.train[place] == row
        found = self._own[place]
        if not known.all():
            found[~known] = self._nearest(row[~known], 1)[:, 0]
        return found

    @cached_property
    def _own(self) -> np.ndarray:
        """The nearest other training row of each training row."""
        found = self._nearest(self.train, 2)
        return np.where(found[:, 0] == self.train, found[:, 1], found[:, 0])

    def _nearest(self, row: np.ndarray, count: int) -> np.ndarray:
        return self.train[self._index.kneighbors(self._position(row), count, return_distance=False)]

    @cached_property
    def _index(self) -> Any:
        from sklearn.neighbors import NearestNeighbors

        return NearestNeighbors().fit(self._position(self.train))

    def _position(self, row: np.ndarray) -> np.ndarray:
        """Where rows lie, float64 [B, coordinates]."""
        own = self.attributes
        found = own.filled({name: self.table[name][row] for name in own.parts})
        parts = [found[:, part] / own.scale[part] for name, part in own.parts.items() if name not in own.words]
        for name, words in own.words.items():
            if len(words) <= MOST_WORDS:
                parts.append((found[:, own.parts[name]] == np.arange(len(words))) / np.sqrt(2))
        return np.concatenate([np.zeros((len(row), 1)), *parts], axis=1)
