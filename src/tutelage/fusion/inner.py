"""Fusions inside of fusions: what one that holds others passes on to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ..core import Fittable, Fusion
from .trust import PerTeacher

STEADY = frozenset({"labels", "source"})


def moving(fusion: Fusion) -> str:
    """What a fusion looks at that changes while a student learns, in words; empty where its answers stay the same."""
    return ", ".join(sorted(fusion.needs - STEADY))


def is_fitted(fusion: Fusion) -> bool:
    """Whether a fusion can be asked as it is."""
    return not isinstance(fusion, Fittable) or fusion.fitted


def fitted(fusion: Fusion, signals: Any, target: Tensor, labelled: Tensor) -> Fusion:
    """The same, fitted if it has to be, on out-of-fold answers (stacked, [T, N, ...]) and their labels."""
    if isinstance(fusion, Fittable) and not fusion.fitted:
        return fusion.fit(signals, target, labelled)
    return fusion


def bound(fusion: Fusion, names: Sequence[str]) -> Fusion:
    """The same with what it holds by name in the order of these teachers."""
    return fusion.bound(names) if isinstance(fusion, PerTeacher) else fusion


def taking(fusion: Fusion, teachers: Sequence[int]) -> Fusion:
    """The same for these teachers only, in this order."""
    return fusion.taking(teachers) if isinstance(fusion, PerTeacher) else fusion
