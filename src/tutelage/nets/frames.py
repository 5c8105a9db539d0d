"""A net that says something at every moment of a sequence of frames."""

from __future__ import annotations

from torch import Tensor, nn

from ..core import InputError
from .conv import convolution


class FrameNet(nn.Module):
    """Convolutions over time and bands, what is around each moment, perhaps recurrent units, and a linear head.

    Of the kind of Shi, Bai and Yao 2017. Each stage halves the bands, and each but the last halves the time, so that
    there is one answer per `2 ** (stages - 1)` frames.

    Args:
        bands: numbers per frame, neighbours in pitch beside each other.
        outputs: number of outputs at each moment.
        widths: channels of the stages.
        units: gated recurrent units in each direction; none with 0.
        around: moments that are looked at together before the head, odd.
        dropout: probability, before the head.

    Raises:
        InputError: there is no stage, more stages than the bands can be halved, or `around` is even.
    """

    def __init__(
        self,
        bands: int,
        outputs: int,
        widths: tuple[int, ...] = (16, 32, 32),
        *,
        units: int = 0,
        around: int = 5,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        left = bands >> len(widths)
        if not widths or not left or around % 2 == 0:
            raise InputError(
                f"FrameNet needs at least one stage, no more than {bands} bands can be halved, and an odd number of "
                f"moments around; got {widths=} and {around=}"
            )
        stages: list[nn.Module] = []
        before = 1
        for number, width in enumerate(widths, 1):
            stages += [*convolution(before, width), nn.MaxPool2d((2 if number < len(widths) else 1, 2))]
            before = width
        self.stages = nn.Sequential(*stages)
        self.around = nn.Sequential(
            nn.Conv1d(before * left, before, around, padding=around // 2, bias=False), nn.BatchNorm1d(before), nn.ReLU()
        )
        self.units = nn.GRU(before, units, batch_first=True, bidirectional=True) if units else None
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(2 * units or before, outputs)

    def forward(self, frames: Tensor) -> Tensor:
        """[B, time // 2 ** (stages - 1), outputs] from frames [B, time, bands]."""
        maps: Tensor = self.stages(frames.unsqueeze(1))
        hidden: Tensor = self.around(maps.transpose(2, 3).flatten(1, 2)).transpose(1, 2)
        if self.units is not None:
            hidden = self.units(hidden)[0]
        return self.head(self.dropout(hidden))
