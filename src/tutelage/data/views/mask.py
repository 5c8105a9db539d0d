"""Masks: stretches of time or frequency that are hidden."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from ...core import Columns, InputError
from .arrays import check_numbers
from .chance import Draw


@final
@dataclass(frozen=True)
class Mask:
    """Stretches of one axis hidden, all columns of a row alike; one step for time and one for frequency.

    SpecAugment of Park et al. 2019, without its time warping. The label stays.

    Args:
        columns: numbers [N, ..., size, ...] such as spectrograms [N, time, frequency] or waves [N, time].
        axis: which axis behind that of the rows, from 1 on.
        width: each stretch takes 0 .. width places, any number alike; below the size of the axis.
        count: number of stretches; they may overlap.
        fill: what is written there; None takes the mean of the row.

    Raises:
        InputError: width or count is below 1; a column has no such axis, holds no numbers, or is too small for width.
    """

    columns: tuple[str, ...]
    axis: int
    width: int
    count: int = 1
    fill: float | None = 0.0
    keeps_label = True
    source = "park2019b"

    def __post_init__(self) -> None:
        if min(self.axis, self.width, self.count) < 1:
            raise InputError(
                f"Mask needs axis, width and count of at least 1, got {self.axis}, {self.width}, {self.count}"
            )

    @property
    def fingerprint(self) -> str:
        """Its settings."""
        return repr(self)

    def fitted(self, columns: Columns, train: np.ndarray) -> Mask:
        """Itself; it learns nothing."""
        sizes = set[int]()
        for name, column in columns.items():
            check_numbers(column, "Mask", name, kinds="fiu")
            if column.ndim <= self.axis or column.shape[self.axis] <= self.width:
                raise InputError(
                    f"Mask(axis={self.axis}, width={self.width}) needs more than {self.width} places along that axis; "
                    f"column {name!r} has shape {list(column.shape)}"
                )
            sizes.add(column.shape[self.axis])
        if len(sizes) > 1:
            raise InputError(
                f"Mask hides the same places of all its columns, of sizes {sorted(sizes)}: one step for each"
            )
        return self

    def __call__(self, given: Columns, row: np.ndarray, draw: Draw) -> dict[str, np.ndarray]:
        """See `Applied`."""
        size = next(iter(given.values())).shape[self.axis]
        width = draw.below(self.width + 1, self.count)
        start = (draw.uniform(self.count, stream=1) * (size - width + 1)).astype(np.int64)
        at = np.arange(size)
        hidden = ((at >= start[..., None]) & (at < (start + width)[..., None])).any(1)
        return {name: self._hidden(column, hidden) for name, column in given.items()}

    def _hidden(self, column: np.ndarray, hidden: np.ndarray) -> np.ndarray:
        shape = [1] * column.ndim
        shape[0], shape[self.axis] = hidden.shape
        mean = column.mean(tuple(range(1, column.ndim)), keepdims=True) if self.fill is None else self.fill
        return np.where(hidden.reshape(shape), mean, column).astype(column.dtype)
