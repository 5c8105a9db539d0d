"""Where signals come from besides the store: memory, and teachers asked at every step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from ..core import InputError, KnowsRows, Signals, Teacher
from ..core.spaces import Answer
from ..data.views import FittedViews
from ..teachers import StoredRowsTeacher, StoredTeacher
from ..teachers.bound import settle


@dataclass(frozen=True)
class Memory:
    """Signals kept in memory; position i belongs to row number i, and of N rows v * N + i to its view v."""

    signals: Signals
    live: bool = False
    keys: tuple[str, ...] | None = None
    folder: Path | None = None
    views: int = 1

    @staticmethod
    def of(teachers: Sequence[Teacher], columns: Mapping[str, np.ndarray], views: FittedViews | None = None) -> Memory:
        """What these teachers, in the task's names, say about every row of a table; each is asked once.

        Args:
            teachers: whoever is asked.
            columns: of the whole table.
            views: of the table; every row is asked about in each of them.

        Raises:
            InputError: there are views without end.
        """
        count = 1 if views is None else views.count
        if count is None:
            raise InputError("views without end do not fit into memory: give Views(count=...), or ask live")
        row = np.arange(len(next(iter(columns.values()))))
        parts = [ask(teachers, columns, row, views, np.full(len(row), view)) for view in range(count)]
        return Memory(Signals.concat(parts) if count > 1 else parts[0], views=count)

    @property
    def names(self) -> tuple[str, ...]:
        """Teacher names."""
        return self.signals.names

    def gather(self, row: Tensor, view: Tensor) -> Signals:
        """The signals about these rows in their views.

        Raises:
            InputError: a row or a view is not there.
        """
        size = len(self.signals) // self.views
        if len(row) and (int(row.min()) < 0 or int(row.max()) >= size):
            raise InputError(f"rows {int(row.min())}..{int(row.max())} asked of signals about {size} rows")
        if not bool(view.any()):
            return self.signals.take(row)
        if int(view.min()) < 0 or int(view.max()) >= self.views:
            raise InputError(
                f"view {int(view.max())} asked of signals about {self.views} views: Memory.of(teachers, columns, "
                "rows.views) asks about all"
            )
        return self.signals.take(view * size + row)

    def only(self, name: str) -> Memory:
        """The signals of one teacher."""
        return Memory(self.signals.only(self.names.index(name)), views=self.views)


@dataclass(frozen=True)
class Nobody:
    """No teachers: the plain baseline goes through the same path."""

    names: tuple[str, ...] = ()
    live: bool = False
    keys: tuple[str, ...] | None = None
    folder: Path | None = None

    def gather(self, row: Tensor, view: Tensor) -> Signals:
        """Nobody can be asked.

        Raises:
            InputError: always.
        """
        raise InputError("there are no teachers to ask: give teachers, or an objective without terms and soft=0")

    def only(self, name: str) -> Nobody:
        """Nobody."""
        return self


@dataclass(frozen=True)
class Live:
    """Teachers asked anew at every step.

    Attributes:
        teachers: whoever is asked, already aligned to the task's names.
        columns: the raw columns of the whole table, from which rows are gathered by number.
        views: of the table.
    """

    teachers: tuple[Teacher, ...]
    columns: Mapping[str, np.ndarray]
    live: bool = True
    keys: tuple[str, ...] | None = None
    folder: Path | None = None
    views: FittedViews | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Teacher names."""
        return tuple(teacher.name for teacher in self.teachers)

    def gather(self, row: Tensor, view: Tensor) -> Signals:
        """The teachers' answers about these rows, each in its view.

        Raises:
            InputError: a view is asked for, and there are none.
        """
        looked = view.cpu().numpy()
        if self.views is None and looked.any():
            raise InputError(f"view {looked.max()} asked of teachers who know no views: Live(..., views=rows.views)")
        return ask(self.teachers, self.columns, row.cpu().numpy(), self.views, looked)

    def only(self, name: str) -> Live:
        """One teacher alone."""
        return replace(self, teachers=(self.teachers[self.names.index(name)],))


def ask_one(
    teacher: Teacher,
    columns: Mapping[str, np.ndarray],
    row: np.ndarray,
    gathered: dict[str, np.ndarray] | None = None,
    *,
    views: FittedViews | None = None,
    view: np.ndarray | None = None,
) -> Answer:
    """One teacher's answers about these row numbers, checked.

    Args:
        teacher: who is asked.
        columns: of the whole table.
        row: row numbers.
        gathered: what was gathered of these rows for other teachers; what is missing there is added.
        views: the views of the table.
        view: which of them of each row, int64 [B].

    Raises:
        InputError: a column is missing, the answer has the wrong number of rows or is not finite, or a teacher who
            looks answers up is asked about a view.
    """
    missing = [name for name in teacher.reads if name not in columns]
    if missing:
        raise InputError(
            f"teacher {teacher.name!r} reads columns {missing} that the rows do not have; there are {sorted(columns)}"
        )
    settle(teacher, columns)
    known = {} if gathered is None else gathered
    new = [name for name in teacher.reads if name not in known]
    if views is None or view is None or not view.any():
        known |= {name: columns[name][row] for name in new}
    else:
        check_sees(teacher, teacher.name)
        known |= views.columns(new, row, view)
    asked = {name: known[name] for name in teacher.reads}
    by_row = cast("KnowsRows | None", teacher if hasattr(teacher, "answer_rows") else None)
    with torch.no_grad():
        answer = teacher.answer(asked) if by_row is None else by_row.answer_rows(asked, row)
    if len(answer) != len(row):
        raise InputError(f"teacher {teacher.name!r} was asked about {len(row)} rows and answered about {len(answer)}")
    answer.check(f"teacher {teacher.name!r}")
    return answer


def check_sees(teacher: Any, name: str) -> None:
    """Refuses teachers who cannot see the views of rows: they would speak of other rows than the student sees.

    Raises:
        InputError: the teacher, or one that it is made of, looks predictions up.
    """
    if isinstance(teacher, StoredTeacher | StoredRowsTeacher):
        raise InputError(
            f"teacher {name!r} looks its answers up, so that it cannot answer about changed rows: train without views "
            "(rows.with_views(None)), or give the model itself as the teacher"
        )
    for member in (*getattr(teacher, "members", ()), *getattr(teacher, "teachers", ())):
        check_sees(member, name)


def ask(
    teachers: Sequence[Teacher],
    columns: Mapping[str, np.ndarray],
    row: np.ndarray,
    views: FittedViews | None = None,
    view: np.ndarray | None = None,
) -> Signals:
    """All teachers' answers about these row numbers, each in its view."""
    gathered: dict[str, np.ndarray] = {}
    answers = tuple(ask_one(teacher, columns, row, gathered, views=views, view=view) for teacher in teachers)
    return Signals(tuple(teacher.name for teacher in teachers), answers)
