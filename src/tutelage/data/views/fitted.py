"""Views of the rows of one table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import final

import numpy as np

from ...core import Columns, InputError
from ...store.fingerprint import digest
from ..hashed import golden, mixed
from ..preparing import Preparation
from .chance import Draw
from .protocol import Applied, kind_of
from .views import Views

MOST_BYTES = 512 << 20
"""Views that together take less are made once and kept in memory."""


@final
@dataclass(frozen=True)
class FittedViews:
    """Views that know their table; made by `FittedViews.of`.

    Attributes:
        asked: what was asked for.
        table: raw and prepared columns of all rows.
        train: training rows, sorted; partners are among them, and their views are kept where they fit into memory.
        before: steps on raw columns, by their number; what they change goes through the preparation.
        after: steps on columns that the preparation made.
        preparation: of the student's columns; None where there is none.
        made: the columns that it makes.
    """

    asked: Views
    table: Columns
    train: np.ndarray
    before: Mapping[int, Applied]
    after: Mapping[int, Applied]
    preparation: Preparation | None = None
    made: tuple[str, ...] = ()
    _kept: dict[str, np.ndarray] = field(default_factory=dict[str, np.ndarray], repr=False, compare=False)
    _done: set[int] = field(default_factory=set[int], repr=False, compare=False)

    @staticmethod
    def of(asked: Views, table: Columns, train: np.ndarray, preparation: Preparation | None = None) -> FittedViews:
        """The views of a table.

        Args:
            asked: steps, count and seed.
            table: raw and prepared columns of all rows.
            train: numbers of the training rows.
            preparation: makes the student's columns from raw ones.

        Raises:
            InputError: a column is missing, or does not suit its step.
        """
        made: tuple[str, ...] = ()
        if preparation is not None:
            made = tuple(preparation.apply({name: table[name][train[:1]] for name in preparation.reads}))
        rows = np.unique(train)
        steps: dict[int, Applied] = {}
        for number, step in enumerate(asked.steps):
            who = type(step).__name__
            lost = [name for name in step.columns if name not in table]
            if lost:
                raise InputError(f"{who} changes columns {lost} that the rows do not have; there are {sorted(table)}")
            if len({name in made for name in step.columns}) > 1:
                raise InputError(f"{who} changes raw and prepared columns {list(step.columns)}: give each its own step")
            steps[number] = step.fitted({name: table[name] for name in step.columns}, rows)
        after = {number: step for number, step in steps.items() if asked.steps[number].columns[0] in made}
        before = {number: step for number, step in steps.items() if number not in after}
        return FittedViews(asked, table, rows, before, after, preparation, made)

    @property
    def count(self) -> int | None:
        """As in `Views`."""
        return self.asked.count

    @property
    def keeps_labels(self) -> bool:
        """As in `Views`."""
        return self.asked.keeps_labels

    @cached_property
    def changed(self) -> tuple[str, ...]:
        """Columns that differ from view to view."""
        named = dict.fromkeys(name for step in self.asked.steps for name in step.columns)
        return (*named, *(name for name in self.made if self._replayed and name not in named))

    @cached_property
    def _raw(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for number in self.before for name in self.asked.steps[number].columns))

    @cached_property
    def _replayed(self) -> bool:
        """Whether the preparation has to be applied again."""
        return self.preparation is not None and any(name in self.preparation.reads for name in self._raw)

    def fingerprint(self, names: Iterable[str]) -> str:
        """What the views of these columns depend on, besides the table; empty where no view changes them."""
        if not any(name in self.changed for name in names):
            return ""
        steps = [f"{number} {step.fingerprint}" for part in (self.before, self.after) for number, step in part.items()]
        own = repr(self.preparation.to_json()) if self._replayed and self.preparation is not None else ""
        return digest(str(self.asked.seed), own, *steps)

    def sources(self, names: Sequence[str]) -> tuple[str, ...]:
        """The columns of the table that the views of these columns are made from."""
        more: tuple[str, ...] = ()
        if any(name in self.changed for name in names):
            more = self.changed
            if self._replayed and self.preparation is not None:
                more = (*more, *self.preparation.reads)
        return tuple(dict.fromkeys((*names, *more)))

    def at(self, row: np.ndarray, epoch: int) -> np.ndarray:
        """The view of each row in an epoch, int64 [B]: each row goes through its views, from one of its own on."""
        if self.count is None:
            return np.full(len(row), epoch, dtype=np.int64)
        first = mixed(row.astype(np.uint64) + golden(self.asked.seed + 1)) % np.uint64(self.count)
        return (first.astype(np.int64) + epoch) % self.count

    def check(self, view: np.ndarray) -> None:
        """Refuses views that there are not.

        Raises:
            InputError: a view is negative, or too large.
        """
        if len(view) and (view.min() < 0 or (self.count is not None and view.max() >= self.count)):
            raise InputError(f"views {view.min()}..{view.max()} were asked for; there are 0..{(self.count or 0) - 1}")

    def columns(self, names: Iterable[str], row: np.ndarray, view: np.ndarray) -> dict[str, np.ndarray]:
        """Columns of rows, each in its view.

        Args:
            names: of columns of the table.
            row: row numbers, int64 [B].
            view: int64 [B].

        Raises:
            InputError: a view does not exist, or a step gave another shape or type than it got.
        """
        self.check(view)
        wanted = list(names)
        found = {name: self.table[name][row] for name in wanted}
        turned = view > 0
        changing = [name for name in wanted if name in self.changed]
        if not changing or not turned.any():
            return found
        new = self._looked(row[turned], view[turned])
        for name in changing:
            if kind_of(new[name]) == "text":
                found[name] = found[name].astype(object)
            found[name][turned] = new[name]
        return found

    def _looked(self, row: np.ndarray, view: np.ndarray) -> Mapping[str, np.ndarray]:
        """All changed columns of rows in views from 1 on, from memory where they are there."""
        place = self._place[row]
        if not self._keeps or (place < 0).any():
            return self._made(row, view)
        for one in np.unique(view).tolist():
            self._keep(one)
        return {name: self._kept[name][view - 1, place] for name in self.changed}

    @cached_property
    def _place(self) -> np.ndarray:
        """Where each row is among the training rows, -1 elsewhere."""
        place = np.full(len(self.table[self.changed[0]]), -1, dtype=np.int64)
        place[self.train] = np.arange(len(self.train))
        return place

    @cached_property
    def _keeps(self) -> bool:
        sizes = [self.table[name][self.train[:1]].nbytes for name in self.changed]
        return self.count is not None and sum(sizes) * len(self.train) * (self.count - 1) <= MOST_BYTES

    def _keep(self, view: int) -> None:
        """Makes a view of all training rows, once."""
        if view in self._done or self.count is None:
            return
        made = self._made(self.train, np.full(len(self.train), view, dtype=np.int64))
        for name, column in made.items():
            kind = object if column.dtype.kind in "OUT" else column.dtype
            if name not in self._kept:
                self._kept[name] = np.zeros((self.count - 1, *column.shape), kind)
            self._kept[name][view - 1] = column
        self._done.add(view)

    def _made(self, row: np.ndarray, view: np.ndarray) -> dict[str, np.ndarray]:
        found = {name: self.table[name][row] for name in self.changed}
        self._run(self.before, found, row, view)
        if self._replayed and self.preparation is not None:
            given = {n: found[n] if n in found else self.table[n][row] for n in self.preparation.reads}
            found |= self.preparation.apply(given)
        self._run(self.after, found, row, view)
        return found

    def _run(
        self, steps: Mapping[int, Applied], found: dict[str, np.ndarray], row: np.ndarray, view: np.ndarray
    ) -> None:
        """Applies steps in order, in place."""
        for number, step in steps.items():
            asked = self.asked.steps[number]
            given = {name: found[name] for name in asked.columns}
            new = step(given, row, Draw.of(self.asked.seed, number, view, row))
            for name, column in given.items():
                got = new.get(name)
                if got is None or got.shape != column.shape or kind_of(got) != kind_of(column):
                    said = "nothing" if got is None else f"{got.dtype} of shape {list(got.shape)}"
                    raise InputError(
                        f"{type(asked).__name__} gave {said} for column {name!r}, which holds {column.dtype} of shape "
                        f"{list(column.shape)}: an augmentation keeps shape and type"
                    )
            found |= {name: new[name] for name in given}
