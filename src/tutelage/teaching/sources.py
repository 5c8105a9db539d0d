"""Where signals come from besides the store: memory, and teachers asked at every step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor

from ..core import InputError, KnowsRows, Signals, Teacher
from ..core.spaces import Answer
from ..teachers.bound import settle


@dataclass(frozen=True)
class Memory:
    """Signals kept in memory; position i belongs to row number i."""

    signals: Signals
    live: bool = False
    keys: tuple[str, ...] | None = None
    folder: Path | None = None

    @staticmethod
    def of(teachers: Sequence[Teacher], columns: Mapping[str, np.ndarray]) -> Memory:
        """What these teachers, in the task's names, say about every row of a table; each is asked once."""
        return Memory(ask(teachers, columns, np.arange(len(next(iter(columns.values()))))))

    @property
    def names(self) -> tuple[str, ...]:
        """Teacher names."""
        return self.signals.names

    def gather(self, row: Tensor, view: Tensor) -> Signals:
        """The signals about these rows; every view of a row has the same."""
        if len(row) and (int(row.min()) < 0 or int(row.max()) >= len(self.signals)):
            raise InputError(f"rows {int(row.min())}..{int(row.max())} asked of signals about {len(self.signals)} rows")
        return self.signals.take(row)

    def only(self, name: str) -> Memory:
        """The signals of one teacher."""
        return Memory(self.signals.only(self.names.index(name)))


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
    """

    teachers: tuple[Teacher, ...]
    columns: Mapping[str, np.ndarray]
    live: bool = True
    keys: tuple[str, ...] | None = None
    folder: Path | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Teacher names."""
        return tuple(teacher.name for teacher in self.teachers)

    def gather(self, row: Tensor, view: Tensor) -> Signals:
        """The teachers' answers about these rows."""
        return ask(self.teachers, self.columns, row.cpu().numpy())

    def only(self, name: str) -> Live:
        """One teacher alone."""
        return Live((self.teachers[self.names.index(name)],), self.columns)


def ask_one(
    teacher: Teacher, columns: Mapping[str, np.ndarray], row: np.ndarray, gathered: dict[str, np.ndarray] | None = None
) -> Answer:
    """One teacher's answers about these row numbers, checked.

    Args:
        teacher: who is asked.
        columns: of the whole table.
        row: row numbers.
        gathered: what was gathered of these rows for other teachers; what is missing there is added.

    Raises:
        InputError: a column is missing, the answer has the wrong number of rows, or is not finite.
    """
    missing = [name for name in teacher.reads if name not in columns]
    if missing:
        raise InputError(
            f"teacher {teacher.name!r} reads columns {missing} that the rows do not have; there are {sorted(columns)}"
        )
    settle(teacher, columns)
    known = {} if gathered is None else gathered
    for name in teacher.reads:
        if name not in known:
            known[name] = columns[name][row]
    asked = {name: known[name] for name in teacher.reads}
    by_row = cast("KnowsRows | None", teacher if hasattr(teacher, "answer_rows") else None)
    with torch.no_grad():
        answer = teacher.answer(asked) if by_row is None else by_row.answer_rows(asked, row)
    if len(answer) != len(row):
        raise InputError(f"teacher {teacher.name!r} was asked about {len(row)} rows and answered about {len(answer)}")
    answer.check(f"teacher {teacher.name!r}")
    return answer


def ask(teachers: Sequence[Teacher], columns: Mapping[str, np.ndarray], row: np.ndarray) -> Signals:
    """All teachers' answers about these row numbers."""
    gathered: dict[str, np.ndarray] = {}
    answers = tuple(ask_one(teacher, columns, row, gathered) for teacher in teachers)
    return Signals(tuple(teacher.name for teacher in teachers), answers)
