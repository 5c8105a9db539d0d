"""What an augmentation is: fitted to a table once, then a pure function of rows and their chance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import numpy as np

from ...core import Columns
from .chance import Draw


@runtime_checkable
class Applied(Protocol):
    """An augmentation that knows its table.

    Attributes:
        fingerprint: changes with all that its results depend on, besides the rows given and their chance.
    """

    @property
    def fingerprint(self) -> str: ...

    def __call__(self, given: Columns, row: np.ndarray, draw: Draw) -> Mapping[str, np.ndarray]:
        """The changed columns of some rows, in the shape and type they had; what is given is not written to.

        Args:
            given: the columns it changes, of these rows.
            row: row numbers, int64 [B].
            draw: the only source of chance.
        """
        ...


@runtime_checkable
class Augmentation(Protocol):
    """One way of changing rows.

    Attributes:
        columns: the columns that it changes and looks at.
        keeps_label: whether the label of the row is true of the changed row as well.
        source: key of its paper, as `tutelage.report.citations` knows it; may be empty.
    """

    @property
    def columns(self) -> tuple[str, ...]: ...
    @property
    def keeps_label(self) -> bool: ...
    @property
    def source(self) -> str: ...

    def fitted(self, columns: Columns, train: np.ndarray) -> Applied:
        """Itself on this table, with what it learns from the training rows and from no others.

        Args:
            columns: its columns, of the whole table.
            train: numbers of the training rows.

        Raises:
            InputError: a column does not suit it.
        """
        ...


def kind_of(column: np.ndarray) -> str:
    """Type as far as an augmentation has to keep it: text may be stored in any way."""
    return "text" if column.dtype.kind in "OUT" else column.dtype.str
