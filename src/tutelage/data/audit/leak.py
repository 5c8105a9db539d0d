"""What an audit finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import LeakageError


@dataclass(frozen=True)
class Leak:
    """One thing that should not be so.

    Attributes:
        kind: `future`, `fit`, `backends`, `target`, `rows` or `late`.
        what: the column, state entry or split.
        rows: how many rows show it; 0 where it is not about rows.
        detail: the finding in words.
    """

    kind: str
    what: str
    rows: int
    detail: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.what}: {self.detail}"


def refuse(leaks: Sequence[Leak]) -> None:
    """Does nothing where nothing was found.

    Raises:
        LeakageError: something was; names all of it.
    """
    if leaks:
        raise LeakageError(f"{len(leaks)} leaks: " + "; ".join(map(str, leaks)))


def bit_equal(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Which entries are the same, NaN and None with themselves; bool [N]."""
    if one.dtype != other.dtype:
        one, other = one.astype(object), other.astype(object)
    if one.dtype.kind == "f":
        same = one.view(f"u{one.dtype.itemsize}") == other.view(f"u{other.dtype.itemsize}")
        return same | (np.isnan(one) & np.isnan(other))
    if one.dtype.kind in "mM":
        return (one == other) | (np.isnat(one) & np.isnat(other))
    if one.dtype == object:
        return np.array([_same(a, b) for a, b in zip(one.tolist(), other.tolist(), strict=True)], dtype=bool)
    return np.asarray((one == other).reshape(len(one), -1).all(axis=1) if one.ndim > 1 else one == other)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return np.array_equal(one, other)
    return type(one) is type(other) and (one == other or (one != one and other != other))
