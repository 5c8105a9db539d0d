"""Answers that are features: what a layer of a network gives for a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

import torch
from torch import Tensor

from ..errors import InputError
from .classes import everything, joined


@final
@dataclass(frozen=True)
class Features:
    """A tensor per row: a vector [D], tokens [L, D], or a map [C, H, W].

    Attributes:
        values: float [B, ...] (stacked: [T, B, ...]), in the unit of the layer; 0 where not valid.
        valid: bool [B] (stacked: [T, B]), False where the teacher abstains.
    """

    kind_of_space: ClassVar[str] = "features"
    values: Tensor
    valid: Tensor

    @classmethod
    def of(cls, values: Tensor, valid: Tensor | None = None) -> Features:
        """An answer about all rows unless said otherwise.

        Args:
            values: float [B, ...].
            valid: bool [B].
        """
        if valid is None:
            return Features(values, torch.ones(len(values), dtype=torch.bool, device=values.device))
        off = ~valid.view(-1, *[1] * (values.dim() - 1))
        return Features(values.masked_fill(off, 0.0), valid)

    @property
    def coverage(self) -> Tensor:
        """bool [1] (stacked: [T, 1]), True: a layer is known whole or not at all."""
        return everything((*self.valid.shape[:-1], 1), self.values.device)

    @property
    def items(self) -> tuple[int, ...]:
        """[B]: one loss value per row."""
        return tuple(self.valid.shape)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the features of one row."""
        return tuple(self.values.shape[self.valid.dim() :])

    def __len__(self) -> int:
        return int(self.valid.shape[-1])

    def take(self, rows: Tensor | slice) -> Features:
        """The answers about these positions."""
        if self.valid.dim() == 1:
            return Features(self.values[rows], self.valid[rows])
        return Features(self.values[:, rows], self.valid[:, rows])

    def aligned(self, groups: Sequence[Sequence[int]]) -> Features:
        """Itself: the one name of its space is that of the layer.

        Raises:
            InputError: asked for more than the one name there is.
        """
        if [list(group) for group in groups] != [[0]]:
            raise InputError("features have one name, that of their layer: adapters join them, not names")
        return self

    def to_arrays(self) -> dict[str, Tensor]:
        """`values` float [B, ...] and `valid` bool [B]."""
        return {"values": self.values, "valid": self.valid}

    def meta(self) -> dict[str, Any]:
        """Nothing: the shape is in the arrays."""
        return {}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Tensor], meta: Mapping[str, Any]) -> Features:
        """The inverse of `to_arrays` and `meta`."""
        return Features(arrays["values"], arrays["valid"])

    @classmethod
    def stack(cls, answers: Sequence[Features]) -> Features:
        """[T, B, ...] of several teachers whose layers have one shape.

        Raises:
            InputError: their shapes differ.
        """
        shapes = [answer.shape for answer in answers]
        if len(set(shapes)) > 1:
            raise InputError(f"features of shapes {shapes} cannot be stacked: compare teacher by teacher, with a hint")
        return Features(joined([a.values for a in answers]), joined([a.valid for a in answers]))

    @classmethod
    def concat(cls, answers: Sequence[Features]) -> Features:
        """One answer about all rows, in order."""
        at = answers[0].valid.dim() - 1
        return Features(torch.cat([a.values for a in answers], at), torch.cat([a.valid for a in answers], at))

    def check(self, who: str) -> None:
        """Raises InputError when a valid row is NaN or infinite, or shapes do not fit; names `who`."""
        if self.values.shape[: self.valid.dim()] != self.valid.shape or self.values.dim() <= self.valid.dim():
            raise InputError(
                f"{who}: values {tuple(self.values.shape)} and valid {tuple(self.valid.shape)} do not fit together; "
                "expected [B, ...] and [B]"
            )
        finite = torch.isfinite(self.values).flatten(self.valid.dim()).all(-1)
        rows = (self.valid & ~finite).nonzero()[..., -1].tolist()
        if rows:
            raise InputError(
                f"{who} answered NaN or infinity in {len(rows)} of {len(self)} rows (first positions {rows[:5]}): "
                "mend the model or its input, or let it abstain there"
            )
