"""The torch back end: the numeric part of a fitted recipe as a module, for export together with a student.

Tensors hold no text. So the module begins where tensors can: at raw numbers and times, and at codes and arrays that
`FittedRecipe.feeds` makes in NumPy. It computes in float64 and gives float32, as NumPy does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from torch import Tensor, nn

from .steps.step import Apart, Column, Given, Role, State, Step, Together
from .wiring import Piece, Wired, Wiring, taker


@dataclass(frozen=True)
class Feed:
    """A tensor that the module takes: a column as step `after` left it (-1: a raw one), and where NumPy has it."""

    name: str
    column: str
    after: int
    known: Column
    pieces: tuple[Piece, ...]


@final
@dataclass(frozen=True)
class Tensors:
    """Which steps the module has, and what it takes."""

    feed: tuple[Feed, ...]
    inside: frozenset[int]

    def feeds(self, slots: list[np.ndarray]) -> dict[str, Tensor]:
        """The tensors, from all slots of the NumPy back end."""
        found: dict[str, Tensor] = {}
        for feed in self.feed:
            array = taker(np, feed.pieces, flat=True)(slots)
            array = array.astype(np.int64) if array.dtype.kind == "M" else array
            found[feed.name] = torch.from_numpy(np.ascontiguousarray(array))
        return found


def find_tensors(wired: Wired, steps: Sequence[Step], states: Sequence[State], wanted: Sequence[str]) -> Tensors:
    """Goes back from the outputs to the last columns that tensors can hold."""
    needed, feed, inside = dict.fromkeys(wanted), list[Feed](), set[int]()

    def fed(column: str, after: int) -> Feed:
        moment = wired.before[after + 1]
        name = column if all(other.name != column for other in feed) else f"{column}/{after + 1}"
        return Feed(name, column, after, moment.given[column], moment.where[column])

    for number in reversed(range(len(steps))):
        step = steps[number]
        made = [name for name in step.writes if name in needed]
        if not made or not isinstance(step, Together | Apart):
            continue
        for name in step.writes:
            needed.pop(name, None)
        if module_of(step, wired.before[number].given, states[number]) is None:
            feed += [fed(name, number) for name in made]
        else:
            inside.add(number)
            needed |= dict.fromkeys(step.reads)
    raw = [fed(name, -1) for name in wired.before[0].given if name in needed]
    return Tensors((*raw, *reversed(feed)), frozenset(inside))


def module_of(step: Together | Apart, given: Given, state: State) -> nn.Module | None:
    """The torch form of a step, or None."""
    return Formula(step, state) if isinstance(step, Together) else step.module(given, state)


@final
class Formula(nn.Module):
    """The formula of a step on one matrix; its arrays are buffers."""

    def __init__(self, step: Together, state: State) -> None:
        super().__init__()
        self.step = step
        self.state = {name: value for name, value in state.items() if not isinstance(value, np.ndarray)}
        self.named = tuple(name for name in state if name not in self.state)
        for name in self.named:
            self.register_buffer(f"_{name}", torch.from_numpy(np.array(state[name])))

    def forward(self, x: Tensor) -> Tensor:
        """The result [N, K'] of numbers [N, K]."""
        return self.step.formula(torch, x, self.state | {name: self.get_buffer(f"_{name}") for name in self.named})


@final
class RecipeModule(nn.Module):
    """A fitted recipe from tensors on.

    Attributes:
        inputs: what `forward` takes, in order, one tensor [N] each (arrays and TF-IDF [N, ...]): float64 numbers,
            int64 codes, int64 microseconds since 1970 for times (the smallest int64 is missing).
        outputs: what it gives, in order: float32 matrices, int64 codes.
    """

    def __init__(
        self,
        tensors: Tensors,
        steps: Sequence[Step],
        states: Sequence[State],
        outputs: Mapping[str, tuple[str, ...] | str],
    ) -> None:
        super().__init__()
        roles: dict[str, Role] = {feed.name: "array" if _several(feed) else feed.known.role for feed in tensors.feed}
        self.inputs, self.outputs = tuple(roles), tuple(outputs)
        wiring, self._calls, parts = Wiring(roles), list[Any](), list[nn.Module]()
        place, wiring.where, wiring.given = wiring.where, {}, {}
        for feed in tensors.feed:
            if _several(feed):
                width = len(feed.known.parts)
                place[feed.name] = (Piece(place[feed.name][0].slot, 0, width, width),)
        for number in range(-1, len(steps)):
            if number in tensors.inside:
                step, state = steps[number], states[number]
                assert isinstance(step, Together | Apart)
                part = module_of(step, wiring.given, state)
                assert part is not None
                call = wiring.call(number, step)
                takes = [taker(torch, p, flat=flat) for p, flat in zip(call.take, call.flat, strict=True)]
                self._calls.append((takes, call.together))
                wiring.done(step, state)
                parts.append(part)
            for feed in tensors.feed:
                if feed.after == number:
                    wiring.where[feed.column] = place[feed.name]
                    wiring.given = {**wiring.given, feed.column: feed.known}
        self.parts = nn.ModuleList(parts)
        self._order = [self.inputs.index(name) for name in (*wiring.numbers, *wiring.others)]
        self._numbers = len(wiring.numbers)
        self._outputs = [_output(wiring, wanted) for wanted in outputs.values()]

    def forward(self, *columns: Tensor) -> Tensor | tuple[Tensor, ...]:
        """The outputs; a single one is not wrapped in a tuple."""
        given = [columns[place] for place in self._order]
        numbers = [column.double() for column in given[: self._numbers]]
        block = torch.stack(numbers, dim=1) if numbers else torch.zeros(0)
        slots: list[Any] = [torch.where(torch.isfinite(block), block, torch.nan), *given[self._numbers :]]
        for part, (takes, together) in zip(self.parts, self._calls, strict=True):
            made = part(*(take(slots) for take in takes))
            slots.extend([made] if together else [_stored(column) for column in made])
        found = [take(slots).to(dtype) for take, dtype in self._outputs]
        return tuple(found) if len(found) > 1 else found[0]


def _several(feed: Feed) -> bool:
    return feed.known.role == "number" and len(feed.known.parts) > 1


def _stored(column: Tensor) -> Tensor:
    return column[:, None] if column.dtype == torch.float64 and column.dim() == 1 else column


def _output(wiring: Wiring, wanted: tuple[str, ...] | str) -> tuple[Any, Any]:
    if isinstance(wanted, str):
        code = wiring.given[wanted].role == "code"
        return taker(torch, wiring.take([wanted]), flat=True), torch.int64 if code else torch.float32
    take = taker(torch, wiring.take(wanted))
    return lambda slots: _wide(take(slots)), torch.float32


def _wide(array: Tensor) -> Tensor:
    return array[:, None] if array.dim() == 1 else array
