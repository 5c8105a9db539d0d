"""Waves freed from noise: as many numbers as samples, judged as one sound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from ..core import InputError, Values
from ..ops.losses import constants
from ..ops.metrics_signal import si_sdr, snr
from .regression import Regression

MOST = 60.0
"""Decibels beyond which more or less is not counted: a silent answer has -60, a perfect one 60."""


@dataclass(frozen=True)
class Enhancement(Regression):
    """One column per sample, all in the same unit, otherwise as `Regression`.

    A row is one sound. The headline is the scale-invariant ratio of signal to distortion in decibels (SI-SDR; Le Roux
    et al. 2019), which no change of volume moves, and `snr` is the plain ratio of signal to noise. The hard loss stays
    per sample.
    """

    name: ClassVar[str] = "enhancement"
    higher_is_better: ClassVar[Mapping[str, bool]] = {"si_sdr": True, "snr": True}
    loss: Literal["mse", "huber", "nll"] = "mse"
    headline: str = "si_sdr"

    @classmethod
    def of_wave(cls, samples: int, spread: float = 1.0, **settings: Any) -> Enhancement:
        """The task of so many samples around 0, with one spread for all of them."""
        columns = tuple(f"sample {place}" for place in range(samples))
        return cls(columns, (0.0,) * samples, (spread,) * samples, **settings)

    def metrics(self, answer: Values, target: Tensor, labelled: Tensor) -> dict[str, float]:
        """Means over the rows whose every sample is known, in decibels; see `row_metrics`."""
        return {name: float(each.mean()) for name, each in self.row_metrics(answer, target, labelled).items()}

    def row_metrics(self, answer: Values, target: Tensor, labelled: Tensor) -> dict[str, Tensor]:
        """Per row whose every sample is known, between -60 and 60; where nothing is said, silence is heard.

        Raises:
            InputError: there is no such row.
        """
        known = labelled.all(-1)
        if not bool(known.any()):
            raise InputError("no labelled entries to measure on: a wave counts when all its samples are known")
        heard = torch.where(answer.valid, answer.mean, constants(self.centre, answer.mean))[known]
        rules = {"si_sdr": si_sdr, "snr": snr}
        found = {name: rule(target[known], heard) for name, rule in rules.items()}
        return {name: each.nan_to_num(-MOST).clamp(-MOST, MOST) for name, each in found.items()}
