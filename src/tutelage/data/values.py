"""Raw columns as numbers and as words, as every part of the data side reads them."""

from __future__ import annotations

import numpy as np

from ..core import InputError
from ..core.names import class_name


def as_numbers(name: str, column: np.ndarray) -> np.ndarray:
    """float64 [N]; None, "" and NaN are missing.

    Raises:
        InputError: a value is no number; names the row and the value.
    """
    if column.dtype.kind in "fiub":
        return column.astype(np.float64)
    found = np.empty(len(column), dtype=np.float64)
    for place, value in enumerate(column.tolist()):
        try:
            found[place] = np.nan if value is None or value == "" else float(value)
        except (TypeError, ValueError) as error:
            raise InputError(
                f"column {name!r}, row {place}: {value!r} is no number, training rows had numbers"
            ) from error
    return found


def as_words(column: np.ndarray) -> np.ndarray:
    """object [N] of strings; missing values are "", whole numbers have no ".0", whatever a file's gaps made of them."""
    return np.array([class_name(value) or "" for value in column.tolist()], dtype=object)
