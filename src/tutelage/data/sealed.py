"""Who may look at which rows: sealed test rows, and splits that do not meet."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..core import InputError, LeakageError


@dataclass(frozen=True)
class Sealed:
    """Test rows: nothing that trains, calibrates or chooses accepts them.

    `open` gives the row numbers and keeps a record that ends up in `run.json`.
    """

    _row: np.ndarray = field(repr=False)
    openings: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self._row)

    def check(self, size: int) -> np.ndarray:
        """The row numbers, for checking that no other split shares them."""
        if len(self._row) and (self._row.min() < 0 or self._row.max() >= size):
            raise InputError(f"test names row {int(self._row.max())}, but the table has rows 0..{size - 1}")
        return self._row

    def open(self, why: str) -> np.ndarray:
        """The row numbers, noted down together with the reason."""
        self.openings.append(why)
        return self._row


def check_splits(size: int, train: np.ndarray, validation: np.ndarray, test: Sealed) -> None:
    """Refuses row numbers that do not exist, come twice or are in two splits, and no training rows at all.

    Raises:
        InputError: a row number does not exist, or comes twice; there is no training row.
        LeakageError: a row is in two splits.
    """
    parts = {"train": train, "validation": validation, "test": test.check(size)}
    for name, part in parts.items():
        if len(part) and (part.min() < 0 or part.max() >= size):
            raise InputError(f"{name} names row {int(part.max())}, but the table has rows 0..{size - 1}")
        if len(np.unique(part)) != len(part):
            raise InputError(f"{name} names some rows twice")
    pairs = [("train", "validation"), ("train", "test"), ("validation", "test")]
    for one, other in pairs:
        shared = np.intersect1d(parts[one], parts[other])
        if len(shared):
            raise LeakageError(f"{len(shared)} rows are both {one} and {other} rows (first {shared[:5].tolist()})")
    if not len(train):
        raise InputError("there are no training rows")
