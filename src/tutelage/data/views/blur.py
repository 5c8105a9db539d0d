"""Blur: images out of focus."""

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
class Blur:
    """Images out of focus: each pixel is the mean of those around it, weighted by a normal curve.

    The Gaussian blur of Hendrycks and Dietterich 2019. The label stays. At the border the last pixel goes on.

    Args:
        columns: images [N, H, W], [N, H, W, C] or [N, C, H, W].
        width: standard deviation of the curve, in pixels.

    Raises:
        InputError: the width is not positive, or above 100; a column holds no images.
    """

    columns: tuple[str, ...]
    width: float = 1.0
    keeps_label = True
    source = "hendrycks2019"

    def __post_init__(self) -> None:
        if not 0 < self.width <= 100:
            raise InputError(f"Blur needs a width in (0, 100] pixels, got {self.width}")

    @property
    def fingerprint(self) -> str:
        """Its settings."""
        return repr(self)

    def fitted(self, columns: Columns, train: np.ndarray) -> Blur:
        """Itself; it learns nothing."""
        for name, column in columns.items():
            plane(column, "Blur", name)
        return self

    def __call__(self, given: Columns, row: np.ndarray, draw: Draw) -> dict[str, np.ndarray]:
        """See `Applied`."""
        reach = max(1, round(3 * self.width))
        curve = np.exp(-0.5 * (np.arange(-reach, reach + 1) / self.width) ** 2)
        found: dict[str, np.ndarray] = {}
        for name, image in given.items():
            hidden = image.astype(np.float64)
            for axis in plane(image, "Blur", name):
                border = [(reach, reach) if one == axis else (0, 0) for one in range(image.ndim)]
                padded, size = np.pad(hidden, border, mode="edge"), image.shape[axis]
                places = [np.take(padded, np.arange(size) + shift, axis) for shift in range(len(curve))]
                hidden = sum(w * part for w, part in zip(curve / curve.sum(), places, strict=True))
            found[name] = into(np.asarray(hidden), image.dtype)
        return found
