"""Routed: who teaches a row depends on where the row comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ..core import INVARIANTS, Context, InputError, Weights
from ..ops.simplex import equal, normalised
from .answers import dtype_of

Route = tuple[str | int, ...]
"""Teachers by name or by position."""


@dataclass(frozen=True)
class Routed:
    """Each row goes to the teachers named for its tag (source, tenant, language, ...), as in Sariyildiz et al. 2025.

    They count alike. Rows without a tag, rows whose tag has no route, and rows about which none of their teachers says
    anything go to all teachers that answer; there the rule has not acted. A tag is looked up by row number, so that it
    needs to be no column of the student; the weights do not depend on training, and plan 1 keeps them.

    Args:
        tags: one per row of the table, in its order: `tuple(column.tolist())`; "" for none.
        of: tag to its teachers, by name or position.

    Raises:
        InputError: a tag without teachers, or a name that is not a teacher's; (when called) names whose positions
            are not known yet, or a position beyond the teachers.
    """

    name = "routed"
    gives = "weights"
    needs = frozenset({"source"})
    invariants = INVARIANTS
    source = "sariyildiz2025"
    tags: tuple[str, ...] = field(default=())
    of: Mapping[str, Route] = field(default_factory=dict[str, Route])
    fallen: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        empty = [tag for tag, route in self.of.items() if not route and tag not in self.fallen]
        if empty:
            raise InputError(f"routed has no teacher for the tags {empty}: name some, or leave the tag out for all")

    def bound(self, names: Sequence[str]) -> Routed:
        """The same with positions instead of names."""
        places = {name: place for place, name in enumerate(names)}
        unknown = [one for route in self.of.values() for one in route if isinstance(one, str) and one not in places]
        if unknown:
            raise InputError(f"routed names {sorted(set(unknown))}, the teachers are {list(names)}")
        of = {t: tuple(places[one] if isinstance(one, str) else one for one in route) for t, route in self.of.items()}
        return replace(self, of=of)

    def taking(self, teachers: Sequence[int]) -> Routed:
        """The same for these teachers only, in this order; a tag that loses all its teachers goes to all."""
        of = {
            tag: tuple(place for place, teacher in enumerate(teachers) if teacher in route)
            for tag, route in self.of.items()
        }
        return replace(self, of=of, fallen=tuple(tag for tag, route in of.items() if not route))

    @cached_property
    def _codes(self) -> Tensor:
        """int64 [N]: number of the route of each row; -1 without."""
        number = {tag: place for place, tag in enumerate(self.of)}
        return torch.tensor([number.get(tag, -1) for tag in self.tags], dtype=torch.int64)

    def __call__(self, signals: Any, context: Context) -> Weights:
        """Weights [T, *items]."""
        valid: Tensor = signals.valid
        if context.row is None or not self.of or not self.tags:
            return Weights(equal(valid, dtype_of(signals)), torch.zeros_like(valid[0]))
        table = torch.zeros(len(valid), len(self.of) + 1, dtype=torch.bool)
        for place, (tag, route) in enumerate(self.of.items()):
            for one in route:
                if isinstance(one, str) or not 0 <= one < len(valid):
                    raise InputError(
                        f"routed sends {tag!r} to {one!r}, which is no position among {len(valid)} teachers: call "
                        ".bound(names) with the names in order"
                    )
                table[one, place] = True
        row = context.row.cpu()
        inside = (row >= 0) & (row < len(self.tags))
        code = torch.where(inside, self._codes[row.clamp(0, len(self.tags) - 1)], -1)
        own = table[:, torch.where(code < 0, len(self.of), code)].to(valid.device)
        wide = own.view(*own.shape, *[1] * (valid.dim() - 2)) & valid
        return Weights(normalised(wide.to(dtype_of(signals)), valid), wide.any(0))
