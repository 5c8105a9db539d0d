"""Noise: numbers with something random added."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from ...core import Columns, InputError
from .arrays import check_numbers
from .chance import Draw


@final
@dataclass(frozen=True)
class Noise:
    """Normal noise added to every number of a row; whole numbers are rounded and keep to the range of their type.

    The Gaussian noise of Hendrycks and Dietterich 2019. The label stays.

    Args:
        columns: numbers [N, ...], images or tables.
        scale: standard deviation, in the units of the columns: 26 is about a tenth of the range of bytes.

    Raises:
        InputError: the scale is not positive and finite; a column holds no numbers.
    """

    columns: tuple[str, ...]
    scale: float
    keeps_label = True
    source = "hendrycks2019"

    def __post_init__(self) -> None:
        if not 0 < self.scale < np.inf:
            raise InputError(f"Noise needs a positive, finite scale, got {self.scale}")

    @property
    def fingerprint(self) -> str:
        """Its settings."""
        return repr(self)

    def fitted(self, columns: Columns, train: np.ndarray) -> Noise:
        """Itself; it learns nothing."""
        for name, column in columns.items():
            check_numbers(column, "Noise", name, kinds="fiu")
        return self

    def __call__(self, given: Columns, row: np.ndarray, draw: Draw) -> dict[str, np.ndarray]:
        """See `Applied`."""
        found: dict[str, np.ndarray] = {}
        for stream, (name, column) in enumerate(given.items()):
            found[name] = into(column + self.scale * draw.normal(*column.shape[1:], stream=stream), column.dtype)
        return found


def into(numbers: np.ndarray, kind: np.dtype) -> np.ndarray:
    """The numbers in this type; whole numbers are rounded and keep to its range."""
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        numbers = np.clip(np.rint(numbers), limits.min, limits.max)
    return numbers.astype(kind)
