"""Which rows were learnt from: by teachers, and by students."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..data import Rows
from ..teaching import Distillation


def learnt_from(teacher: Any) -> Iterator[np.ndarray]:
    """Row numbers that a teacher, or whatever it is made of, was trained on, as far as it says so."""
    yield from (row for row in (teacher.seen, getattr(teacher, "fitted_on", None)) if row is not None)
    for member in getattr(teacher, "members", ()):
        yield from learnt_from(member)


def labelled_rows(rows: Rows) -> np.ndarray:
    """Labelled training rows and validation rows, sorted."""
    return np.unique(np.concatenate([rows.labelled_train, rows.validation]))


def learnable(rows: Rows, target: Distillation) -> Rows:
    """The rows that a student of this target is shown: labels alone say nothing about views that do not keep them."""
    alone = not target.objective.terms and not target.hints
    return rows.with_views(None) if alone and rows.views is not None and not rows.views.keeps_labels else rows
