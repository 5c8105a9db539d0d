"""Stretches: sound spoken faster or slower, by longer or shorter vocal tracts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from ...core import Columns, InputError
from .arrays import check_numbers
from .chance import Draw


@final
@dataclass(frozen=True)
class Stretch:
    """Spectrograms stretched or squeezed along both axes by random factors, all columns of a row alike.

    Along frequency as in vocal tract length perturbation (Jaitly and Hinton 2013), from the lowest band on, here with
    one factor for all bands; along time from the middle on. Between places linearly. The label stays.

    Args:
        columns: spectrograms [N, time, frequency] of numbers with fractions; 0 is silence, which comes in at the ends.
        time: the factor is e to the power of any number between -time and time.
        frequency: likewise; the highest band is repeated where bands beyond it are asked for.

    Raises:
        InputError: time or frequency is not in [0, 1], or both are 0; a column holds no spectrograms.
    """

    columns: tuple[str, ...]
    time: float = 0.2
    frequency: float = 0.1
    keeps_label = True
    source = ""

    def __post_init__(self) -> None:
        if not (0 <= self.time <= 1 and 0 <= self.frequency <= 1 and self.time + self.frequency > 0):
            raise InputError(
                f"Stretch needs time and frequency in [0, 1], one of them positive, got {self.time}, {self.frequency}"
            )

    @property
    def fingerprint(self) -> str:
        """Its settings."""
        return repr(self)

    def fitted(self, columns: Columns, train: np.ndarray) -> Stretch:
        """Itself; it learns nothing."""
        for name, column in columns.items():
            check_numbers(column, "Stretch", name, kinds="f")
            if column.ndim != 3:
                raise InputError(
                    f"Stretch needs spectrograms [N, time, frequency]; column {name!r} has shape {list(column.shape)}"
                )
        return self

    def __call__(self, given: Columns, row: np.ndarray, draw: Draw) -> dict[str, np.ndarray]:
        """See `Applied`."""
        chance = 2 * draw.uniform(2) - 1
        slower, higher = np.exp(self.time * chance[:, 0]), np.exp(self.frequency * chance[:, 1])
        return {name: _stretched(column, slower, higher) for name, column in given.items()}


def _stretched(column: np.ndarray, slower: np.ndarray, higher: np.ndarray) -> np.ndarray:
    """The column [B, time, frequency] whose places come from others, slower [B] and higher [B] times nearer."""
    frames, bands = column.shape[1:]
    middle = (frames - 1) / 2
    time = middle + (np.arange(frames) - middle) / slower[:, None]
    there = (time >= 0) & (time <= frames - 1)
    found = _between(column, np.clip(time, 0, frames - 1)) * there[:, :, None]
    band = np.minimum(np.arange(bands) / higher[:, None], bands - 1)
    return _between(found.transpose(0, 2, 1), band).transpose(0, 2, 1).astype(column.dtype)


def _between(column: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Values of [B, size, ...] at these places [B, places] of the second axis."""
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, column.shape[1] - 1)
    share = (place - low)[:, :, None]
    number = np.arange(len(column))[:, None]
    return column[number, low] * (1 - share) + column[number, high] * share
