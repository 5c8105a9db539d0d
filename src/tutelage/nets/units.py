"""From standardised outputs back to the units of the target."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class InUnits(nn.Module):
    """A module whose outputs are multiplied by a spread and moved to a centre, column by column.

    Args:
        module: answers [B, D] in spreads around the centre.
        centre: one number per column, in units of the target.
        spread: one positive number per column, likewise.
    """

    centre: Tensor
    spread: Tensor

    def __init__(self, module: nn.Module, centre: Sequence[float], spread: Sequence[float]) -> None:
        super().__init__()
        self.module = module
        self.register_buffer("centre", torch.tensor(centre, dtype=torch.float32))
        self.register_buffer("spread", torch.tensor(spread, dtype=torch.float32))

    def forward(self, *columns: Tensor) -> Tensor:
        """[B, D] in units of the target."""
        return self.module(*columns) * self.spread + self.centre


class MeanAndScale(nn.Module):
    """The same for a module that answers means and, behind them, numbers whose softplus is the standard deviation.

    Args:
        module: answers [B, 2 D].
        centre: as in `InUnits`.
        spread: likewise.
        smallest: what is added to every standard deviation, in spreads.
    """

    def __init__(self, module: nn.Module, centre: Sequence[float], spread: Sequence[float], smallest: float) -> None:
        super().__init__()
        self.module, self.units, self.smallest = module, InUnits(nn.Identity(), centre, spread), smallest

    def forward(self, *columns: Tensor) -> dict[str, Tensor]:
        """`mean` and `scale`, [B, D] each, in units of the target."""
        mean, rest = self.module(*columns).chunk(2, -1)
        scale = torch.nn.functional.softplus(rest) + self.smallest
        return {"mean": self.units(mean), "scale": scale * self.units.spread}
