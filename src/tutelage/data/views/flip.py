"""Flips: mirrored images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

import numpy as np

from ...core import Columns, InputError
from .arrays import plane
from .chance import Draw


@final
@dataclass(frozen=True)
class Flip:
    """Images mirrored with a probability, all columns of a row alike. The label stays.

    For things that look the same mirrored; wrong for digits and letters.

    Args:
        columns: images [N, H, W], [N, H, W, C] or [N, C, H, W].
        probability: of mirroring; with two views, 1 makes the other view the mirror image.
        axis: `horizontal` swaps left and right, `vertical` top and bottom.

    Raises:
        InputError: the probability is not in (0, 1]; a column holds no images.
    """

    columns: tuple[str, ...]
    probability: float = 0.5
    axis: Literal["horizontal", "vertical"] = "horizontal"
    keeps_label = True
    source = ""

    def __post_init__(self) -> None:
        if not 0 < self.probability <= 1:
            raise InputError(f"Flip needs a probability in (0, 1], got {self.probability}")

    @property
    def fingerprint(self) -> str:
        """Its settings."""
        return repr(self)

    def fitted(self, columns: Columns, train: np.ndarray) -> Flip:
        """Itself; it learns nothing."""
        for name, column in columns.items():
            plane(column, "Flip", name)
        return self

    def __call__(self, given: Columns, row: np.ndarray, draw: Draw) -> dict[str, np.ndarray]:
        """See `Applied`."""
        chosen = draw.uniform() < self.probability
        found: dict[str, np.ndarray] = {}
        for name, image in given.items():
            axis = plane(image, "Flip", name)[self.axis == "horizontal"]
            found[name] = image.copy()
            found[name][chosen] = np.flip(image[chosen], axis)
        return found
