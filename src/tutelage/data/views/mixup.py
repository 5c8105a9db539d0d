"""Mixup: rows blended with training rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

import numpy as np

from ...core import Columns, InputError
from .arrays import check_numbers
from .chance import Draw
from .partners import learnt, partners_of


@final
@dataclass(frozen=True)
class Mixup:
    """Each row blended with a random training row, share * row + (1 - share) * partner, all columns of a row alike.

    Zhang et al. 2018. The blend has no label; Beyer et al. 2022 let the teacher say what it is. The partner comes from
    the table as it is, the row from the steps before.

    Args:
        columns: numbers with fractions (floating point), of any shape.
        alpha: the share is drawn from Beta(alpha, alpha); in (0, 1].

    Raises:
        InputError: alpha is out of range; a column holds no floating-point numbers.
    """

    columns: tuple[str, ...]
    alpha: float = 0.4
    keeps_label = False
    source = "zhang2018b"

    def __post_init__(self) -> None:
        if not 0 < self.alpha <= 1:
            raise InputError(f"Mixup needs alpha in (0, 1], got {self.alpha}")

    def fitted(self, columns: Columns, train: np.ndarray) -> Mixing:
        """Itself with the training rows as partners."""
        for name, column in columns.items():
            check_numbers(column, "Mixup", name, kinds="f")
        return Mixing(self, columns, train, learnt(self, columns, train))


@final
@dataclass(frozen=True)
class Mixing:
    """`Mixup` that knows its table."""

    asked: Mixup
    table: Columns = field(repr=False)
    train: np.ndarray = field(repr=False)
    fingerprint: str

    def __call__(self, given: Columns, row: np.ndarray, draw: Draw) -> dict[str, np.ndarray]:
        """See `Applied`."""
        partner = partners_of(self.train, row, draw)
        share = draw.beta(self.asked.alpha, stream=1)
        found: dict[str, np.ndarray] = {}
        for name, column in given.items():
            own = share.reshape(-1, *[1] * (column.ndim - 1)).astype(column.dtype)
            found[name] = own * column + (1 - own) * self.table[name][partner]
        return found
