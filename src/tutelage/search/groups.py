"""Groups of numbers that are explained together, and rows in which some groups come from other rows.

A group is a raw column that the student's preparation reads, or without a preparation an entry of the student's own
columns: a column of numbers, one feature of a matrix, or a cell of an image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..data import Rows

MOST = 64
"""Most groups of one column; more features are taken together in runs of equal length."""
CELLS = 4
"""An image is cut into this many cells a side."""


@dataclass(frozen=True)
class Group:
    """Numbers that are explained together.

    Attributes:
        name: as printed.
        column: where they are.
        entries: which entries of each row, one slice per axis; all of them for a whole column.
    """

    name: str
    column: str
    entries: tuple[slice, ...] = ()


def groups_of(rows: Rows) -> tuple[Group, ...]:
    """The groups that the student sees."""
    if rows.preparation is not None and set(rows.preparation.reads) <= set(rows.columns):
        return tuple(Group(name, name) for name in rows.preparation.reads)
    return tuple(group for name in rows.inputs for group in _of_column(name, rows.columns[name].shape[1:]))


def raw_names(rows: Rows) -> tuple[str, ...]:
    """The columns that groups lie in."""
    return tuple(dict.fromkeys(group.column for group in groups_of(rows)))


def mixed(
    columns: Mapping[str, np.ndarray], groups: Sequence[Group], chosen: np.ndarray, source: np.ndarray
) -> dict[str, np.ndarray]:
    """Columns in which chosen groups of each row are those of another row.

    Args:
        columns: of the rows, [B, ...] each.
        groups: G of them.
        chosen: bool [B, G]: which groups of which rows come from elsewhere.
        source: int [B]: the place that they come from.
    """
    found = {name: column.copy() for name, column in columns.items()}
    for number, group in enumerate(groups):
        rows = np.flatnonzero(chosen[:, number])
        if group.column not in found or not len(rows):
            continue
        place = (slice(None), *group.entries)
        part = found[group.column][rows]
        part[place] = columns[group.column][source[rows]][place]
        found[group.column][rows] = part
    return found


def _of_column(name: str, shape: tuple[int, ...]) -> list[Group]:
    if not shape:
        return [Group(name, name)]
    if len(shape) == 1:
        step = -(-shape[0] // MOST)
        starts = range(0, shape[0], step)
        return [Group(f"{name}[{_said(a, min(a + step, shape[0]))}]", name, (slice(a, a + step),)) for a in starts]
    first, second = (1, 2) if len(shape) == 3 and shape[0] <= 4 else (0, 1)
    whole = [slice(None)] * len(shape)
    made: list[Group] = []
    for top, bottom in _cuts(shape[first]):
        for left, right in _cuts(shape[second]):
            place = list(whole)
            place[first], place[second] = slice(top, bottom), slice(left, right)
            made.append(Group(f"{name}[{_said(top, bottom)}, {_said(left, right)}]", name, tuple(place)))
    return made


def _cuts(size: int) -> list[tuple[int, int]]:
    edges = np.unique(np.linspace(0, size, min(CELLS, size) + 1).round().astype(int)).tolist()
    return list(pairwise(edges))


def _said(start: int, stop: int) -> str:
    return str(start) if stop == start + 1 else f"{start}:{stop}"
