"""What the shops have in common: one teacher per source, teachers of the integrated table, or both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from torch import nn

from ..core import Teacher
from ..data import Recipe, Rows
from ..data.record import DataRecord
from ..data.split import Split
from ._tables import Lesson, prepared_rows, taught

Who = Literal["sources", "table", "both"]
"""Who teaches: one teacher per source, teachers of the integrated table, or all of them."""
NAMES = ("no", "yes")


@dataclass(frozen=True)
class Case:
    """A shop, ready to distil.

    Attributes:
        title: of the report.
        rows: the table.
        student: makes the student.
        teachers: makes the teachers under each seed.
    """

    title: str
    rows: Rows
    student: Callable[[], nn.Module]
    teachers: Callable[[int], tuple[Teacher, ...]]


def prepared(
    table: Mapping[str, np.ndarray],
    yes: np.ndarray,
    recipe: Callable[[Mapping[str, tuple[str, ...]]], Recipe],
    blocks: Mapping[str, tuple[str, ...]],
    parts: Split,
    labelled: float,
    record: DataRecord,
) -> Rows:
    """Rows of a yes or no question, answered by `yes`, bool [N]; `prepared_rows` says the rest."""
    target = np.where(yes, NAMES[1], NAMES[0])
    return prepared_rows(table, target, recipe, blocks, parts, names=NAMES, labelled=labelled, record=record)


def taught_by(
    sources: Sequence[Lesson],
    table: Sequence[Lesson],
    who: Who,
    rows: Rows,
    seed: int,
    *,
    row: np.ndarray | None = None,
    folds: int = 5,
) -> list[Teacher]:
    """Those teachers of the sources and of the integrated table that are asked for; `taught` says the rest."""
    lessons = [*(sources if who != "table" else ()), *(table if who != "sources" else ())]
    return taught(lessons, rows, seed, row=row, folds=folds)
