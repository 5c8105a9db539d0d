"""How far teaching is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ..core import Teacher


@dataclass(frozen=True)
class TeachProgress:
    """How far teaching is.

    Attributes:
        teacher: who is being asked.
        number: its number, from 0; teachers: how many there are.
        done: rows (times views) of it that are answered, by this run or before.
        total: rows (times views) of it that were asked for.
        asked: rows (times views) that this run has put to it.
        seconds_left: until it has answered all, at the pace so far; None before the first answers.
    """

    teacher: str
    number: int
    teachers: int
    done: int
    total: int
    asked: int
    seconds_left: float | None


@dataclass
class Teller:
    """Counts rows and tells how far one teacher is."""

    number: int
    teachers: int
    total: int
    progress: Callable[[TeachProgress], None]
    done: int = 0
    asked: int = 0
    began: float = field(default_factory=time.monotonic)

    def __call__(self, teacher: Teacher, *, found: int = 0, asked: int = 0) -> None:
        """Adds rows that were found and rows that were asked about, and tells it."""
        self.done += found + asked
        self.asked += asked
        pace = (time.monotonic() - self.began) / self.asked if self.asked else None
        left = None if pace is None else pace * (self.total - self.done)
        self.progress(TeachProgress(teacher.name, self.number, self.teachers, self.done, self.total, self.asked, left))
