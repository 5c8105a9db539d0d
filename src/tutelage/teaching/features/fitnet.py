"""FitNet: the student's features, through a regressor, are to be the teacher's."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from ...core import Context


@dataclass(frozen=True)
class FitNet:
    """Squared difference of the features, mean over all entries of a row (Romero et al., 2015).

    The regressor of the paper is the hint's adapter.
    """

    name = "fitnet"
    source = "romero2015"
    needs = frozenset[str]()
    aligned = True

    def loss(self, student: Tensor, teacher: Tensor, context: Context, head: nn.Module | None = None) -> Tensor:
        """[B]."""
        return (student - teacher).square().flatten(1).mean(1)
