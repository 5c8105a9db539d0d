"""Numbers that change during training: pure functions of where training stands."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from ..core import InputError, Step


@runtime_checkable
class Schedule(Protocol):
    """A number for every moment of training."""

    def at(self, step: Step) -> float:
        """The value at this moment."""
        ...


@dataclass(frozen=True)
class Constant:
    """Always the same number."""

    value: float

    def at(self, step: Step) -> float:
        """The value."""
        return self.value


@dataclass(frozen=True)
class Linear:
    """From `start` to `end` in a straight line, reached when `until` of the training is done."""

    start: float
    end: float
    until: float = 1.0

    def at(self, step: Step) -> float:
        """The value at this moment."""
        done = min(step.progress / self.until, 1.0) if self.until > 0 else 1.0
        return self.start + (self.end - self.start) * done


@dataclass(frozen=True)
class Cosine:
    """From `start` to `end` along half a cosine, after a linear warm-up from 0 over `warmup` of the training.

    Loshchilov and Hutter 2017, "SGDR", without restarts.
    """

    start: float
    end: float = 0.0
    warmup: float = 0.0

    def at(self, step: Step) -> float:
        """The value at this moment."""
        if step.progress < self.warmup:
            return self.start * step.progress / self.warmup
        done = (step.progress - self.warmup) / max(1.0 - self.warmup, 1e-12)
        return self.end + (self.start - self.end) * 0.5 * (1.0 + math.cos(math.pi * min(done, 1.0)))


@dataclass(frozen=True)
class Ramp:
    """`value * exp(-5 (1 - t)^2)`, t reaching 1 when `until` of the training is done; Laine and Aila 2017.

    Students that teach each other have nothing to say at first.
    """

    value: float
    until: float = 0.25

    def at(self, step: Step) -> float:
        """The value at this moment."""
        done = min(step.progress / self.until, 1.0) if self.until > 0 else 1.0
        return self.value * math.exp(-5.0 * (1.0 - done) ** 2)


@dataclass(frozen=True)
class InverseTime:
    """eta / (1 + alpha t) with t in epochs; Robbins and Monro 1951."""

    eta: float
    alpha: float

    def at(self, step: Step) -> float:
        """The value at this moment."""
        return self.eta / (1.0 + self.alpha * step.epoch)


@dataclass(frozen=True)
class Steps:
    """`start`, multiplied by `factor` each time a milestone (share of the training) is passed."""

    start: float
    milestones: tuple[float, ...]
    factor: float = 0.1

    def at(self, step: Step) -> float:
        """The value at this moment."""
        return self.start * self.factor ** sum(step.progress >= m for m in self.milestones)


def schedule(value: float | Schedule, name: str, low: float, high: float = math.inf) -> Schedule:
    """A schedule from a number or a schedule, checked at its start and end.

    Raises:
        InputError: the value leaves [low, high].
    """
    found = Constant(float(value)) if isinstance(value, int | float) else value
    for moment in (Step(), Step(progress=1.0)):
        number = found.at(moment)
        if not low <= number <= high:
            raise InputError(f"{name} must stay within [{low}, {high}], got {number} at progress {moment.progress}")
    return found


def constant(value: float | Schedule) -> bool:
    """Whether the number never changes."""
    return isinstance(value, int | float | Constant)
