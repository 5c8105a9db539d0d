"""Settings and result of distilling without data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from torch import nn

from ..core import InputError, Task
from ..nets.generator import FORMS, Noise

GRADIENTS = ("auto", "exact", "forward", "student")


@dataclass(frozen=True)
class Growth:
    """How student and generator learn against each other.

    Args:
        steps: rounds; each is one step of the generator and `student_steps` of the student.
        batch: rows made at a time.
        student_steps: of the student per step of the generator.
        rate: learning rate of the generator (Adam).
        student_rate: learning rate of the student (AdamW); both go to 0 along a cosine.
        noise: width of the noise.
        hidden: widths of the generator's hidden layers.
        form: `spectral` keeps the game stable, `naive` does not; see `Generator`.
        balance: strength of the entropy of the mean answer, which makes all classes occur; classes only.
        gradient: what the generator knows of the teachers' gradient. `exact` goes through torch modules; `forward` asks
            about moved inputs; `student` takes the teachers' answers as constants; `auto` is exact where a teacher is
            a torch module that takes the columns, and forward where not.
        directions: of `forward`, orthogonal and drawn anew per row; each asks about the batch once more.
        width: of `forward`, how far inputs are moved, as a share of their ranges.
        clip: largest norm of the student's gradient.

    Raises:
        InputError: a number or word out of range.
    """

    steps: int = 400
    batch: int = 128
    student_steps: int = 4
    rate: float = 5e-4
    student_rate: float = 3e-3
    noise: int = 64
    hidden: tuple[int, ...] = (128, 128)
    form: Literal["spectral", "naive"] = "spectral"
    balance: float = 1.0
    gradient: Literal["auto", "exact", "forward", "student"] = "auto"
    directions: int = 4
    width: float = 0.02
    clip: float = 5.0

    def __post_init__(self) -> None:
        for name, least in {"steps": 1, "batch": 2, "student_steps": 1, "noise": 1, "directions": 1}.items():
            if getattr(self, name) < least:
                raise InputError(f"{name} must be at least {least}, got {getattr(self, name)}")
        for name in ("rate", "student_rate", "clip", "width"):
            if not 0 < getattr(self, name) < float("inf"):
                raise InputError(f"{name} must be a positive number, got {getattr(self, name)}")
        if not 0 <= self.balance < float("inf"):
            raise InputError(f"balance must be a number from 0, got {self.balance}")
        for name, choices in (("form", FORMS), ("gradient", GRADIENTS)):
            if getattr(self, name) not in choices:
                raise InputError(f"{name} {getattr(self, name)!r} is not known: {', '.join(choices)}")


@dataclass(frozen=True)
class Round:
    """One round, in numbers.

    Attributes:
        step: number of the round, from 1.
        apart: loss of the student on the generator's batch before it learnt from it.
        loss: the student's loss at the last of its steps.
        spread: mean standard deviation of an input over the batch, as a share of its range; evenly drawn inputs have
            0.29, and near 0 all rows are the same.
    """

    step: int
    apart: float
    loss: float
    spread: float


@dataclass(frozen=True)
class Grown:
    """A student that learnt from made inputs, and how it got there.

    Attributes:
        student: trained, in evaluation mode.
        generator: makes the inputs; `generator.draw(count)`.
        history: one record per round.
        questions: rows about which each teacher was asked, by name.
        task: what the student is for.
        agreement: share of fresh inputs on which the student's loss is small or its decision is that of the fused
            teachers, on `generated` and on `even` ones.
        verdict: what came of it, in a paragraph.
    """

    student: nn.Module
    generator: Noise
    history: tuple[Round, ...] = field(repr=False)
    questions: Mapping[str, int]
    task: Task
    agreement: Mapping[str, float]
    verdict: str
