"""An ensemble of the branches, made on the fly, teaches each of them."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from ...core import Batch, InputError, Signals, Task
from .form import Lesson
from .leave_one_out import called
from .members import Heard, silent


@dataclass(frozen=True)
class ONE:
    """On-the-fly native ensemble: the gated mixture of the branches teaches each branch; Lan et al. 2018.

    The students are one net that gives its mixture last (`nets.Branches` with a `nets.Gate`). The mixture is a member
    of its own that learns from labels alone, by which the gate learns; its pull on the branches is part of the method.
    The paper has T = 3 and ramps the soft loss up, `Ramp(0.5)`.
    """

    name = "one"
    source = "lan2018"
    layer: str | None = None

    def lessons(self, students: nn.Module, heard: Heard, task: Task, batch: Batch, flow: bool) -> tuple[Lesson, ...]:
        """The mixture's answer for each branch, nothing for the mixture.

        Raises:
            InputError: there is no mixture.
        """
        gated = getattr(students, "gate", None) is not None
        if not gated or len(heard.answers) < 2:
            raise InputError(
                "ONE needs the gated mixture of the branches as the last output: nets.Branches(trunk, heads, "
                "gate=nets.Gate(width, len(heads)))"
            )
        *branches, mixture = heard.answers
        taught = Signals(("mixture",), (mixture if flow else silent(mixture),))
        lessons = [Lesson(called(i), answer, taught) for i, answer in enumerate(branches)]
        return (*lessons, Lesson("mixture", mixture))

    def hearing(self, members: int) -> tuple[bool, ...]:
        """Every branch; not the mixture."""
        return (*(True,) * members, False)
