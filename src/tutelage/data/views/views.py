"""Which views of its rows a table has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from ...core import InputError
from .protocol import Augmentation


@final
@dataclass(frozen=True)
class Views:
    """Augmentations and how many views of each training row they make.

    Args:
        steps: applied one after the other, to view 1 and up.
        count: views 0 .. count - 1 are fixed, so that teachers answer each once and a store keeps it; view 0 is the
            row as it is. None: a new view in every epoch, for which teachers are asked live, at every step.
        seed: of all chance.

    Raises:
        InputError: no steps, a step that is no augmentation, or fewer than two views.
    """

    steps: tuple[Augmentation, ...]
    count: int | None = 2
    seed: int = 0

    def __init__(self, steps: Augmentation | Sequence[Augmentation], count: int | None = 2, seed: int = 0) -> None:
        given = tuple(steps) if isinstance(steps, Sequence) else (steps,)
        strange = [type(step).__name__ for step in given if not isinstance(step, Augmentation)]
        if strange or not given:
            raise InputError(f"Views needs augmentations such as Flip(('image',)), got {strange or 'none'}")
        if count is not None and count < 2:
            raise InputError(f"Views needs at least 2 views, of which view 0 is the row as it is, got count={count}")
        if seed < 0:
            raise InputError(f"the seed of Views must not be negative, got {seed}")
        for step in given:
            if isinstance(step.columns, str) or not step.columns:
                raise InputError(f"{type(step).__name__} names its columns as a tuple, got {step.columns!r}")
        object.__setattr__(self, "steps", given)
        object.__setattr__(self, "count", count)
        object.__setattr__(self, "seed", seed)

    @property
    def keeps_labels(self) -> bool:
        """Whether every view has the label of its row."""
        return all(step.keeps_label for step in self.steps)

    @property
    def sources(self) -> tuple[str, ...]:
        """Keys of the papers behind the steps."""
        return tuple(step.source for step in self.steps if step.source)
