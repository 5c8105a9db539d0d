"""Nets that take noise out of a wave: they say, per moment and frequency, which share is wanted.

What they answer is the wave of the masked spectrum. Its phase is that of what was heard, and the way back from a
spectrum is linear: the mean of several such waves is the wave of the mean mask.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import final

import torch
from torch import Tensor, nn

from ..ops.frames import from_frames, to_frames

FAINT = 1e-4
"""Added to magnitudes, of waves of power 1, before their logarithm is taken."""
REACH = 7
"""Frames that `ConvMask` hears on either side of one."""


class Mask(nn.Module, ABC):
    """Masks the short-time spectrum of a wave; a subclass says how, in `shares`.

    It hears log magnitudes, normalised per frequency over the batch (Ioffe and Szegedy 2015).

    Args:
        size: samples of a frame, even: 256 are 32 ms at 8 kHz; they overlap by half.
    """

    def __init__(self, size: int = 256) -> None:
        super().__init__()
        self.size = size
        self.bins = size // 2 + 1
        self.norm = nn.BatchNorm1d(self.bins)

    @abstractmethod
    def shares(self, level: Tensor) -> Tensor:
        """[B, frames, bins], before the sigmoid, from normalised log magnitudes in the same shape."""
        ...

    def forward(self, wave: Tensor) -> Tensor:
        """[B, samples], like the wave."""
        spectrum = to_frames(wave, self.size)
        level = torch.log(spectrum.abs() / self.size**0.5 + FAINT)
        mask = self.shares(self.norm(level.transpose(1, 2)).transpose(1, 2)).sigmoid()
        return from_frames(mask * spectrum, wave.shape[1])


@final
class ConvMask(Mask):
    """Convolutions over frames and frequencies, wider and wider apart; half as many frequencies in between.

    Args:
        width: channels.
        size: samples of a frame, a multiple of 4.
        ahead: whether the net also hears the next 7 frames; without, it hears the last 14 and answers as one speaks.
    """

    def __init__(self, width: int = 16, size: int = 256, *, ahead: bool = True) -> None:
        super().__init__(size)
        self.late = 0 if ahead else REACH
        self.body = nn.Sequential(
            nn.Conv2d(1, width, (3, 5), (1, 2), (1, 2)),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=(1, 2), dilation=(1, 2)),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=(4, 1), dilation=(4, 1)),
            nn.ReLU(),
            nn.ConvTranspose2d(width, 1, (3, 5), (1, 2), (1, 2)),
        )

    def shares(self, level: Tensor) -> Tensor:
        """See `Mask`."""
        earlier = nn.functional.pad(level, (0, 0, self.late, 0))
        return self.body(earlier.unsqueeze(1)).squeeze(1)[:, : level.shape[1]]


@final
class RecurrentMask(Mask):
    """Gated recurrent units (Cho et al. 2014) over frames.

    Args:
        width: units, each way.
        size: samples of a frame.
        ahead: whether the net also hears what comes later; without, it answers as one speaks.
    """

    def __init__(self, width: int = 32, size: int = 256, *, ahead: bool = True) -> None:
        super().__init__(size)
        self.units = nn.GRU(self.bins, width, batch_first=True, bidirectional=ahead)
        self.head = nn.Linear(2 * width if ahead else width, self.bins)

    def shares(self, level: Tensor) -> Tensor:
        """See `Mask`."""
        return self.head(self.units(level)[0])
