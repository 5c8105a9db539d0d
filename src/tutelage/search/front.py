"""Which of the settings that were tried are worth having: the front of quality against size, and the winner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .best import Tried
from .space import Setting
from .subsets import gain


def tried_of(setting: Setting, one: Mapping[str, Any]) -> Tried:
    """A trial as a record."""
    right = np.array(one["right"])
    error = float(right.std(ddof=1)) / len(right) ** 0.5 if len(right) > 1 else float("nan")
    return Tried(setting, one["quality"], error, one["loss"], one["parameters"])


def fronted(tried: Sequence[Tried]) -> list[Tried]:
    """The same, marked where no other is as good and smaller, or as small and better."""

    def beaten(one: Tried) -> bool:
        mine = (-one.quality, one.loss)
        return any(
            other.parameters <= one.parameters
            and (-other.quality, other.loss) <= mine
            and (other.parameters < one.parameters or (-other.quality, other.loss) < mine)
            for other in tried
        )

    return [replace(one, front=not beaten(one)) for one in tried]


def winner_of(tried: Sequence[Tried], rights: Mapping[Setting, np.ndarray]) -> Setting:
    """Of what ties with the best within one standard error: the smallest student, then fewest teachers, then loss."""
    best = tried[0].setting
    tied: list[Tried] = []
    for one in tried:
        behind, error = gain(rights[best], rights[one.setting])
        if one.setting == best or behind <= error:
            tied.append(one)
    return min(tied, key=lambda one: (one.parameters, len(one.setting.teachers), one.loss)).setting
