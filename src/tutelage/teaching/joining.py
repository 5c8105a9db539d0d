"""What has to fit together before a student can be taught."""

from __future__ import annotations

from collections.abc import Sequence

from ..core import Fittable, Fusion, InputError, Task
from ..fusion import PerTeacher
from .calibration import Calibration
from .objective import Objective


def named(fusion: Fusion, names: Sequence[str]) -> Fusion:
    """The fusion with its numbers per teacher in the order of these teachers."""
    return fusion.bound(tuple(names)) if isinstance(fusion, PerTeacher) and names else fusion


def check(
    names: Sequence[str],
    calibrations: Sequence[Calibration],
    fusion: Fusion,
    objective: Objective,
    task: Task,
) -> None:
    """Raises InputError when names, calibrations, fusion, objective and task do not fit together."""
    if len(calibrations) != len(names):
        raise InputError(f"{len(names)} teachers need as many calibrations, got {len(calibrations)}")
    if len(set(names)) != len(names):
        raise InputError(f"teachers need different names, got {list(names)}")
    if isinstance(fusion, Fittable) and not fusion.fitted:
        raise InputError(
            f"fusion {fusion.name!r} learns from held-out rows: call fusion.fit(signals, target, labelled), "
            "or let tl.distill do it"
        )
    for term in objective.terms:
        if term.answers != task.space.kind:
            raise InputError(
                f"term {term.name!r} compares {term.answers}, but the task {task.name!r} answers with "
                f"{task.space.kind}: choose a term made for {task.space.kind}"
            )
