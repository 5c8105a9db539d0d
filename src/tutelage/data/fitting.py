"""Fitting a recipe: passes over the training rows, each of which teaches the steps whose inputs are known by then.

A pass makes mergeable summaries, so that it can run over chunks, over partitions, and go on after a kill:
`Fitting.observe` looks at some rows, `merge_passes` joins what was seen, `Fitting.learn` ends the pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from ..core import Columns, InputError
from .fitted import FittedRecipe
from .recipe import Recipe
from .serve import raw_slots, role_of, work
from .sketch import merged
from .steps.step import NOTHING, Apart, Drops, Given, Learns, OutOfFold, Role, State, Summaries, Together
from .wiring import Call, Take, Wiring, taker

NONE = np.zeros(0)
"""Stands in a slot that nobody looks at."""
Pass = Mapping[int, Summaries]
"""What one pass saw: summaries by the place of the step."""


@final
@dataclass(frozen=True)
class Fitting:
    """A recipe on its way to being fitted.

    Attributes:
        recipe: the graph.
        inputs: what each raw column holds.
        states: of each step; None where it has still to learn.
    """

    recipe: Recipe
    inputs: Mapping[str, Role]
    states: tuple[State | None, ...]

    @staticmethod
    def start(recipe: Recipe, columns: Columns) -> Fitting:
        """Before the first pass.

        Args:
            recipe: the graph.
            columns: some rows, by which it is seen what each column holds.

        Raises:
            InputError: a column is missing, or holds what no step takes.
        """
        names = (*recipe.reads, *recipe.learns_from)
        missing = [name for name in names if name not in columns]
        if missing:
            raise InputError(f"the recipe reads columns {missing}, which the table lacks")
        return Fitting.of(recipe, {name: role_of(name, columns[name]) for name in names})

    @staticmethod
    def of(recipe: Recipe, inputs: Mapping[str, Role]) -> Fitting:
        """Before the first pass, when it is known what each raw column holds."""
        return Fitting(recipe, inputs, tuple(None if isinstance(s, Learns) else NOTHING for s in recipe.steps))

    @property
    def done(self) -> bool:
        """Whether all steps have learnt."""
        return None not in self.states

    def observe(self, columns: Columns, row: np.ndarray, kept: dict[int, np.ndarray] | None = None) -> Pass:
        """What the steps of this pass see in some training rows.

        Args:
            columns: raw columns of these rows.
            row: their numbers in the table, int64 [N].
            kept: which rows each dropping step keeps, filled and used again; None where rows come in chunks.

        Raises:
            InputError: a step needs all rows at once.
        """
        return self._walk(columns, row, kept)[0]

    def learn(self, seen: Pass) -> Fitting:
        """Ends a pass.

        Raises:
            InputError: a step cannot learn from what it saw.
        """
        states = list(self.states)
        for action in self._actions():
            step = self.recipe.steps[action.step]
            if action.learns and isinstance(step, Learns):
                states[action.step] = step.learn(action.given, seen[action.step])
        return replace(self, states=tuple(states))

    def fitted(self, rows: int, dropped: Mapping[str, int]) -> FittedRecipe:
        """The end, once all have learnt."""
        states = tuple(state for state in self.states if state is not None)
        assert self.done
        inputs: dict[str, Role] = {name: self.inputs[name] for name in self.recipe.reads}
        return FittedRecipe(self.recipe, inputs, states, rows, dropped)

    def keeps(self, columns: Columns, row: np.ndarray, kept: dict[int, np.ndarray]) -> np.ndarray:
        """The numbers of the training rows that no step drops."""
        return self._walk(columns, row, kept)[1]

    def _walk(self, columns: Columns, row: np.ndarray, kept: dict[int, np.ndarray] | None) -> tuple[Pass, np.ndarray]:
        actions, raw = self._needed()
        wiring = Wiring(self.inputs)
        roles: list[Role] = [self.inputs[name] for name in wiring.others]
        slots, found = raw_slots(columns, wiring.numbers, wiring.others, roles, raw), dict[int, Summaries]()
        for action in actions:
            step, state = self.recipe.steps[action.step], self.states[action.step]
            if action.idle:
                slots += [NONE] * (1 if isinstance(step, Together) else len(step.writes))
                continue
            fetched = [take(slots) for take in action.takes]
            if action.learns and isinstance(step, Learns):
                found[action.step] = step.observe(action.given, fetched, row)
            elif isinstance(step, Drops):
                stay = _stay(action.step, step, action.given, fetched, kept)
                slots, row = [slot if slot is NONE else slot[stay] for slot in slots], row[stay]
            else:
                assert isinstance(step, Together | Apart)
                assert state is not None
                work(action.call, step, action.given, state)(slots, row)
        return found, row

    def _needed(self) -> tuple[list[_Action], set[str]]:
        """What this pass has to do, and the raw columns it looks at."""
        found, needed = list[_Action](), set[str]()
        for action in reversed(self._actions()):
            step = self.recipe.steps[action.step]
            if not action.learns and not isinstance(step, Drops):
                if not needed & set(step.writes):
                    found.append(replace(action, idle=True))
                    continue
                needed -= set(step.writes)
            more = step.learns_from if action.learns and isinstance(step, Learns) else ()
            needed |= {*step.reads, *more}
            found.append(action)
        return list(reversed(found)), needed

    def _actions(self) -> list[_Action]:
        """What this pass does, in order; steps that wait for others are passed over."""
        wiring, found, unknown = Wiring(self.inputs), list[_Action](), set[str]()
        for number, (step, state) in enumerate(zip(self.recipe.steps, self.states, strict=True)):
            more = step.learns_from if isinstance(step, Learns) and state is None else ()
            if unknown & {*step.reads, *more}:
                if isinstance(step, Drops):
                    break
                unknown |= set(step.writes)
                continue
            call = wiring.call(number, step)
            pairs = [*zip(call.take, call.flat, strict=True), *((wiring.take([name]), True) for name in more)]
            takes = [taker(np, pieces, flat=flat) for pieces, flat in pairs]
            found.append(_Action(number, state is None, wiring.given, call, takes))
            if state is None:
                unknown |= set(step.writes)
            elif isinstance(step, Together | Apart):
                unknown -= set(step.writes)
                wiring.done(step, state)
        return found


@dataclass(frozen=True)
class _Action:
    step: int
    learns: bool
    given: Given
    call: Call
    takes: list[Take]
    idle: bool = False


@final
@dataclass(frozen=True)
class Prepared:
    """A fitted recipe and all rows, prepared.

    Attributes:
        recipe: fitted.
        columns: the outputs of every row of the table; of training rows out of fold, where a step learns from a target.
        train: numbers of the training rows that no step dropped.
    """

    recipe: FittedRecipe
    columns: dict[str, np.ndarray]
    train: np.ndarray


def fit(recipe: Recipe, columns: Columns, train: np.ndarray) -> FittedRecipe:
    """The recipe fitted on some rows of a table in memory; see `Recipe.fit`."""
    return _fit(recipe, columns, train)[0]


def prepare(recipe: Recipe, columns: Columns, train: np.ndarray) -> Prepared:
    """The recipe fitted, and all rows prepared; see `Recipe.prepare`."""
    fitted, train = _fit(recipe, columns, train)
    outputs = fitted.apply(columns)
    if any(isinstance(step, OutOfFold) for step in recipe.steps):
        own = fitted.plan.columns({name: column[train] for name, column in columns.items()}, train)
        for name, column in own.items():
            outputs[name][train] = column
    return Prepared(fitted, outputs, train)


def merge_passes(one: Pass, other: Pass) -> Pass:
    """What two sets of rows show together."""
    return {
        number: {name: merged((part, other[number][name])) for name, part in summaries.items()}
        for number, summaries in one.items()
    }


def _fit(recipe: Recipe, columns: Columns, train: np.ndarray) -> tuple[FittedRecipe, np.ndarray]:
    own = {name: column[train] for name, column in columns.items()}
    fitting, kept = Fitting.start(recipe, columns), dict[int, np.ndarray]()
    while not fitting.done:
        fitting = fitting.learn(fitting.observe(own, train, kept))
    row = train
    if any(isinstance(step, Drops) for step in recipe.steps):
        row = fitting.keeps(own, train, kept)
    dropped = {f"{number} {recipe.steps[number].name}": int((~stay).sum()) for number, stay in kept.items()}
    return fitting.fitted(len(row), dropped), row


def _stay(
    number: int, step: Drops, given: Given, fetched: Sequence[np.ndarray], kept: dict[int, np.ndarray] | None
) -> np.ndarray:
    if kept is None:
        raise InputError(f"step {number} ({step.name!r}) needs all training rows at once: use `fit`")
    if number not in kept:
        kept[number] = step.keep(given, fetched)
        if not kept[number].any():
            raise InputError(f"step {number} ({step.name!r}) drops all training rows")
    return kept[number]
