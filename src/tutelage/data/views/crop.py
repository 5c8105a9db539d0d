"""Crops: images shifted by a few pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

import numpy as np

from ...core import Columns, InputError
from .arrays import plane
from .chance import Draw


@final
@dataclass(frozen=True)
class Crop:
    """Images padded on all sides and cut to their size again at a random place, all columns of a row alike.

    He et al. 2016. The label stays.

    Args:
        columns: images [N, H, W], [N, H, W, C] or [N, C, H, W].
        pad: pixels by which the image may move in each direction.
        edge: what comes in at the border: `zero`, or `reflect`ed pixels.

    Raises:
        InputError: pad is below 1; a column holds no images, or images that are not larger than pad.
    """

    columns: tuple[str, ...]
    pad: int = 4
    edge: Literal["zero", "reflect"] = "zero"
    keeps_label = True
    source = "he2016"

    def __post_init__(self) -> None:
        if self.pad < 1:
            raise InputError(f"Crop needs at least 1 pixel of padding, got pad={self.pad}")

    @property
    def fingerprint(self) -> str:
        """Its settings."""
        return repr(self)

    def fitted(self, columns: Columns, train: np.ndarray) -> Crop:
        """Itself; it learns nothing."""
        for name, image in columns.items():
            sides = [image.shape[axis] for axis in plane(image, "Crop", name)]
            if min(sides) <= self.pad:
                raise InputError(f"Crop(pad={self.pad}) needs larger images than {sides} of column {name!r}: pad less")
        return self

    def __call__(self, given: Columns, row: np.ndarray, draw: Draw) -> dict[str, np.ndarray]:
        """See `Applied`."""
        shift = draw.below(2 * self.pad + 1, 2) - self.pad
        return {name: self._moved(image, shift, plane(image, "Crop", name)) for name, image in given.items()}

    def _moved(self, image: np.ndarray, shift: np.ndarray, axes: tuple[int, int]) -> np.ndarray:
        border = [(self.pad, self.pad) if axis in axes else (0, 0) for axis in range(image.ndim)]
        padded = np.pad(image, border, mode="constant" if self.edge == "zero" else "reflect")
        found, cut = np.empty_like(image), [slice(None)] * (image.ndim - 1)
        for number, start in enumerate((shift + self.pad).tolist()):
            for axis, first in zip(axes, start, strict=True):
                cut[axis - 1] = slice(first, first + image.shape[axis])
            found[number] = padded[number][tuple(cut)]
        return found
