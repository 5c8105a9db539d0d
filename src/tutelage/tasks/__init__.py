"""What a student is for. A new task is one file here and one line below."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..core import InputError, Space, Task
from .classification import Classification
from .enhancement import Enhancement
from .forecasting import Forecasting
from .multilabel import MultiLabel
from .ordinal import Ordinal
from .ranking import Ranking
from .regression import Regression

TASKS: dict[str, Any] = {"classes": Classification, "labels": MultiLabel, "values": Regression, "scores": Ranking}
"""The plain task for each kind of answer."""
NAMED: dict[str, Any] = {
    task.name: task for task in (Classification, Ordinal, MultiLabel, Regression, Forecasting, Enhancement, Ranking)
}
"""Every task by its name."""

__all__ = [
    "TASKS",
    "Classification",
    "Enhancement",
    "Forecasting",
    "MultiLabel",
    "Ordinal",
    "Ranking",
    "Regression",
    "task_for",
    "task_from_json",
    "task_to_json",
]


def task_for(space: Space, target: np.ndarray, labelled: np.ndarray) -> Task:
    """The task that answers in a space.

    Args:
        space: kind of answer and names.
        target: known training targets, from which values learn their centre and spread.
        labelled: which of them are known.
    """
    return TASKS[space.kind].of(space, target, labelled)


def task_to_json(task: Task) -> dict[str, Any]:
    """JSON form of a task."""
    return {"kind": task.space.kind, "task": task.name} | dict(vars(task))


def task_from_json(value: Mapping[str, Any]) -> Task:
    """The task written by `task_to_json`.

    Raises:
        InputError: a task of yours, which is not known here.
    """
    fields = {name: tuple(v) if isinstance(v, list) else v for name, v in value.items() if name not in ("kind", "task")}
    name = value.get("task", TASKS[value["kind"]].name)
    if name not in NAMED:
        raise InputError(f"task {name!r} is not one of {', '.join(NAMED)}: give the task itself")
    return NAMED[name](**fields)
