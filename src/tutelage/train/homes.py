"""Where the teachers of a run are at home, from the rows they were trained on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from ..core import Signals, Teacher
from ..data import Rows
from ..fusion import AtHome, Home
from .labels import learnt_from


def at_home(teachers: Sequence[Teacher], rows: Rows, signals: Signals) -> tuple[AtHome | None, str]:
    """The fusion that trusts teachers near their own training rows, where that says something; and why (not).

    Rows are compared in the student's columns. Teachers of different classes are joined into one target, in which a
    class that a teacher does not know has probability 0 where it is at home; others are weighted.

    Args:
        teachers: in the names of the task; who says which rows it was trained on (`seen`, or fitted here) counts.
        rows: the table.
        signals: of the teachers about some of its rows.
    """
    trained = [_trained(teacher) for teacher in teachers]
    silent = [teacher.name for teacher, part in zip(teachers, trained, strict=True) if not len(part)]
    if len(teachers) - len(silent) < 2:
        return None, f"{', '.join(silent)} do not say which rows they were trained on"
    if all(np.array_equal(part, trained[0]) for part in trained):
        return None, "all teachers were trained on the same rows"
    home = Home.of(rows.columns, rows.inputs, trained)
    said = f"{home.gain:.2f} ± {home.error:.2f} nats a row"
    if not home.telling:
        return None, f"their training rows cannot be told apart ({said})"
    coverage = [answer.coverage for answer in signals.answers]
    alike = rows.space.kind != "classes" or all(torch.equal(one, coverage[0]) for one in coverage)
    found = AtHome(home, tuple(signals.names), "weights" if alike else "target")
    return found.over(rows.columns), f"their training rows can be told apart ({said})"


def _trained(teacher: Teacher) -> np.ndarray:
    parts = [np.asarray(part, dtype=np.int64) for part in learnt_from(teacher)]
    return np.unique(np.concatenate(parts)) if parts else np.zeros(0, dtype=np.int64)
