"""The candidates of a ranking: the column of item ids that goes with a target of relevances."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core import Columns, InputError, Space


def check_candidates(columns: Columns, inputs: Sequence[str], target: np.ndarray, space: Space) -> None:
    """Raises InputError unless the column that a space of `Scores` names holds the candidates of each row.

    Args:
        columns: of the table.
        inputs: the student's columns.
        target: relevance of each candidate, [N, candidates].
        space: names the column.
    """
    name = next(iter(space.names), "(none)")
    if name not in inputs:
        raise InputError(
            f"the space of a ranking names the column of the candidates' ids, one of the student's; {name!r} is not "
            f"among {list(inputs)}"
        )
    item = columns[name]
    if item.dtype.kind not in "iu" or item.shape != target.shape:
        raise InputError(
            f"candidates {name!r} hold {item.dtype} {item.shape}, and the target has the shape {target.shape}: "
            "give item ids and relevances of one shape, [rows, candidates]"
        )
    if bool(((target > 0) & (item < 0)).any()):
        raise InputError(f"candidates {name!r}: padding (-1) cannot be relevant")
    for start in range(0, len(item), 4096):
        ordered = np.sort(item[start : start + 4096], axis=1)
        twice = ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)).any(1)
        if twice.any():
            raise InputError(f"candidates {name!r}: row {start + int(twice.argmax())} offers an item twice")
