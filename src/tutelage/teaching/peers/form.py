"""Who teaches whom among peers: the roles, as Protocols."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from torch import nn

from ...core import Batch, Fusion, Signals, Task
from .members import Heard


@dataclass(frozen=True)
class Lesson:
    """One member of the group, and what the others say.

    Attributes:
        name: who learns.
        answer: what it said, with gradient.
        taught: what it hears of the group; None for one that learns from labels (and real teachers) alone.
    """

    name: str
    answer: Any
    taught: Signals | None = None


@runtime_checkable
class Form(Protocol):
    """Who teaches whom.

    Attributes:
        name: as printed.
        source: citation key.
        layer: the layer whose features it looks at, None for none; see `heard`.
    """

    @property
    def name(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def layer(self) -> str | None: ...

    def lessons(self, students: nn.Module, heard: Heard, task: Task, batch: Batch, flow: bool) -> tuple[Lesson, ...]:
        """One lesson per member, students first; targets without gradient unless `flow`."""
        ...

    def hearing(self, members: int) -> tuple[bool, ...]:
        """Which of so many students' lessons, and those of further members, hear something of the group."""
        ...


@runtime_checkable
class LearningForm(Protocol):
    """A form with parts of its own that learn, or follow the students."""

    @property
    def parts(self) -> nn.ModuleDict | None: ...

    def sized(self, students: nn.Module, heard: Heard) -> Form:
        """The same with fresh parts for these students."""
        ...


@runtime_checkable
class FollowingForm(Protocol):
    """A form that follows the students after each optimiser step."""

    def stepped(self, students: nn.Module, step: int) -> None:
        """Called after optimiser step number `step`, counted from 1."""
        ...


@runtime_checkable
class ForcedFusion(Protocol):
    """A form that combines what its members hear in a way of its own, unless another fusion is given."""

    def fusion(self, lesson: Lesson, teachers: int) -> Fusion:
        """How the signals of a lesson and of so many real teachers are combined."""
        ...


@runtime_checkable
class Led(Protocol):
    """A form in which one student is meant to be shipped."""

    def leader(self, members: int) -> int:
        """Its number."""
        ...
