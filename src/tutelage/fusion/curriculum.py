"""Curriculum: easy teachers first, strong ones later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from ..core import INVARIANTS, Context, InputError, Weights
from ..ops.simplex import masked_softmax
from .trust import Trust, expanded, ordered, taken


@dataclass(frozen=True)
class Curriculum:
    """Trust wanders from teacher to teacher as training goes on, as in progressive distillation; Cao et al. 2023.

    Every teacher has a stage in [0, 1], the moment at which it counts most: weights are proportional to
    exp(-(stage - progress)² / (2 width²)) over the teachers that answer. With the stages 0, 1/2 and 1 a small teacher
    begins, a middle one takes over, and the strongest has the last word; a small width hands over sharply.

    Args:
        stages: one number per teacher in the order of the teachers or by name; unless given all teachers count alike.
        width: share of the training during which neighbours teach together.

    Raises:
        InputError: a stage outside [0, 1], or a width that is not above 0.
    """

    name = "curriculum"
    gives = "weights"
    needs = frozenset({"step"})
    invariants = INVARIANTS
    source = "cao2023"
    stages: Trust | None = None
    width: float = 0.25

    def __post_init__(self) -> None:
        stages = () if self.stages is None else self.stages
        numbers = stages.values() if isinstance(stages, Mapping) else stages
        if not all(0.0 <= stage <= 1.0 for stage in numbers):
            raise InputError(f"stages of a curriculum lie in [0, 1], from first to last, got {self.stages}")
        if not self.width > 0:
            raise InputError(f"the width of a curriculum has to be above 0, got {self.width}")

    def bound(self, names: Sequence[str]) -> Curriculum:
        """The same with the stages in the order of these teachers."""
        return replace(self, stages=ordered(self.stages, names, "Curriculum"))

    def taking(self, teachers: Sequence[int]) -> Curriculum:
        """The same for these teachers only, in this order."""
        return replace(self, stages=taken(self.stages, teachers, "Curriculum"))

    def __call__(self, signals: Any, context: Context) -> Weights:
        """Weights [T, *items]."""
        away = expanded(self.stages, signals, "Curriculum") - context.at.progress
        return Weights(masked_softmax(-torch.square(away) / (2 * self.width**2), signals.valid))
