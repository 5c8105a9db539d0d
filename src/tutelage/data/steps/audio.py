"""Sound to features: log-mel spectra and cepstral coefficients, in NumPy and torch alike.

Frames of `window` samples every `hop` samples, the last incomplete one left out; periodic Hann window; power spectrum;
triangular filters with peak 1, evenly spaced on the mel scale 2595 * log10(1 + f / 700); natural logarithm.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

import narwhals.stable.v2 as nw
import numpy as np
from torch import nn

from ...core import InputError
from .arrays import InTorch, check_shape, in_numpy
from .step import Column, Given, Kind, Role, State, check_columns, no_frame, plain

FLOOR = 1e-10
"""Energies below this count as this before the logarithm."""


@final
@dataclass(frozen=True)
class LogMel:
    """Waveforms [N, samples] to log-mel spectra [N, frames, mels], or to cepstral coefficients [N, frames, cepstra].

    Args:
        columns: columns of waveforms, replaced.
        rate: samples per second.
        window: samples of a frame.
        hop: samples from one frame to the next.
        mels: number of filters.
        low: lowest frequency, in Hz.
        high: highest frequency, in Hz; half the rate unless given.
        cepstra: with a number, so many coefficients of the orthonormal cosine transform (type 2) of each frame (MFCC).

    Raises:
        InputError: a setting is out of range; on use, waveforms of another shape or shorter than a frame.
    """

    name: ClassVar[str] = "log-mel"
    version: ClassVar[int] = 1
    takes: ClassVar[tuple[Role, ...]] = ("array",)
    columns: tuple[str, ...]
    rate: int = 16_000
    window: int = 400
    hop: int = 160
    mels: int = 40
    low: float = 0.0
    high: float | None = None
    cepstra: int | None = None

    def __post_init__(self) -> None:
        check_columns(self, self.columns)
        top = self.rate / 2 if self.high is None else self.high
        if min(self.rate, self.window, self.hop, self.mels) < 1 or not 0 <= self.low < top <= self.rate / 2:
            raise InputError(f"{self}: sizes are at least 1, and 0 <= low < high <= rate / 2")
        if self.cepstra is not None and not 1 <= self.cepstra <= self.mels:
            raise InputError(f"{self}: cepstra are 1 to the number of mels")

    @property
    def kind(self) -> Kind:
        """Row-wise."""
        return "row-wise"

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns."""
        return self.columns

    @property
    def writes(self) -> tuple[str, ...]:
        """The same."""
        return self.columns

    def made(self, given: Given, state: State) -> dict[str, Column]:
        """Arrays."""
        return plain(self.columns, "array")

    def arrays(self, given: Given, state: State) -> Callable[..., tuple[np.ndarray, ...]]:
        """In NumPy."""
        return in_numpy(self._features, self.constants())

    def module(self, given: Given, state: State) -> nn.Module:
        """In torch."""
        return InTorch(self._features, self.constants())

    def frame(self, frame: nw.LazyFrame, given: Given, state: State) -> nw.LazyFrame:
        """There is none."""
        raise no_frame(self)

    def constants(self) -> dict[str, np.ndarray]:
        """Window [W], filters [W // 2 + 1, mels] and, for cepstra, the cosine transform [mels, cepstra]."""
        ramp = np.arange(self.window)
        top = self.rate / 2 if self.high is None else self.high
        edges = np.linspace(_mel(self.low), _mel(top), self.mels + 2)
        hertz = 700 * (10 ** (edges / 2595) - 1)
        bins = np.arange(self.window // 2 + 1)[:, None] * self.rate / self.window
        left, middle, right = hertz[:-2], hertz[1:-1], hertz[2:]
        rising, falling = (bins - left) / (middle - left), (right - bins) / (right - middle)
        filters = np.maximum(0.0, np.minimum(rising, falling))
        found = {"window": 0.5 - 0.5 * np.cos(2 * np.pi * ramp / self.window), "filters": filters}
        return found if self.cepstra is None else found | {"cosines": _cosines(self.mels, self.cepstra)}

    def _features(self, xp: Any, wave: Any, constants: Mapping[str, Any]) -> Any:
        check_shape(f"step {self.name!r}", wave, (2,), "[rows, samples]")
        frames = 1 + (wave.shape[1] - self.window) // self.hop
        if frames < 1:
            raise InputError(f"waveforms have {wave.shape[1]} samples, a frame takes {self.window}")
        at = np.arange(frames)[:, None] * self.hop + np.arange(self.window)
        cut = wave[:, at.ravel()].reshape(len(wave), frames, self.window)
        power = abs(xp.fft.rfft(cut * constants["window"])) ** 2
        energy = power @ constants["filters"]
        logs = xp.log(xp.where(energy > FLOOR, energy, xp.full_like(energy, FLOOR)))
        return logs if self.cepstra is None else logs @ constants["cosines"]


def _mel(hertz: float) -> float:
    return 2595 * math.log10(1 + hertz / 700)


def _cosines(size: int, count: int) -> np.ndarray:
    wave, place = np.arange(count), np.arange(size)[:, None]
    found = np.cos(np.pi * (place + 0.5) * wave / size) * math.sqrt(2 / size)
    found[:, 0] /= math.sqrt(2)
    return found
