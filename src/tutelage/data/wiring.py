"""Where each column of a recipe lies while it runs: the part that NumPy and torch share.

Numbers lie side by side in float64 matrices, so that a step on many columns is one operation, which is what makes one
row fast. A `Wiring` follows the columns through the steps without any data; `Plan` runs what it found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..core import InputError
from .steps.step import Apart, Column, Given, Role, State, Step, Together

Take = Callable[[list[Any]], Any]


@dataclass(frozen=True)
class Piece:
    """Columns start .. stop of the matrix in a slot that is `width` wide; width 0: the slot is no matrix."""

    slot: int
    start: int
    stop: int
    width: int


@dataclass(frozen=True)
class Call:
    """One step on slots: `work` of what each of `take` fetches, stored in the slots from `into` on."""

    step: int
    take: tuple[tuple[Piece, ...], ...]
    flat: tuple[bool, ...]
    together: bool
    into: int


class Wiring:
    """The columns of a recipe and where they lie.

    Args:
        inputs: raw columns and what they hold.
    """

    def __init__(self, inputs: Mapping[str, Role]) -> None:
        self.given: Given = {name: Column(role, (name,)) for name, role in inputs.items()}
        self.first = self.given
        numbers = [name for name, role in inputs.items() if role == "number"]
        others = [name for name, role in inputs.items() if role != "number"]
        self.numbers, self.others = tuple(numbers), tuple(others)
        self.where = {name: (Piece(0, n, n + 1, len(numbers)),) for n, name in enumerate(numbers)}
        self.where |= {name: (Piece(n, 0, 0, 0),) for n, name in enumerate(others, 1)}
        self.slots = 1 + len(others)

    def call(self, number: int, step: Step) -> Call:
        """How a step would fetch what it reads."""
        for name in step.reads:
            if self.given[name].role not in step.takes:
                raise InputError(
                    f"step {number} ({step.name!r}) reads column {name!r}, which holds {self.given[name].role}s; "
                    f"it takes {' and '.join(step.takes)}s"
                )
        if isinstance(step, Together):
            return Call(number, (self.take(step.reads),), (False,), True, self.slots)
        return Call(number, tuple(self.take([n]) for n in step.reads), (True,) * len(step.reads), False, self.slots)

    def done(self, step: Step, state: State) -> None:
        """Notes where a step puts what it writes."""
        made = step.made(self.given, state)
        if isinstance(step, Together):
            width, start = sum(len(made[name].parts) for name in step.writes), 0
            for name in step.writes:
                stop = start + len(made[name].parts)
                self.where[name] = (Piece(self.slots, start, stop, width),)
                start = stop
            self.slots += 1
        else:
            for name in step.writes:
                width = len(made[name].parts) if made[name].role == "number" else 0
                self.where[name] = (Piece(self.slots, 0, width, width),)
                self.slots += 1
        self.given = {**self.given, **made}

    def take(self, names: Sequence[str]) -> tuple[Piece, ...]:
        """The pieces of some columns, neighbours joined."""
        found: list[Piece] = []
        for piece in (piece for name in names for piece in self.where[name]):
            last = found[-1] if found else None
            if last and piece.width and (last.slot, last.stop) == (piece.slot, piece.start):
                found[-1] = Piece(last.slot, last.start, piece.stop, last.width)
            else:
                found.append(piece)
        return tuple(found)


def taker(xp: Any, pieces: tuple[Piece, ...], *, flat: bool = False) -> Take:
    """What fetches some pieces from a list of slots, in NumPy or torch.

    Args:
        xp: `numpy` or `torch`.
        pieces: what to fetch.
        flat: whether a matrix of one column is fetched as a column.
    """
    if len(pieces) == 1:
        piece = pieces[0]
        slot, start, stop = piece.slot, piece.start, piece.stop
        if not piece.width:
            return lambda slots: slots[slot]
        if flat and stop - start == 1:
            return lambda slots: slots[slot][:, start]
        if stop - start == piece.width:
            return lambda slots: slots[slot]
        return lambda slots: slots[slot][:, start:stop]
    takes = [taker(xp, (piece,)) for piece in pieces]
    return lambda slots: xp.concatenate([_matrix(take(slots)) for take in takes], axis=1)


def _matrix(array: Any) -> Any:
    return array[:, None] if array.ndim == 1 else array.reshape(len(array), -1) if array.ndim > 2 else array


@dataclass(frozen=True)
class Moment:
    """What is known of the columns between two steps, and where they lie."""

    given: Given
    where: Mapping[str, tuple[Piece, ...]]


@dataclass(frozen=True)
class Wired:
    """The wiring of all steps; `before` has one moment per step and one for the end."""

    wiring: Wiring
    calls: tuple[Call, ...]
    before: tuple[Moment, ...]

    @property
    def last(self) -> Given:
        """What is known of the columns at the end."""
        return self.before[-1].given


def wire(inputs: Mapping[str, Role], steps: Sequence[Step], states: Sequence[State]) -> Wired:
    """Follows the columns through the steps; those that only drop training rows are passed over.

    Raises:
        InputError: a step reads a column that holds something it does not take.
    """
    wiring, calls, before = Wiring(inputs), list[Call](), list[Moment]()
    for number, (step, state) in enumerate(zip(steps, states, strict=True)):
        before.append(Moment(wiring.given, dict(wiring.where)))
        if isinstance(step, Together | Apart) and step.writes:
            calls.append(wiring.call(number, step))
            wiring.done(step, state)
    before.append(Moment(wiring.given, dict(wiring.where)))
    return Wired(wiring, tuple(calls), tuple(before))
