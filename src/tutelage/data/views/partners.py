"""Training rows that others are mixed with."""

from __future__ import annotations

import numpy as np

from ...core import Columns, InputError
from ...store.fingerprint import digest, of_columns, raw
from .chance import Draw
from .protocol import Augmentation


def partners_of(train: np.ndarray, row: np.ndarray, draw: Draw, stream: int = 0) -> np.ndarray:
    """A random training row for each row, int64 [B], another one than itself where there is one."""
    partner = train[draw.below(len(train), stream=stream)]
    following = train[(np.searchsorted(train, row) + 1) % len(train)]
    return np.where(partner == row, following, partner)


def learnt(step: Augmentation, columns: Columns, train: np.ndarray) -> str:
    """What a step depends on that takes from training rows: its settings and these rows.

    Raises:
        InputError: there are no training rows.
    """
    if len(train) == 0:
        raise InputError(f"{type(step).__name__} takes from training rows, and there are none")
    taught = {name: columns[name][train] for name in step.columns}
    return digest(repr(step), raw(train), *of_columns(taught, step.columns, 0, len(train)).values())
