"""Trust given from outside, one number per teacher: checked, put in the order of the teachers, expanded.

Several fusions take such numbers (`Weighted`, the votes, the logarithmic pool). They hold them as they
were given, by position or by name; names are put in order once, by `bound`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from ..core import Columns, Fusion, InputError
from .answers import dtype_of

Trust = tuple[float, ...] | Mapping[str, float]
"""One number per teacher, not negative, in the order of the teachers or by name."""


@runtime_checkable
class PerTeacher(Protocol):
    """A fusion that holds something about each teacher."""

    def bound(self, names: Sequence[str]) -> Fusion:
        """The same fusion with what it holds by name put in the order of these teachers."""
        ...

    def taking(self, teachers: Sequence[int]) -> Fusion:
        """The same fusion for these teachers only, in this order."""
        ...


@runtime_checkable
class Placed(Protocol):
    """A fusion that looks at the rows themselves, and has to be told which those are."""

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns it looks at."""
        ...

    def placed(self, columns: Columns) -> Fusion:
        """The same fusion for these rows, asked about by their place among them."""
        ...


def unbound(known: tuple[str, ...], names: Sequence[str], who: str) -> bool:
    """Whether a fusion that learns about teachers has still to be made for some.

    Raises:
        InputError: it has been made for others.
    """
    if known and tuple(names) != known:
        raise InputError(f"{who} has learnt about {list(known)}, the teachers are {list(names)}: make a new one")
    return not known


def check_count(known: tuple[str, ...], valid: Tensor, who: str) -> None:
    """Raises InputError unless as many teachers answer ([T, *items]) as the fusion was made for."""
    if len(valid) != len(known):
        raise InputError(
            f"{who} was made for {len(known)} teachers and got answers of {len(valid)}: call .bound(names)"
        )


def checked(trust: Trust | None, who: str) -> None:
    """Raises InputError unless the numbers are finite, not negative and not all 0."""
    if trust is None:
        return
    numbers = list(trust.values()) if isinstance(trust, Mapping) else list(trust)
    if not numbers or not all(math.isfinite(n) and n >= 0 for n in numbers) or sum(numbers) == 0:
        raise InputError(
            f"{who} needs weights that are finite, not negative and not all 0, got {trust}: leave the "
            "weights out to trust all teachers equally"
        )


def ordered(trust: Trust | None, names: Sequence[str], who: str) -> tuple[float, ...] | None:
    """The numbers in the order of the teachers.

    Raises:
        InputError: the names are not the teachers' names, or there are more or fewer numbers than teachers.
    """
    if trust is None:
        return None
    if isinstance(trust, Mapping):
        missing, unknown = [n for n in names if n not in trust], [n for n in trust if n not in names]
        if missing or unknown:
            raise InputError(
                f"{who} needs one weight per teacher: teachers without a weight {missing}, weights without a "
                f"teacher {unknown}; the teachers are {list(names)}"
            )
        return tuple(float(trust[name]) for name in names)
    if len(trust) != len(names):
        raise InputError(f"{who} has {len(trust)} weights for {len(names)} teachers {list(names)}: give one each")
    return trust


def taken(trust: Trust | None, teachers: Sequence[int], who: str) -> tuple[float, ...] | None:
    """The numbers of some teachers, by position.

    Raises:
        InputError: the numbers are still held by name.
    """
    return None if trust is None else tuple(_positional(trust, who)[teacher] for teacher in teachers)


def expanded(trust: Trust | None, answer: Any, who: str) -> Tensor:
    """The numbers shaped [T, *items] like `answer.valid`; ones unless given.

    Raises:
        InputError: the numbers are held by name, or do not fit the number of teachers.
    """
    valid: Tensor = answer.valid
    if trust is None:
        return torch.ones(valid.shape, dtype=dtype_of(answer), device=valid.device)
    numbers = _positional(trust, who)
    if len(numbers) != valid.shape[0]:
        raise InputError(
            f"{who} has weights for {len(numbers)} teachers and got answers of {valid.shape[0]}: give one weight each"
        )
    column = torch.tensor(numbers, dtype=dtype_of(answer), device=valid.device)
    return column.view(-1, *[1] * (valid.dim() - 1)).expand(valid.shape)


def _positional(trust: Trust, who: str) -> tuple[float, ...]:
    if isinstance(trust, Mapping):
        raise InputError(
            f"{who} holds its weights by name ({', '.join(trust)}) and does not know the order of the "
            "teachers: call .bound(names) with the names in order"
        )
    return trust
