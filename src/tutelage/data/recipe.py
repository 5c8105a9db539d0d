"""Recipes: the way from raw columns to a student's, declared as a graph of steps, fitted, saved, replayed.

    steps = (Impute(("price",)), Scale(("price",)), Codes(("brand",)))
    recipe = Recipe(steps, {"features": ("price",), "brand": "brand"})
    fitted = recipe.fit(columns, train)      # statistics of training rows only
    fitted.apply(columns)                    # NumPy: a million rows
    fitted.one({"price": 3.5})               # NumPy: one record
    fitted.apply_frame(frame)                # an engine: Polars, DuckDB, Spark
    fitted.module()                          # torch, for export

The graph is JSON (its SHA-256 is the recipe's `id`), what it learnt is arrays and JSON values; nothing is pickled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, final

import numpy as np

from ..core import Columns, InputError
from .frames import Frame, rows_of_table
from .state import sha256
from .steps import STEPS
from .steps.step import Apart, Drops, Learns, Step, Together

if TYPE_CHECKING:
    from .fitted import FittedRecipe
    from .fitting import Prepared

FORMAT = 1


@final
@dataclass(frozen=True)
class Recipe:
    """Steps in order, and what a student gets of the columns at the end.

    Args:
        steps: each reads columns by name and writes or replaces some.
        outputs: name of an input of the student to the columns of its matrix, float32 [N, F], or to the one column it
            is: codes int64 [N], numbers float32 [N], arrays float32 [N, ...].

    Raises:
        InputError: there are no outputs, or a step is none.
    """

    steps: tuple[Step, ...]
    outputs: Mapping[str, tuple[str, ...] | str]

    def __post_init__(self) -> None:
        if not self.outputs or any(not wanted for wanted in self.outputs.values()):
            raise InputError(f"a recipe needs outputs with columns, got {dict(self.outputs)}")
        for number, step in enumerate(self.steps):
            if not isinstance(step, Together | Apart | Drops):
                raise InputError(f"step {number} is a {type(step).__name__}, which is no step")

    @cached_property
    def reads(self) -> tuple[str, ...]:
        """Raw columns it needs wherever it is applied."""
        return self._raw(fitting=False)

    @cached_property
    def learns_from(self) -> tuple[str, ...]:
        """Raw columns that only fitting needs."""
        return tuple(name for name in self._raw(fitting=True) if name not in self.reads)

    @property
    def wanted(self) -> tuple[str, ...]:
        """Columns of the outputs, each once."""
        groups = [(w,) if isinstance(w, str) else w for w in self.outputs.values()]
        return tuple(dict.fromkeys(name for group in groups for name in group))

    @cached_property
    def id(self) -> str:
        """SHA-256 of the canonical JSON."""
        return sha256(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        outputs = {name: w if isinstance(w, str) else list(w) for name, w in self.outputs.items()}
        return {"format": FORMAT, "steps": [step_json(step) for step in self.steps], "outputs": outputs}

    @staticmethod
    def from_json(value: Mapping[str, Any], steps: Sequence[type[Any]] = ()) -> Recipe:
        """The recipe written by `to_json`.

        Args:
            value: what it wrote.
            steps: classes of steps that are not of the house.

        Raises:
            InputError: an unknown step, a newer format, settings that do not fit.
        """
        check_format(value, "recipe")
        known = {step.name: step for step in (*STEPS, *steps)}
        outputs = {name: w if isinstance(w, str) else tuple(w) for name, w in value["outputs"].items()}
        return Recipe(tuple(_step(each, known) for each in value["steps"]), outputs)

    def fit(self, table: Columns | Frame, train: np.ndarray | Any = None) -> FittedRecipe:
        """The recipe fitted on training rows; see `prepare` for the training rows' own columns.

        Args:
            table: raw columns, or a frame of an engine.
            train: row numbers of the training rows; of a frame also a Narwhals expression that is true for them.

        Raises:
            InputError: a column is missing or unfit, or nothing can be learnt.
        """
        from .fitting import fit

        return fit(self, *rows_of_table(table, (*self.reads, *self.learns_from), train))

    def prepare(self, table: Columns | Frame, train: np.ndarray | Any = None) -> Prepared:
        """Fits, and gives all rows prepared: training rows out of fold where a step learns from a target.

        Arguments and errors: as `fit`.
        """
        from .fitting import prepare

        return prepare(self, *rows_of_table(table, (*self.reads, *self.learns_from), train))

    def _raw(self, *, fitting: bool) -> tuple[str, ...]:
        made: set[str] = set()
        found: dict[str, None] = {}
        for step in self.steps:
            if isinstance(step, Drops) and not fitting:
                continue
            more = step.learns_from if fitting and isinstance(step, Learns) else ()
            found |= dict.fromkeys(name for name in (*step.reads, *more) if name not in made)
            made |= set(step.writes)
        return tuple(found | dict.fromkeys(name for name in self.wanted if name not in made))


def step_json(step: Step) -> dict[str, Any]:
    """A step with its settings."""
    own: Any = step
    settings = {part.name: _plain(getattr(step, part.name)) for part in fields(own)}
    return {"step": step.name, "version": step.version, **settings}


def check_format(value: Mapping[str, Any], what: str) -> None:
    """Refuses what a later version wrote.

    Raises:
        InputError: says which format it is.
    """
    found = value.get("format")
    if found != FORMAT:
        raise InputError(f"a {what} of format {found!r} was given, this version of tutelage reads {FORMAT}: update it")


def _step(value: Mapping[str, Any], known: Mapping[str, type[Any]]) -> Step:
    settings = dict(value)
    name, version = settings.pop("step"), settings.pop("version")
    if name not in known:
        raise InputError(
            f"step {name!r} is not known; there are {sorted(known)}: hand in its class, as in "
            "from_json(..., steps=(Mine,)), or update tutelage"
        )
    kind: Any = known[name]
    if version > kind.version:
        raise InputError(
            f"step {name!r} has version {version}, this version of tutelage knows {kind.version}: update it"
        )
    try:
        return kind(**{key: _settled(setting) for key, setting in settings.items()})
    except TypeError as error:
        raise InputError(f"step {name!r} cannot have the settings {settings}: {error}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    return {name: _plain(part) for name, part in value.items()} if isinstance(value, Mapping) else value


def _settled(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_settled(part) for part in value)
    return {name: _settled(part) for name, part in value.items()} if isinstance(value, dict) else value
