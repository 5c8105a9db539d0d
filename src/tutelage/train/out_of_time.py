"""A model that walks through a stream, as one teacher: it answers about a row as it stood before the row came."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from ..core import Columns, InputError, Space, Teacher
from ..data import Rows
from ..store.fingerprint import digest
from ..teachers import EstimatorTeacher
from .evaluate import in_names, task_of


@dataclass(frozen=True)
class OutOfTime:
    """Answers that were given test-then-train (Dawid 1984), and the model as it stands at the end.

    Attributes:
        given: the answers about all rows of the table, in their order; not valid before the model's first lesson.
        newest: the model that learnt from everything; it answers about rows that are not in the table.
    """

    name: str
    given: Any
    newest: Teacher
    frozen: bool = True
    deterministic: bool = True

    @property
    def space(self) -> Space:
        """That of the model."""
        return self.newest.space

    @property
    def reads(self) -> tuple[str, ...]:
        """That of the model."""
        return self.newest.reads

    @property
    def seen(self) -> np.ndarray:
        """No row is answered by a model that saw it, or a later one."""
        return np.zeros(0, dtype=np.int64)

    @property
    def parameters(self) -> int | None:
        """Of the newest model."""
        return self.newest.parameters

    @property
    def fingerprint(self) -> Mapping[str, str]:
        """The answers; what the newest model depends on is in them."""
        arrays = {name: tensor.numpy() for name, tensor in self.given.to_arrays().items()}
        parts = [f"{name}={array.dtype}{array.shape}" for name, array in sorted(arrays.items())]
        return {"given": digest(*parts, *(array.tobytes() for _, array in sorted(arrays.items())))}

    def answer(self, columns: Columns) -> Any:
        """What the newest model says about rows that are not in the table."""
        return self.newest.answer(columns)

    def answer_rows(self, columns: Columns, row: np.ndarray) -> Any:
        """What was said about these rows when they came.

        Raises:
            InputError: a row is not in the table.
        """
        if len(row) and (row.min() < 0 or row.max() >= len(self.given)):
            raise InputError(
                f"teacher {self.name!r} walked over rows 0..{len(self.given) - 1} and was asked about row "
                f"{int(row.max())}: ask answer(columns) about rows that came later"
            )
        return self.given.take(torch.from_numpy(np.asarray(row, dtype=np.int64)))


def out_of_time(
    make: Callable[[], Any],
    rows: Rows,
    *,
    name: str,
    every: int,
    window: int | None = None,
    first: int = 0,
    reads: Sequence[str] | None = None,
    told: Callable[[str, int, int], None] | None = None,
) -> OutOfTime:
    """A classifier that answers every row of the table in time order, before it learns from it.

    Args:
        make: makes a classifier with scikit-learn's interface.
        rows: the table, in time order; test rows are answered, and then learnt from, like all others.
        name: of the teacher.
        every: rows that are answered before the model learns again.
        window: the model is fitted anew on the last rows, so many; None: it is updated by `partial_fit` on the rows
            that it answered last.
        first: rows that it learns from before it answers; at least one.
        reads: its columns; the student's unless given.
        told: told the name, rows done and rows in all.

    Raises:
        InputError: numbers do not fit, the rows are not of classes, or the model has no `partial_fit`.
    """
    count, first = len(rows), max(first, 1)
    if every < 1 or (window is not None and window < 1) or first >= count:
        raise InputError(f"every and window are at least 1 and first is below {count}, got {every}, {window}, {first}")
    if rows.space.kind != "classes":
        raise InputError(f"models walk over rows of classes, these are {rows.space.kind}")
    reads = rows.inputs if reads is None else tuple(reads)
    table = np.concatenate([np.asarray(rows.columns[c]).reshape(count, -1) for c in reads], axis=1)
    said, space = np.array(rows.space.names)[rows.target], task_of(rows).space
    model, online = None, window is None
    if online:
        model = make()
        if not hasattr(model, "partial_fit"):
            raise InputError(f"{type(model).__name__} has no partial_fit: give window= to fit it anew")
        model.partial_fit(table[:first], said[:first], classes=np.array(rows.space.names))
    pieces: list[Any] = []
    teacher: Teacher | None = None
    for start in range(first, count, every):
        stop, begin = min(start + every, count), 0 if window is None else max(0, start - window)
        if not online and len(np.unique(said[begin:start])) > 1:  # else the last one stays: one class teaches nothing
            model = make()
            model.fit(table[begin:start], said[begin:start])
            teacher = None
        if model is None:
            continue
        if teacher is None:
            plain = EstimatorTeacher(model, reads=reads, name=name, seen=np.zeros(0, np.int64))
            teacher = in_names(plain, space)
        pieces.append(teacher.answer({c: rows.columns[c][start:stop] for c in reads}))
        if online:
            model.partial_fit(table[start:stop], said[start:stop])
        if told is not None:
            told(name, stop, count)
    if teacher is None:
        raise InputError(f"{name!r}: no {window} rows before a block hold two classes")
    return OutOfTime(name, _padded(pieces, count), teacher)


def _padded(pieces: Sequence[Any], count: int) -> Any:
    """The pieces as one answer about all rows; the first rows, about which nothing was said, are not valid."""
    joined = type(pieces[0]).concat(pieces)
    lost = count - len(joined)
    place = torch.arange(count) - lost
    found = joined.take(place.clamp_min(0))
    return replace(found, valid=found.valid & (place >= 0))
