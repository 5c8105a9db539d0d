"""What is compared unless the user says."""

from __future__ import annotations

from ..core import Task
from ..tasks import Regression
from ..teaching import Objective, terms


def default_objective(task: Task) -> Objective:
    """Unless the user says: KL at temperature 2, binary KL, ListNet, or squared z-scores; soft share 0.9."""
    if isinstance(task, Regression):
        return Objective((terms.MSE(task.centre, task.spread),), soft=0.9)
    of_kind = {"classes": terms.KL(2.0), "labels": terms.BinaryKL(2.0), "scores": terms.ListNet()}
    return Objective((of_kind[task.space.kind],), soft=0.9)
