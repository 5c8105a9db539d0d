"""The NumPy back end: one row or a million, through the same calls."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, final

import numpy as np

from ..core import Columns, InputError
from ..core.names import class_name
from .steps.step import Apart, Given, OutOfFold, Role, State, Step, Together
from .values import as_numbers
from .wiring import Call, Piece, Take, Wired, Wiring, taker

SMALL = 1024
Row = np.ndarray | None
Work = Callable[[list[np.ndarray], Row], None]


def work(call: Call, step: Step, given: Given, state: State) -> Work:
    """What runs one step on a list of slots; training rows are told by their numbers."""
    takes = [taker(np, pieces, flat=flat) for pieces, flat in zip(call.take, call.flat, strict=True)]
    if isinstance(step, Together):
        take, formula = takes[0], step.formula
        return lambda slots, row: slots.append(formula(np, take(slots), state))
    assert isinstance(step, Apart)
    run = step.arrays(given, state)
    learn = step.training(given, state) if isinstance(step, OutOfFold) else None

    def apart(slots: list[np.ndarray], row: Row) -> None:
        fetched = [take(slots) for take in takes]
        made = run(*fetched) if learn is None or row is None else learn(row, *fetched)
        slots.extend(column[:, None] if column.dtype == np.float64 and column.ndim == 1 else column for column in made)

    return apart


@final
class Plan:
    """A fitted recipe, ready to run.

    Args:
        wired: the wiring of its steps.
        works: one for each step that is there at serving.
        outputs: name to columns (one matrix) or column.
    """

    def __init__(self, wired: Wired, works: Sequence[Work], outputs: Mapping[str, tuple[str, ...] | str]) -> None:
        wiring = wired.wiring
        self.numbers, self.others = wiring.numbers, wiring.others
        self.roles: tuple[Role, ...] = tuple(wiring.first[name].role for name in self.others)
        self.works = tuple(works)
        self.outputs = tuple((name, *_output(wiring, wanted)) for name, wanted in outputs.items())

    def columns(self, columns: Columns, row: Row = None) -> dict[str, np.ndarray]:
        """The outputs of raw columns; with row numbers, as training rows."""
        return self._run(raw_slots(columns, self.numbers, self.others, self.roles), row)

    def slots(self, columns: Columns) -> list[np.ndarray]:
        """All slots after the last step."""
        slots = raw_slots(columns, self.numbers, self.others, self.roles)
        for each in self.works:
            each(slots, None)
        return slots

    def one(self, record: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """The outputs of one record, arrays of one row; a name that is not there is a missing value."""
        get = record.get
        try:
            block = np.array([[get(name) for name in self.numbers]], dtype=np.float64)
        except (TypeError, ValueError):
            block = None
        if block is None:
            columns = {name: _object(get(name)) for name in (*self.numbers, *self.others)}
            return self.columns(columns)
        slots = [np.where(np.isfinite(block), block, np.nan)]
        for name, role in zip(self.others, self.roles, strict=True):
            slots.append(as_role(name, _object(get(name)), role))
        return self._run(slots, None)

    def _run(self, slots: list[np.ndarray], row: Row) -> dict[str, np.ndarray]:
        for each in self.works:
            each(slots, row)
        return {name: take(slots).astype(dtype, order="C", copy=False) for name, take, dtype in self.outputs}


def raw_slots(
    columns: Columns,
    numbers: Sequence[str],
    others: Sequence[str],
    roles: Sequence[Role],
    only: Collection[str] | None = None,
) -> list[np.ndarray]:
    """The input slots of raw columns: one matrix of numbers, then the others.

    Args:
        columns: raw columns.
        numbers: those that are numbers.
        others: those that are not.
        roles: what these hold.
        only: columns that are looked at; the others are left as they are, or empty.
    """
    size = len(next(iter(columns.values())))
    block = np.empty((size, len(numbers)), order="F")
    for place, name in enumerate(numbers):
        if only is None or name in only:
            column = columns[name]
            block[:, place] = column if column.dtype.kind in "fiub" else as_numbers(name, column)
            if size > SMALL:
                block[~np.isfinite(block[:, place]), place] = np.nan
    if size <= SMALL:  # few rows: one look at all columns costs less than one at each
        places = slice(None) if only is None else [place for place, name in enumerate(numbers) if name in only]
        part = block[:, places]
        block[:, places] = np.where(np.isfinite(part), part, np.nan)
    pairs = zip(others, roles, strict=True)
    read = (as_role(n, columns[n], role) if only is None or n in only else columns[n] for n, role in pairs)
    return [block, *read]


def role_of(name: str, column: np.ndarray) -> Role:
    """What a raw column holds.

    Raises:
        InputError: nothing that a recipe knows.
    """
    if column.ndim > 1:
        return "array"
    if column.dtype.kind in "fiub":
        return "number"
    if column.dtype.kind == "M":
        return "time"
    if column.dtype.kind not in "OUST":
        raise InputError(f"column {name!r} has type {column.dtype}: a recipe takes numbers, text, times and arrays")
    kinds = [kind for kind in set(map(type, column.tolist())) if kind is not type(None)]
    if kinds and all(issubclass(kind, int | float | np.number) for kind in kinds):
        return "number"
    if kinds and all(issubclass(kind, np.ndarray | list) for kind in kinds):
        return "array"
    return "time" if kinds and all(hasattr(kind, "timestamp") for kind in kinds) else "text"


def as_role(name: str, column: np.ndarray, role: Role) -> np.ndarray:
    """A raw column in the form that steps expect.

    Raises:
        InputError: a value does not fit; names the column.
    """
    if role == "text":
        values = column.tolist()
        if column.dtype == object and "" not in values and {str, type(None)}.issuperset(map(type, values)):
            return column
        found = np.empty(len(column), dtype=object)
        found[:] = [v if type(v) is str and v else class_name(v) for v in values]
        return found
    if role == "time":
        return _times(name, column)
    if role == "code":
        return np.asarray(column, dtype=np.int64)
    if column.dtype != object:
        return column
    shapes = sorted({np.shape(value) for value in column.tolist()})
    if len(shapes) != 1:
        raise InputError(f"column {name!r} holds arrays of shapes {shapes[:3]}: give all rows one shape")
    return np.stack(column.tolist())


def _times(name: str, column: np.ndarray) -> np.ndarray:
    if column.dtype.kind == "M":
        return column.astype("datetime64[us]")
    try:
        values = [None if value is None or value == "" else value for value in column.tolist()]
        return np.array(values, dtype="datetime64[us]")
    except (TypeError, ValueError) as error:
        raise InputError(
            f"column {name!r} holds something that is no time, training rows had times: {error}"
        ) from error


def _object(value: Any) -> np.ndarray:
    found = np.empty(1, dtype=object)
    found[0] = value
    return found


def _output(wiring: Wiring, wanted: tuple[str, ...] | str) -> tuple[Any, Any]:
    if isinstance(wanted, str):
        role = wiring.given[wanted].role
        if role in ("text", "time"):
            raise InputError(f"output {wanted!r} holds {role}: a student reads numbers; code it by a step")
        return taker(np, wiring.take([wanted]), flat=True), np.int64 if role == "code" else np.float32
    pieces = wiring.take(wanted)
    if all(piece.width for piece in pieces):
        return _filled(pieces), np.float32
    single = len(pieces) == 1
    take = taker(np, pieces)
    return (lambda slots: take(slots)[:, None]) if single else take, np.float32


def _filled(pieces: tuple[Piece, ...]) -> Take:
    """What writes pieces side by side into one float32 matrix."""
    width, places, start = sum(piece.stop - piece.start for piece in pieces), list[tuple[Take, int, int]](), 0
    for piece in pieces:
        stop = start + piece.stop - piece.start
        places.append((taker(np, (piece,)), start, stop))
        start = stop

    def take(slots: list[np.ndarray]) -> np.ndarray:
        found = np.empty((len(slots[0]), width), dtype=np.float32)
        for each, first, last in places:
            found[:, first:last] = each(slots)
        return found

    return take
