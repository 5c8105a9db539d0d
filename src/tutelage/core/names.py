"""Names of classes, as they come out of files, arrays and models."""

from __future__ import annotations

from typing import Any

import numpy as np


def class_name(value: Any) -> str | None:
    """The name of a class: 1, 1.0, np.int64(1) and "1" are the same; None, NaN and "" are no class."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value == "" or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)


def missing(column: np.ndarray) -> np.ndarray:
    """Where a column [N] has no value: NaN, NaT, None or ""; bool [N]."""
    if column.dtype.kind == "f":
        return np.isnan(column)
    if column.dtype.kind in "mM":
        return np.isnat(column)
    if column.dtype.kind in "iub":
        return np.zeros(len(column), dtype=bool)
    return np.array([value is None or value == "" or value != value for value in column.tolist()], dtype=bool)
