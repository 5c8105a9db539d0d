"""Hints in the main job: their teachers are asked once, and the report says who pulled how much."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ..core import InputError, LeakageError, SignalSource
from ..data import Rows
from ..store import Store
from ..teaching import Hint, Memory
from ..teaching.progress import TeachProgress
from ..teaching.teach import teach
from .fit import Fitted

FOLDER = ".features"
"""Inside the store of the answers: features of a teacher do not meet its answers."""

Hints = Sequence[Hint] | Callable[[int, Rows], Sequence[Hint]]


def taught(
    hints: Sequence[Hint], rows: Rows, store: Store | None, progress: Callable[[TeachProgress], None] | None = None
) -> tuple[Hint, ...]:
    """The hints with signals in place of teachers, each of whom is asked once per training and validation row.

    Args:
        hints: some with teachers, some with signals already.
        rows: the table.
        store: keeps the features; in memory without one.
        progress: told how far the teachers are.

    Raises:
        LeakageError: a teacher was trained on test rows.
    """
    return tuple(_one(hint, rows, store, progress) for hint in hints)


def _one(hint: Hint, rows: Rows, store: Store | None, progress: Callable[[TeachProgress], None] | None) -> Hint:
    if isinstance(hint.source, SignalSource):
        return hint
    tested = rows.test.check(len(rows))
    for teacher in hint.source:
        if teacher.seen is not None and np.isin(teacher.seen, tested).any():
            raise LeakageError(f"teacher {teacher.name!r} was trained on test rows: choose others, or leave it out")
    if not hint.source:
        raise InputError(f"hint {hint.name!r} has no teacher: give at least one FeatureTeacher")
    if store is None:
        return replace(hint, source=Memory.of(hint.source, rows.columns, rows.views))
    place = Store(store.path / FOLDER)
    asked = teach(
        hint.source, rows.columns, rows.taught, place, views=rows.views or 1, viewed=rows.train, progress=progress
    )
    return replace(hint, source=asked)


def balance(hints: Sequence[Hint], fitted: Fitted) -> str:
    """In words, what each teacher of features added to the loss in the first and in the last epoch."""
    first, last = fitted.history[0].parts, fitted.history[-1].parts
    keys = [key for hint in hints for key in hint.keys if key in last]
    return ", ".join(f"{key} {first[key]:.3g} to {last[key]:.3g}" for key in keys)
