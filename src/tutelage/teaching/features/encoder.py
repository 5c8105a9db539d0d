"""Several encoders at once: direction and size of features, token type by token type."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import smooth_l1_loss

from ...core import Context, InputError
from .geometry import unit


@dataclass(frozen=True)
class Encoder:
    """cosine · (1 - cos) + smooth · smooth-L1, as for agglomerative encoders (Ranzinger et al., 2024).

    Made for teachers of different widths and scales: standardise them first (`standardised`), with an adapter for each;
    `Drop` then attends to the teacher that is learnt worst. Summary tokens and patches are two types, whose means count
    the same.

    Args:
        cosine: strength of the direction.
        smooth: strength of the size, mean over entries.
        prefix: number of summary tokens in front of the patches of [B, L, D]; 0 where all tokens are of one type.
    """

    name = "encoder"
    source = "ranzinger2024"
    needs = frozenset[str]()
    aligned = True

    cosine: float = 0.9
    smooth: float = 0.1
    prefix: int = 0

    def __post_init__(self) -> None:
        if min(self.cosine, self.smooth) < 0 or self.cosine + self.smooth <= 0 or self.prefix < 0:
            raise InputError(
                f"strengths must not be negative or both 0, nor the prefix negative: got cosine={self.cosine}, "
                f"smooth={self.smooth}, prefix={self.prefix}"
            )

    def loss(self, student: Tensor, teacher: Tensor, context: Context, head: nn.Module | None = None) -> Tensor:
        """[B].

        Raises:
            InputError: a prefix without tokens behind it.
        """
        own, other = _tokens(student), _tokens(teacher)
        if self.prefix and own.shape[1] <= self.prefix:
            raise InputError(f"prefix={self.prefix} needs more tokens than {own.shape[1]}: [B, L, D] with patches")
        away = 1.0 - (unit(own) * unit(other)).sum(-1)
        size = smooth_l1_loss(own, other, reduction="none").mean(-1)
        tokens = self.cosine * away + self.smooth * size
        if not self.prefix:
            return tokens.mean(1)
        return torch.stack([tokens[:, : self.prefix].mean(1), tokens[:, self.prefix :].mean(1)]).mean(0)


def _tokens(features: Tensor) -> Tensor:
    """[B, L, D]: a vector is one token, a map has one per cell."""
    if features.dim() == 4:
        return features.flatten(2).transpose(1, 2)
    return features if features.dim() == 3 else features.unsqueeze(1)
