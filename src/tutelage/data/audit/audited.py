"""What a recipe, a table or a run lets be audited, and all audits of it: the hook that `tutelage audit` calls.

A recipe `shop` has beside it, in the same file, a function `audit_shop` that returns an `Audited`. Its arguments (which
need defaults) are options of the command.

    def audit_shop(*, users: int = 100) -> Audited:
        return Audited(
            joins=(Joining(build, tables, cuts=(day,), spine="days", key=("user", "at"), labels=("bought",)),),
            learns=(Learning(recipe.fit, columns, train),),
            finished=(Finished(columns, target),),
        )
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
import torch

from ...core import Columns, InputError, MissingExtraError
from ..engines import PolarsEngine
from ..fitted import FittedRecipe
from .backends import audit_backends
from .fitted import audit_fit
from .future import Records, audit_future
from .leak import Leak
from .suspects import dated_after, rows_in_both, telling_columns, texts_in_both


@final
@dataclass(frozen=True)
class Checked:
    """One audit and what it found.

    Attributes:
        audit: which one, and of what.
        leaks: nothing where it is clean.
        remarks: what was looked at, or why something could not be.
    """

    audit: str
    leaks: tuple[Leak, ...] = ()
    remarks: tuple[str, ...] = ()


@final
@dataclass(frozen=True)
class Joining:
    """How tables become rows; audit A scrambles and removes all that happens from a time on. See `audit_future`.

    Args:
        build: tables by name to a frame of rows with the spine's time and the key.
        tables: what it reads.
        cuts: times from which on everything is changed, each on its own.
        spine: the table whose rows are predicted.
        key: columns that name a row.
        labels: columns that may look ahead.
        rounding: as in `audit_future`; 0 asks for equality to the bit.
    """

    build: Callable[[dict[str, Any]], Any]
    tables: Mapping[str, Records]
    cuts: Sequence[Any]
    spine: str
    key: str | Sequence[str]
    labels: Sequence[str] = ()
    rounding: float = 0.0

    def run(self) -> Iterator[Checked]:
        """Audit A at each cut-off."""
        told = "equal to the bit" if self.rounding == 0 else f"equal to {self.rounding:g}"
        for cut in self.cuts:
            leaks = audit_future(
                self.build, self.tables, cut, spine=self.spine, key=self.key, labels=self.labels, rounding=self.rounding
            )
            timed = [name for name, table in self.tables.items() if table.time is not None]
            remark = f"changed and removed from {cut} on: {', '.join(timed)}; features before it have to stay {told}"
            yield Checked(f"A, the future scrambled from {cut} on", leaks, (remark,))


@final
@dataclass(frozen=True)
class Learning:
    """How a recipe is fitted; audit B scrambles the other rows, audit C compares the back ends.

    Args:
        fit: columns and training row numbers to a fitted recipe.
        columns: raw columns [N, ...] by name.
        train: training row numbers; other rows have to be there.
        name: of the preparation.
    """

    fit: Callable[[dict[str, np.ndarray], np.ndarray], FittedRecipe]
    columns: Columns
    train: np.ndarray
    name: str = "preparation"

    def run(self) -> Iterator[Checked]:
        """Audits B and C."""
        leaks = audit_fit(self.fit, self.columns, self.train)
        others = len(next(iter(self.columns.values()))) - len(self.train)
        remark = f"fitted on {len(self.train)} training rows, again with the {others} other rows replaced"
        yield Checked(f"B, what the {self.name} learns", leaks, (remark,))
        yield backends_of(self.fit({**self.columns}, self.train), self.columns, self.name)


@final
@dataclass(frozen=True)
class Finished:
    """A table with its target; the leak detector looks for columns that tell it, and rows that are in two splits.

    Args:
        columns: features [N] by name.
        target: integers, words or yes/no [N] are classes, floats are values.
        splits: name to row numbers, `train` first; without them rows are not compared.
        compared: columns that rows are compared in; all unless given. Leave out numbers that name a row.
        time: when each label was fixed, datetime64 [N].
        name: of the table.
    """

    columns: Columns
    target: np.ndarray
    splits: Mapping[str, np.ndarray] = field(default_factory=dict[str, np.ndarray])
    compared: Sequence[str] | None = None
    time: np.ndarray | None = None
    name: str = "rows"

    def run(self) -> Iterator[Checked]:
        """The leak detector; see `find_leaks`."""
        found = list(telling_columns(self.columns, self.target))
        single = sum(column.ndim == 1 for column in self.columns.values())
        remarks = [f"{single} columns against the target"]
        parts = {name: row for name, row in self.splits.items() if len(row)}
        if len(parts) > 1:
            names = list(self.columns) if self.compared is None else list(self.compared)
            shown = {name: self.columns[name] for name in names}
            found += rows_in_both(shown, parts) if shown else ()
            for name, column in shown.items():
                if column.dtype == object and _prose(column):
                    found += texts_in_both(name, column, parts)
            remarks.append(f"rows of {', '.join(parts)} compared in {len(names)} columns")
        if self.time is not None:
            found += dated_after(self.columns, self.time)
            remarks.append("dates against the time of the label")
        yield Checked(f"leak detector, {self.name}", tuple(found), tuple(remarks))


@final
@dataclass(frozen=True)
class Audited:
    """Everything that a recipe lets be audited.

    Args:
        joins: ways from tables to rows (audit A).
        learns: preparations (audits B and C).
        finished: tables (leak detector).

    Raises:
        InputError: there is nothing.
    """

    joins: tuple[Joining, ...] = ()
    learns: tuple[Learning, ...] = ()
    finished: tuple[Finished, ...] = ()

    def __post_init__(self) -> None:
        if not (self.joins or self.learns or self.finished):
            raise InputError("an Audited needs something to audit: joins, learns or finished tables")

    def run(self) -> Iterator[Checked]:
        """All audits, one after another."""
        for part in (*self.joins, *self.learns, *self.finished):
            yield from part.run()


def backends_of(fitted: FittedRecipe, columns: Columns, name: str = "preparation") -> Checked:
    """Audit C of a fitted recipe: NumPy, torch, and an engine (Polars), as far as its steps have these forms.

    Args:
        fitted: the recipe.
        columns: raw columns [N, ...] by name.
        name: of the preparation.
    """
    raw = {each: columns[each] for each in fitted.reads}
    ways: dict[str, Callable[[Columns], Mapping[str, np.ndarray]]] = {
        "NumPy": fitted.apply,
        "torch": lambda given: _by_torch(fitted, given),
    }
    remarks: list[str] = []
    try:
        _by_engine(fitted, {each: column[:2] for each, column in raw.items()})
        ways["Polars"] = lambda given: _by_engine(fitted, given)
    except (InputError, MissingExtraError) as error:
        remarks.append(f"not compared on an engine: {error}")
    leaks = audit_backends(ways, raw)
    size = len(next(iter(raw.values())))
    return Checked(f"C, back ends of the {name}", leaks, (f"{size} rows by {', '.join(ways)}", *remarks))


def _by_torch(fitted: FittedRecipe, columns: Columns) -> dict[str, np.ndarray]:
    with torch.no_grad():
        found = fitted.module()(*fitted.feeds(columns).values())
    made = (found,) if isinstance(found, torch.Tensor) else found
    return {name: tensor.numpy() for name, tensor in zip(fitted.outputs, made, strict=True)}


def _by_engine(fitted: FittedRecipe, columns: Columns) -> dict[str, np.ndarray]:
    size = len(next(iter(columns.values())))
    if any(column.ndim > 1 for column in columns.values()):
        raise InputError("there are columns of arrays")
    plain = {name: _listed(column, fitted.inputs[name]) for name, column in columns.items()}
    key = "/row"
    frame = PolarsEngine().table({**plain, key: np.arange(size)})
    found = fitted.collect(frame, keep=(key,))
    order = np.argsort(found.pop(key))
    return {name: column[order] for name, column in found.items()}


def _listed(column: np.ndarray, role: str) -> Any:
    """A column as an engine takes it."""
    if column.dtype != object and column.dtype.kind != "U":
        return column
    if role == "number":
        return np.array([np.nan if value in (None, "") else float(value) for value in column.tolist()])
    return [None if value is None else value if role == "time" else str(value) for value in column.tolist()]


def _prose(column: np.ndarray) -> bool:
    words = ["" if value is None else str(value) for value in column[:1000].tolist()]
    return sum(map(len, words)) > 40 * max(len(words), 1)
