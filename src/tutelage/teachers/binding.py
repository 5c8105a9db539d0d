"""How a row shows that it has the source that a teacher learnt from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from ..core import Columns, InputError
from ..core.names import missing


@final
@dataclass(frozen=True)
class Binding:
    """A source that teachers learnt from, and how a row shows that it has it.

    Args:
        source: name of a table, modality or site, as reports show it.
        present: columns of numbers or yes/no that must hold something else than 0, no, or a missing value.
        filled: columns of any type that must not be missing (None, NaN, NaT or ""; of arrays, not NaN throughout).

    Raises:
        InputError: there is no name, or no column that tells.
    """

    source: str
    present: tuple[str, ...] = ()
    filled: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.source or not self.reads:
            raise InputError(
                f"a teacher is bound to a source by its name and columns that tell whether a row has it, got "
                f"{self.source!r}, present={self.present}, filled={self.filled}"
            )

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns that tell."""
        return tuple(dict.fromkeys((*self.present, *self.filled)))

    def rows(self, columns: Columns) -> np.ndarray:
        """Which rows have the source; bool [N].

        Raises:
            InputError: a column is not there, or holds what can be neither yes nor no.
        """
        lost = [name for name in self.reads if name not in columns]
        if lost:
            raise InputError(f"columns {lost} tell which rows have source {self.source!r}, and are not there")
        parts = [self._present(name, np.asarray(columns[name])) for name in self.present]
        parts += [_filled(np.asarray(columns[name])) for name in self.filled]
        return np.logical_and.reduce(parts)

    def _present(self, name: str, column: np.ndarray) -> np.ndarray:
        if column.dtype == object:
            values = [False if value is None or value == "" or value != value else value for value in column.tolist()]
            if not all(isinstance(value, bool | int | float | np.generic) for value in values):
                raise InputError(
                    f"column {name!r} shall tell by yes, no or a number which rows have source {self.source!r}, and "
                    "holds something else: name it in filled="
                )
            column = np.array(values, dtype=np.float64)
        if column.ndim != 1 or column.dtype.kind not in "fiub":
            raise InputError(
                f"column {name!r} of type {column.dtype} and shape {column.shape[1:]} per row cannot tell by yes, no "
                f"or a number which rows have source {self.source!r}: name it in filled="
            )
        return np.nan_to_num(column.astype(np.float64)) != 0


def _filled(column: np.ndarray) -> np.ndarray:
    if column.ndim == 1:
        return ~missing(column)
    if column.dtype.kind != "f":
        return np.ones(len(column), dtype=bool)
    return np.asarray(~np.isnan(column).all(axis=tuple(range(1, column.ndim))))
