"""What a step of a recipe is.

A step is a frozen dataclass of its settings. It names the columns it reads and writes, says of which kind it is, and
brings the same function in the forms of the three back ends. What it learns is a `State`, a plain mapping of arrays
and JSON values that is handed in; no step keeps one.

A step is either *together* (`Together`: the columns it reads are one float64 matrix [N, K], its result is one float64
matrix, and NumPy and torch share one formula) or *apart* (`Apart`: one array per column).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import narwhals.stable.v2 as nw
import numpy as np
from torch import nn

from ...core import InputError
from ..sketch import Summary

Kind = Literal["row-wise", "exact", "bounded", "batch", "training-only"]
"""What fitting a step takes.

- `row-wise`: nothing, each row is for itself;
- `exact`: mergeable summaries, the same for any partition of the rows;
- `bounded`: mergeable summaries that are exact up to a size and keep a stated bound over it;
- `batch`: all training rows at once;
- `training-only`: it takes rows out of the training rows and does not exist at serving.
"""

Role = Literal["number", "code", "text", "time", "array"]
"""What a column holds: float64 (NaN is missing), int64 from 0, strings (None is missing), datetime64[us] (NaT is
missing), or an array per row."""

State = Mapping[str, Any]
"""What a step learnt: arrays and JSON values by name."""
Summaries = Mapping[str, Summary]
"""What a step saw of some rows, by name; mergeable."""
NOTHING: State = {}


@dataclass(frozen=True)
class Column:
    """What is known of a column before any row is seen.

    Attributes:
        role: what it holds.
        parts: its names on an engine, one for each number per row; several for a one-hot column.
        size: number of codes, for a column of codes.
        known: the first code that stands for a value of its own; those before are missing and unseen values.
        labels: names of the codes; their numbers where there are none.
    """

    role: Role
    parts: tuple[str, ...]
    size: int = 0
    known: int = 0
    labels: tuple[str, ...] = ()


Given = Mapping[str, Column]


@runtime_checkable
class Step(Protocol):
    """One step of a recipe; see the module.

    Attributes:
        name: in JSON; version: of the meaning of its settings and state.
        takes: the roles its columns may have.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    takes: ClassVar[tuple[Role, ...]]

    @property
    def kind(self) -> Kind:
        """What fitting it takes."""
        ...

    @property
    def reads(self) -> tuple[str, ...]:
        """Columns it needs wherever it is applied."""
        ...

    @property
    def writes(self) -> tuple[str, ...]:
        """Columns it makes, or replaces."""
        ...

    def made(self, given: Given, state: State) -> dict[str, Column]:
        """What its written columns hold."""
        ...

    def frame(self, frame: nw.LazyFrame, given: Given, state: State) -> nw.LazyFrame:
        """The engine's form.

        Raises:
            InputError: the step has none.
        """
        ...


@runtime_checkable
class Together(Step, Protocol):
    """A step on one matrix of numbers."""

    def formula(self, xp: Any, x: Any, state: State) -> Any:
        """The result [N, K'] of numbers [N, K], in NumPy or torch (`xp`), whose arrays `state` holds."""
        ...


@runtime_checkable
class Apart(Step, Protocol):
    """A step on columns of any roles."""

    def arrays(self, given: Given, state: State) -> Callable[..., tuple[np.ndarray, ...]]:
        """The NumPy form: from one array per read column to one array per written column."""
        ...

    def module(self, given: Given, state: State) -> nn.Module | None:
        """The torch form, of tensors; None where there is none (text, hashing)."""
        ...


@runtime_checkable
class Learns(Step, Protocol):
    """A step with a state."""

    @property
    def learns_from(self) -> tuple[str, ...]:
        """Columns that only fitting reads, beside `reads`."""
        ...

    def observe(self, given: Given, columns: Sequence[np.ndarray], row: np.ndarray) -> Summaries:
        """Summaries of some training rows.

        Args:
            given: what is known of the columns.
            columns: those it reads (one matrix where it works together), then those of `learns_from`.
            row: their numbers in the table, int64 [N].
        """
        ...

    def learn(self, given: Given, summaries: Summaries) -> State:
        """The state, of the summaries of all training rows.

        Raises:
            InputError: nothing can be learnt from them.
        """
        ...


@runtime_checkable
class OutOfFold(Learns, Protocol):
    """A step that must not give a training row what it learnt from that row."""

    def training(self, given: Given, state: State) -> Callable[..., tuple[np.ndarray, ...]]:
        """As `arrays`, for training rows; takes their row numbers first."""
        ...


@runtime_checkable
class Drops(Step, Protocol):
    """A step of the kind `training-only`."""

    def keep(self, given: Given, columns: Sequence[np.ndarray]) -> np.ndarray:
        """Which of the training rows stay, bool [N]."""
        ...


def plain(names: Sequence[str], role: Role = "number") -> dict[str, Column]:
    """Columns of one role, one part each."""
    return {name: Column(role, (name,)) for name in names}


def parts(given: Given, names: Sequence[str]) -> list[str]:
    """Engine columns of some columns, in order."""
    return [part for name in names for part in given[name].parts]


def no_frame(step: Step) -> InputError:
    """The error of a step that engines cannot compute."""
    return InputError(
        f"step {step.name!r} has no form on engines: collect the columns and use `apply`, a million rows at once too"
    )


def check_columns(step: Step, names: Sequence[str]) -> None:
    """Refuses a step without columns, or with one twice.

    Raises:
        InputError: says which.
    """
    if not names or isinstance(names, str) or len(set(names)) != len(names):
        raise InputError(f"step {step.name!r} takes a tuple of different column names, got {names!r}")
