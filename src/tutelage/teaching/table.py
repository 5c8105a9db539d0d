"""What teachers are asked about: the rows of one table and their views, with fingerprints of what is read."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from ..core import Columns, InputError, Teacher
from ..core.spaces import Answer
from ..data.views import FittedViews
from ..store.fingerprint import of_columns
from .sources import ask_one


@dataclass(frozen=True)
class Table:
    """The columns of all rows, their views, and their fingerprints as far as they were needed."""

    columns: Columns
    length: int
    views: FittedViews | None = None
    known: dict[tuple[str, int, int], str] = field(default_factory=dict[tuple[str, int, int], str])

    def ask(self, teacher: Teacher, row: np.ndarray, view: int) -> Answer:
        """What a teacher says about one view of these rows."""
        looked = None if self.views is None else np.full(len(row), view, dtype=np.int64)
        return ask_one(teacher, self.columns, row, views=self.views, view=looked)

    def content(self, teacher: Teacher, start: int, stop: int, view: int) -> dict[str, str]:
        """Fingerprints of all that a view of rows start..stop-1 depends on, by column and, from view 1 on, `views`."""
        names, told = teacher.reads, dict[str, str]()
        if view and self.views is not None:
            names, told = self.views.sources(names), {"views": self.views.fingerprint(names)}
        new = [name for name in names if (name, start, stop) not in self.known]
        for name, found in of_columns(self.columns, new, start, stop).items():
            self.known[name, start, stop] = found
        return told | {name: self.known[name, start, stop] for name in names}


def checked_rows(row: np.ndarray | Tensor, length: int) -> np.ndarray:
    """Sorted row numbers, each once, checked against the table."""
    rows = np.asarray(row).astype(np.int64)
    if not (rows[1:] > rows[:-1]).all():
        rows = np.sort(rows)
        rows = rows[np.concatenate([[True], rows[1:] > rows[:-1]])]
    if len(rows) == 0:
        raise InputError("no rows to teach: give the numbers of the rows that the student trains on")
    if rows[0] < 0 or rows[-1] >= length:
        raise InputError(
            f"rows {rows[0]}..{rows[-1]} of a table with rows 0..{length - 1}: row -1 marks generated "
            "inputs, which are never stored, and the others have to be in the table"
        )
    return rows
