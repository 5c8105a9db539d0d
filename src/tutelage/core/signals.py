"""What several teachers say about the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .errors import InputError
from .spaces import Answer


@dataclass(frozen=True)
class Signals:
    """Teacher names and one answer per teacher about the same B rows."""

    names: tuple[str, ...]
    answers: tuple[Answer, ...]

    def __post_init__(self) -> None:
        if len(self.names) != len(self.answers) or not self.answers:
            raise InputError(
                f"signals need one answer per teacher and at least one teacher, got {len(self.names)} names "
                f"and {len(self.answers)} answers"
            )
        if len(self.answers) > 1 and len({len(answer) for answer in self.answers}) > 1:
            sizes = {name: len(answer) for name, answer in zip(self.names, self.answers, strict=True)}
            raise InputError(f"the teachers answered different numbers of rows: {sizes}")

    def __len__(self) -> int:
        return len(self.answers[0])

    def stacked(self) -> Any:
        """One answer with a leading teacher axis; only for kinds of equal shape."""
        first: Any = type(self.answers[0])
        return first.stack(self.answers)

    def take(self, rows: Tensor | slice) -> Signals:
        """The signals about these positions."""
        return Signals(self.names, tuple(answer.take(rows) for answer in self.answers))

    @property
    def device(self) -> torch.device:
        """Where the answers lie; the first one's speaks for all."""
        return next(iter(self.answers[0].to_arrays().values())).device

    def to(self, device: torch.device) -> Signals:
        """The same signals on another device."""
        moved: list[Answer] = []
        for answer in self.answers:
            kind: Any = type(answer)
            arrays = {name: value.to(device) for name, value in answer.to_arrays().items()}
            moved.append(kind.from_arrays(arrays, answer.meta()))
        return Signals(self.names, tuple(moved))

    def without(self, teacher: int) -> Signals:
        """The signals of all teachers but one."""
        keep = [i for i in range(len(self.names)) if i != teacher]
        return Signals(tuple(self.names[i] for i in keep), tuple(self.answers[i] for i in keep))

    def only(self, teacher: int) -> Signals:
        """The signals of one teacher."""
        return Signals((self.names[teacher],), (self.answers[teacher],))

    @staticmethod
    def concat(parts: Sequence[Signals]) -> Signals:
        """The signals about all rows, in order."""
        kinds: list[Any] = [type(answer) for answer in parts[0].answers]
        answers = tuple(kind.concat([part.answers[i] for part in parts]) for i, kind in enumerate(kinds))
        return Signals(parts[0].names, answers)
