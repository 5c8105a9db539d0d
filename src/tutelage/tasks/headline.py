"""The metric that a task is judged by first."""

from __future__ import annotations

from ..core import InputError, Task


def check_headline(task: Task) -> None:
    """Refuses a headline that the task does not measure.

    Raises:
        InputError: it is none of the task's metrics.
    """
    if task.headline not in task.higher_is_better:
        raise InputError(f"{task.name}: headline {task.headline!r} is not known: {', '.join(task.higher_is_better)}")
