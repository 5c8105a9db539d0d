"""Answers that are numbers: D columns, with or without a scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

import torch
from torch import Tensor

from ..errors import InputError
from .classes import cover, covering, joined


@final
@dataclass(frozen=True)
class Values:
    """A mean and, where known, a standard deviation for each of D columns.

    Attributes:
        mean: float [B, D] (stacked: [T, B, D]), in the unit of the target; 0 off coverage.
        scale: float like `mean`, standard deviation in the same unit, or None when not known.
        coverage: bool [D] (stacked: [T, D]).
        valid: bool like `mean`, False where the teacher says nothing.
    """

    kind_of_space: ClassVar[str] = "values"
    mean: Tensor
    scale: Tensor | None
    coverage: Tensor
    valid: Tensor

    @classmethod
    def of(
        cls,
        mean: Tensor,
        scale: Tensor | None = None,
        *,
        valid: Tensor | None = None,
        coverage: Tensor | None = None,
    ) -> Values:
        """An answer with everything covered and valid unless said otherwise; `valid` may be [B]."""
        if coverage is None:
            coverage = torch.ones(mean.shape[-1], dtype=torch.bool, device=mean.device)
            coverage = coverage.expand(*mean.shape[:-2], mean.shape[-1])
        if valid is None:
            valid = torch.ones_like(mean, dtype=torch.bool)
        elif valid.dim() < mean.dim():
            valid = valid.unsqueeze(-1).expand_as(mean)
        off = ~cover(coverage)
        scale = None if scale is None else scale.masked_fill(off, 1.0)
        return Values(mean.masked_fill(off, 0.0), scale, coverage, valid & ~off)

    @property
    def items(self) -> tuple[int, ...]:
        """[B, D]: one loss value per row and column."""
        return tuple(self.mean.shape)

    def __len__(self) -> int:
        return int(self.mean.shape[-2])

    def variance(self, who: str = "this term") -> Tensor:
        """Squared scale; raises InputError naming `who` when the scale is not known."""
        if self.scale is None:
            raise InputError(
                f"{who} needs a scale for every teacher: give held-out labelled rows so that a residual "
                "scale can be estimated, or teachers that answer mean and scale"
            )
        return self.scale.square()

    def take(self, rows: Tensor | slice) -> Values:
        """The answers about these positions."""
        scale = None if self.scale is None else self.scale[..., rows, :]
        return Values(self.mean[..., rows, :], scale, self.coverage, self.valid[..., rows, :])

    def aligned(self, groups: Sequence[Sequence[int]]) -> Values:
        """The same answer over other columns, each taken from at most one old column."""
        if any(len(group) > 1 for group in groups):
            raise InputError("several value columns cannot be merged into one: map each name to one column")
        known = torch.tensor([len(group) == 1 and bool(self.coverage[group[0]]) for group in groups])
        index = torch.tensor([group[0] if len(group) else 0 for group in groups], dtype=torch.int64)
        scale = None if self.scale is None else self.scale[..., index]
        return Values.of(self.mean[..., index], scale, valid=self.valid[..., index], coverage=known)

    def to_arrays(self) -> dict[str, Tensor]:
        """`mean`, `valid` and, when known, `scale`."""
        arrays = {"mean": self.mean, "valid": self.valid}
        return arrays if self.scale is None else arrays | {"scale": self.scale}

    def meta(self) -> dict[str, Any]:
        """Coverage."""
        return {"coverage": self.coverage.tolist()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Tensor], meta: Mapping[str, Any]) -> Values:
        """The inverse of `to_arrays` and `meta`."""
        return Values(
            arrays["mean"], arrays.get("scale"), covering(meta["coverage"], arrays["mean"].device), arrays["valid"]
        )

    @classmethod
    def stack(cls, answers: Sequence[Values]) -> Values:
        """[T, B, D] of several teachers; without scales unless every teacher has one."""
        scales = [a.scale for a in answers if a.scale is not None]
        mean, valid = joined([a.mean for a in answers]), joined([a.valid for a in answers])
        scale = joined(scales) if len(scales) == len(answers) else None
        if not bool(valid.all()):
            mean = mean.masked_fill(~valid, 0.0)
            scale = None if scale is None else scale.masked_fill(~valid, 1.0)
        return Values(mean, scale, joined([a.coverage for a in answers]), valid)

    @classmethod
    def concat(cls, answers: Sequence[Values]) -> Values:
        """One answer about all rows, in order; coverage of the first."""
        scales = [a.scale for a in answers if a.scale is not None]
        return Values(
            torch.cat([a.mean for a in answers], dim=-2),
            torch.cat(scales, dim=-2) if len(scales) == len(answers) else None,
            answers[0].coverage,
            torch.cat([a.valid for a in answers], dim=-2),
        )

    def check(self, who: str) -> None:
        """Raises InputError when a valid entry is NaN or infinite, a scale is not positive, or shapes do not fit."""
        if self.mean.shape != self.valid.shape or self.mean.shape[-1] != self.coverage.shape[-1]:
            raise InputError(
                f"{who}: mean {tuple(self.mean.shape)}, valid {tuple(self.valid.shape)} and coverage "
                f"{tuple(self.coverage.shape)} do not fit together; expected [B, D], [B, D], [D]"
            )
        bad = ~torch.isfinite(self.mean)
        if self.scale is not None:
            bad = bad | ~torch.isfinite(self.scale) | (self.scale <= 0)
        rows = (bad & self.valid).any(-1).nonzero().flatten().tolist()
        if rows:
            raise InputError(
                f"{who} answered NaN, infinity or a scale that is not positive in {len(rows)} of {len(self)} rows "
                f"(first positions {rows[:5]}): mend the model or its input, or let it abstain there"
            )
