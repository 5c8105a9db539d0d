"""Everyone hears all others, nobody itself."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from ...core import Batch, Signals, Task
from .form import Lesson
from .members import Heard, silent


def called(number: int) -> str:
    """Name of a student: `peer0`, `peer1`, ..."""
    return f"peer{number}"


@dataclass(frozen=True)
class LeaveOneOut:
    """Each student learns from the answers of all others; Zhang et al. 2018, deep mutual learning.

    With a term that is linear in the target, such as KL, the mean of the pairwise losses of the paper and the loss
    against the mean of the others have one gradient, so that the plain mean is deep mutual learning. Other fusions
    make another target of the others; with `MeanLogits` it is the softened mean of their logits.
    """

    name = "leave_one_out"
    source = "zhang2018"
    layer: str | None = None

    def lessons(self, students: nn.Module, heard: Heard, task: Task, batch: Batch, flow: bool) -> tuple[Lesson, ...]:
        """All others' answers for each."""
        said = heard.answers if flow else tuple(silent(answer) for answer in heard.answers)
        everyone = Signals(tuple(called(i) for i in range(len(said))), said)
        return tuple(
            Lesson(called(i), answer, everyone.without(i) if len(said) > 1 else None)
            for i, answer in enumerate(heard.answers)
        )

    def hearing(self, members: int) -> tuple[bool, ...]:
        """Everyone, unless there is one only."""
        return (members > 1,) * members
