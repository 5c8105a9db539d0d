"""Contrast: images that are flat, or glaring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from ...core import Columns, InputError
from .arrays import plane
from .chance import Draw
from .noise import into


@final
@dataclass(frozen=True)
class Contrast:
    """Images whose pixels are moved towards their mean, or away from it, and made lighter or darker.

    Contrast and brightness of Hendrycks and Dietterich 2019. The label stays. Bytes keep to their range; floats do not.

    Args:
        columns: images [N, H, W], [N, H, W, C] or [N, C, H, W].
        factor: by which the distance to the mean of the image is multiplied; 1 changes nothing.
        shift: added to every pixel, in the units of the columns.

    Raises:
        InputError: the factor is negative or not finite, or nothing would change; a column holds no images.
    """

    columns: tuple[str, ...]
    factor: float = 0.4
    shift: float = 0.0
    keeps_label = True
    source = "hendrycks2019"

    def __post_init__(self) -> None:
        if not (0 <= self.factor < np.inf and np.isfinite(self.shift)) or (self.factor, self.shift) == (1, 0):
            raise InputError(
                f"Contrast needs a finite factor from 0 on and a finite shift that change something, got {self.factor} "
                f"and {self.shift}"
            )

    @property
    def fingerprint(self) -> str:
        """Its settings."""
        return repr(self)

    def fitted(self, columns: Columns, train: np.ndarray) -> Contrast:
        """Itself; it learns nothing."""
        for name, column in columns.items():
            plane(column, "Contrast", name)
        return self

    def __call__(self, given: Columns, row: np.ndarray, draw: Draw) -> dict[str, np.ndarray]:
        """See `Applied`."""
        found: dict[str, np.ndarray] = {}
        for name, image in given.items():
            mean = image.mean(tuple(range(1, image.ndim)), keepdims=True, dtype=np.float64)
            found[name] = into(mean + self.factor * (image - mean) + self.shift, image.dtype)
        return found
