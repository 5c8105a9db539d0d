"""Answers that say yes or no to each of C labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

import torch
from torch import Tensor

from ..errors import InputError
from .classes import cover, covering, joined
from .space import FLOOR


@final
@dataclass(frozen=True)
class Labels:
    """Log-odds of C labels, each on its own.

    Attributes:
        logits: float [B, C] (stacked: [T, B, C]), log-odds of "yes"; 0 off coverage.
        coverage: bool [C] (stacked: [T, C]).
        valid: bool [B, C] (stacked: [T, B, C]), False where the teacher says nothing.
    """

    kind_of_space: ClassVar[str] = "labels"
    logits: Tensor
    coverage: Tensor
    valid: Tensor

    @classmethod
    def of(cls, logits: Tensor, *, valid: Tensor | None = None, coverage: Tensor | None = None) -> Labels:
        """An answer with everything covered and valid unless said otherwise; `valid` may be [B]."""
        if coverage is None:
            coverage = torch.ones(logits.shape[-1], dtype=torch.bool, device=logits.device)
            coverage = coverage.expand(*logits.shape[:-2], logits.shape[-1])
        if valid is None:
            valid = torch.ones_like(logits, dtype=torch.bool)
        elif valid.dim() < logits.dim():
            valid = valid.unsqueeze(-1).expand_as(logits)
        return Labels(logits.masked_fill(~cover(coverage), 0.0), coverage, valid & cover(coverage))

    @classmethod
    def from_probs(cls, probs: Tensor, *, valid: Tensor | None = None, coverage: Tensor | None = None) -> Labels:
        """An answer from probabilities of "yes", floored at both ends."""
        return Labels.of(torch.logit(probs, eps=FLOOR), valid=valid, coverage=coverage)

    @property
    def items(self) -> tuple[int, ...]:
        """[B, C]: one loss value per row and label."""
        return tuple(self.logits.shape)

    def __len__(self) -> int:
        return int(self.logits.shape[-2])

    def probs(self, temperature: float = 1.0) -> Tensor:
        """Probability of "yes" per label."""
        return torch.sigmoid(self.logits / temperature)

    def take(self, rows: Tensor | slice) -> Labels:
        """The answers about these positions."""
        return Labels(self.logits[..., rows, :], self.coverage, self.valid[..., rows, :])

    def aligned(self, groups: Sequence[Sequence[int]]) -> Labels:
        """The same answer over other labels; several old labels under one name: the largest log-odds."""
        logits, valid, known = [], [], []
        for group in groups:
            index = torch.tensor(list(group), dtype=torch.int64)
            if len(group) == 0:
                logits.append(torch.zeros(len(self)))
                valid.append(torch.zeros(len(self), dtype=torch.bool))
            else:
                logits.append(self.logits[..., index].amax(-1))
                valid.append(self.valid[..., index].any(-1))
            known.append(any(bool(self.coverage[i]) for i in group))
        return Labels(torch.stack(logits, -1), torch.tensor(known), torch.stack(valid, -1))

    def to_arrays(self) -> dict[str, Tensor]:
        """`logits` float [B, C] and `valid` bool [B, C]."""
        return {"logits": self.logits, "valid": self.valid}

    def meta(self) -> dict[str, Any]:
        """Coverage."""
        return {"coverage": self.coverage.tolist()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Tensor], meta: Mapping[str, Any]) -> Labels:
        """The inverse of `to_arrays` and `meta`."""
        return Labels(arrays["logits"], covering(meta["coverage"], arrays["logits"].device), arrays["valid"])

    @classmethod
    def stack(cls, answers: Sequence[Labels]) -> Labels:
        """[T, B, C] of several teachers."""
        logits, valid = joined([a.logits for a in answers]), joined([a.valid for a in answers])
        if not bool(valid.all()):
            logits = logits.masked_fill(~valid, 0.0)
        return Labels(logits, joined([a.coverage for a in answers]), valid)

    @classmethod
    def concat(cls, answers: Sequence[Labels]) -> Labels:
        """One answer about all rows, in order; coverage of the first."""
        logits = torch.cat([a.logits for a in answers], dim=-2)
        return Labels(logits, answers[0].coverage, torch.cat([a.valid for a in answers], dim=-2))

    def check(self, who: str) -> None:
        """Raises InputError when a valid entry is NaN or infinite, or shapes do not fit."""
        if self.logits.shape != self.valid.shape or self.logits.shape[-1] != self.coverage.shape[-1]:
            raise InputError(
                f"{who}: log-odds {tuple(self.logits.shape)}, valid {tuple(self.valid.shape)} and coverage "
                f"{tuple(self.coverage.shape)} do not fit together; expected [B, C], [B, C], [C]"
            )
        bad = (~torch.isfinite(self.logits) & self.valid).any(-1)
        if bool(bad.any()):
            rows = bad.nonzero().flatten().tolist()
            raise InputError(
                f"{who} answered NaN or infinity in {len(rows)} of {len(self)} rows (first positions {rows[:5]}): "
                "mend the model or its input, or let it abstain there"
            )
