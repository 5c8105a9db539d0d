"""A recipe with what it learnt, on its three back ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, final

import numpy as np
from torch import Tensor

from ..core import Columns, InputError
from . import state as files
from .frames import Frame, apply_frame, collect_frame
from .module import RecipeModule, Tensors, find_tensors
from .recipe import FORMAT, Recipe, check_format
from .serve import Plan, work
from .steps.profile import Profile
from .steps.step import Column, Role, State
from .wiring import Wired, taker, wire


@final
@dataclass(frozen=True)
class FittedRecipe:
    """A recipe with what it learnt. It is a `Preparation`, so that runs keep and replay it.

    Attributes:
        recipe: the graph.
        inputs: what each raw column holds.
        states: of each step; empty where a step learns nothing.
        rows: training rows it learnt from, after dropping.
        dropped: training rows that each dropping step took out, by its place and name.
    """

    recipe: Recipe
    inputs: Mapping[str, Role]
    states: tuple[State, ...]
    rows: int
    dropped: Mapping[str, int] = field(default_factory=dict)

    @property
    def reads(self) -> tuple[str, ...]:
        """Raw columns it needs."""
        return self.recipe.reads

    @property
    def outputs(self) -> tuple[str, ...]:
        """Columns it makes."""
        return tuple(self.recipe.outputs)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the graph and all it learnt."""
        return files.sha256(self.to_json())

    @property
    def features(self) -> dict[str, tuple[str, ...]]:
        """Names of the features of each output, in the order of its matrix."""
        given = self.wired.last
        groups = {name: (w,) if isinstance(w, str) else w for name, w in self.recipe.outputs.items()}
        return {name: tuple(part for each in group for part in given[each].parts) for name, group in groups.items()}

    @property
    def codes(self) -> dict[str, Column]:
        """What is known of each output that is a column of codes; its `size` is that of an embedding."""
        given, outputs = self.wired.last, self.recipe.outputs
        return {n: given[w] for n, w in outputs.items() if isinstance(w, str) and given[w].role == "code"}

    def apply(self, columns: Columns) -> dict[str, np.ndarray]:
        """The outputs of raw columns.

        Raises:
            InputError: a column is missing or holds something else than in training.
        """
        self.check(columns)
        return self.plan.columns(columns)

    def one(self, record: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """The outputs of one record, arrays of one row; a name that is not there counts as a missing value."""
        return self.plan.one(record)

    def apply_frame(self, frame: Frame, keep: Sequence[str] = ()) -> Any:
        """The features as a lazy Narwhals frame of the engine, which computes them when asked to.

        Args:
            frame: of Polars, DuckDB or Spark, native or Narwhals.
            keep: columns of the frame to hand through, such as its key; engines promise no order of rows.

        Raises:
            InputError: a column is missing, or a step has no form on engines.
        """
        return apply_frame(self, frame, keep)

    def collect(self, frame: Frame, keep: Sequence[str] = ()) -> dict[str, np.ndarray]:
        """The outputs of a frame as `apply` gives them, computed by its engine, and the columns in `keep`."""
        return collect_frame(self, frame, keep)

    def module(self) -> RecipeModule:
        """The torch back end; see `RecipeModule`."""
        return RecipeModule(self.tensors, self.recipe.steps, self.states, self.recipe.outputs)

    def feeds(self, columns: Columns) -> dict[str, Tensor]:
        """What the module takes, from raw columns, in its order."""
        self.check(columns)
        return self.tensors.feeds(self.plan.slots(columns))

    def drift(self, columns: Columns) -> dict[str, float]:
        """How far columns are from the training rows, where the recipe has a `Profile`; 0.25 and more is a large shift.

        Raises:
            InputError: a column is missing, or holds something else than in training.
        """
        return {
            name: far for step, state, seen in self._profiles(columns) for name, far in step.drift(state, seen).items()
        }

    def unseen(self, columns: Columns) -> dict[str, int]:
        """Rows per column of text whose value no training row had, where the recipe has a `Profile`."""
        return {
            name: n for step, state, seen in self._profiles(columns) for name, n in step.unseen(state, seen).items()
        }

    def check(self, columns: Columns) -> None:
        """Refuses columns that lack one.

        Raises:
            InputError: names it.
        """
        missing = [name for name in self.reads if name not in columns]
        if missing:
            raise InputError(f"columns {missing} are missing; the student was trained on {list(self.reads)}")

    def to_json(self) -> dict[str, Any]:
        """The whole state, as JSON values."""
        return {"kind": "recipe", **files.inline(self._tree())}

    @staticmethod
    def from_json(value: Mapping[str, Any], steps: Sequence[type[Any]] = ()) -> FittedRecipe:
        """What `to_json` wrote; arguments and errors: as `Recipe.from_json`."""
        check_format(value, "fitted recipe")
        recipe = Recipe.from_json(value["recipe"], steps)
        if recipe.id != value["id"]:
            raise InputError(f"a fitted recipe says it is {value['id'][:12]}, its graph is {recipe.id[:12]}: damaged")
        tree = files.unpack(dict(value), {})
        return FittedRecipe(recipe, tree["inputs"], tuple(tree["states"]), tree["rows"], tree["dropped"])

    def save(self, folder: Path | str) -> None:
        """Writes `recipe.json` and its arrays (safetensors) into a folder."""
        files.write(Path(folder), "recipe", self._tree())

    @staticmethod
    def load(folder: Path | str, steps: Sequence[type[Any]] = ()) -> FittedRecipe:
        """What `save` wrote; arguments and errors: as `Recipe.from_json`."""
        return FittedRecipe.from_json(files.read(Path(folder), "recipe"), steps)

    @cached_property
    def wired(self) -> Wired:
        """Where columns lie, before and after each step."""
        return wire(self.inputs, self.recipe.steps, self.states)

    @cached_property
    def plan(self) -> Plan:
        """The NumPy back end, compiled."""
        steps, states, wired = self.recipe.steps, self.states, self.wired
        works = [work(c, steps[c.step], wired.before[c.step].given, states[c.step]) for c in wired.calls]
        return Plan(wired, works, self.recipe.outputs)

    @cached_property
    def tensors(self) -> Tensors:
        """Where the torch back end begins."""
        return find_tensors(self.wired, self.recipe.steps, self.states, self.recipe.wanted)

    def _profiles(self, columns: Columns) -> Iterator[tuple[Profile, State, dict[str, np.ndarray]]]:
        self.check(columns)
        slots = self.plan.slots(columns)
        for number, step in enumerate(self.recipe.steps):
            if isinstance(step, Profile):
                where = self.wired.before[number].where
                yield step, self.states[number], {n: taker(np, where[n], flat=True)(slots) for n in step.columns}

    def _tree(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "id": self.recipe.id,
            "recipe": self.recipe.to_json(),
            "inputs": dict(self.inputs),
            "states": [dict(state) for state in self.states],
            "rows": self.rows,
            "dropped": dict(self.dropped),
        }
