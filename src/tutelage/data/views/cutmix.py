"""CutMix: a piece of an image taken from another one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

import numpy as np

from ...core import Columns, InputError
from .arrays import plane
from .chance import Draw
from .partners import learnt, partners_of


@final
@dataclass(frozen=True)
class CutMix:
    """A box of each image replaced by the same box of a random training image, all columns of a row alike.

    Yun et al. 2019: the box takes 1 - share of the image, with its centre anywhere; what lies outside is cut off. The
    mixture has no label. The partner comes from the table as it is, the row from the steps before.

    Args:
        columns: images [N, H, W], [N, H, W, C] or [N, C, H, W].
        alpha: the share is drawn from Beta(alpha, alpha); in (0, 1].

    Raises:
        InputError: alpha is out of range; a column holds no images.
    """

    columns: tuple[str, ...]
    alpha: float = 1.0
    keeps_label = False
    source = "yun2019"

    def __post_init__(self) -> None:
        if not 0 < self.alpha <= 1:
            raise InputError(f"CutMix needs alpha in (0, 1], got {self.alpha}")

    def fitted(self, columns: Columns, train: np.ndarray) -> Cutting:
        """Itself with the training rows as partners."""
        for name, column in columns.items():
            plane(column, "CutMix", name)
        return Cutting(self, columns, train, learnt(self, columns, train))


@final
@dataclass(frozen=True)
class Cutting:
    """`CutMix` that knows its table."""

    asked: CutMix
    table: Columns = field(repr=False)
    train: np.ndarray = field(repr=False)
    fingerprint: str

    def __call__(self, given: Columns, row: np.ndarray, draw: Draw) -> dict[str, np.ndarray]:
        """See `Applied`."""
        partner = partners_of(self.train, row, draw)
        side = np.sqrt(1 - draw.beta(self.asked.alpha, stream=1))
        centre = draw.uniform(2, stream=2)
        found: dict[str, np.ndarray] = {}
        for name, image in given.items():
            inside = np.ones(len(image), dtype=bool).reshape(-1, *[1] * (image.ndim - 1))
            for number, axis in enumerate(plane(image, "CutMix", name)):
                size = image.shape[axis]
                at = np.abs(np.arange(size) + 0.5 - centre[:, number, None] * size) < side[:, None] * size / 2
                inside = inside & at.reshape(len(image), *(size if a == axis else 1 for a in range(1, image.ndim)))
            found[name] = np.where(inside, self.table[name][partner], image)
        return found
