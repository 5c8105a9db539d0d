"""Stress: how everybody answers when the test rows are changed, by noise or by what else may go wrong in use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from torch import nn

from ..core import InputError, Task, Teacher
from ..data.rows import Rows
from ..data.sealed import Sealed
from ..data.views import Augmentation, FittedViews, Views
from .evaluate import measured

UNDER = " under "
Stress = Mapping[str, Augmentation]


def stressed(rows: Rows, stress: Stress, seed: int = 0) -> dict[str, Rows]:
    """The test rows, changed in each of these ways: tables of their own, of one training row and all test rows.

    Args:
        rows: the table; it is not changed. What the changes learn, they learn from its training rows.
        stress: name to what happens to a row; columns made by a preparation are made anew.
        seed: of all chance.

    Raises:
        InputError: a change does not keep labels, or does not suit its column.
    """
    if not stress:
        return {}
    row = np.concatenate([rows.train[:1], rows.test.open("changing test rows: stress")])
    view = np.minimum(np.arange(len(row)), 1)
    none, test = np.zeros(0, dtype=np.int64), Sealed(np.arange(1, len(row)))
    found: dict[str, Rows] = {}
    for name, change in stress.items():
        if not change.keeps_label:
            raise InputError(
                f"stress {name!r}: after {type(change).__name__} nobody knows the label: use one that keeps it"
            )
        fitted = FittedViews.of(Views(change, seed=seed), rows.columns, rows.train, rows.preparation)
        parts = {"target": rows.target[row], "labelled": rows.labelled[row]}
        parts |= {} if rows.known is None else {"known": rows.known[row]}
        parts |= {} if rows.weight is None else {"weight": rows.weight[row]}
        given: dict[str, Any] = {"train": np.zeros(1, dtype=np.int64), "validation": none, "test": test, "views": None}
        found[name] = replace(rows, columns=fitted.columns(rows.columns, row, view), **given, **parts)
    return found


def under(model: nn.Module | Teacher, changed: Mapping[str, Rows], task: Task) -> dict[str, float]:
    """The headline of a student or a teacher on changed test rows, as `accuracy under noise` and so on."""
    found: dict[str, float] = {}
    for name, rows in changed.items():
        row = rows.test.open(f"how {task.headline} does under {name}")
        found[f"{task.headline}{UNDER}{name}"] = measured(model, rows, task, row)[0][task.headline]
    return found
