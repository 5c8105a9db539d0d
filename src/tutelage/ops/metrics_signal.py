"""Measures of quality of waves, in decibels and float64; truth and guess are [..., samples], results [...]."""

from __future__ import annotations

import torch
from torch import Tensor


def snr(truth: Tensor, guess: Tensor) -> Tensor:
    """Power of the truth over power of the error; infinite where there is none."""
    truth, guess = truth.double(), guess.double()
    return _decibels(truth, guess - truth)


def si_sdr(truth: Tensor, guess: Tensor, *, centred: bool = False) -> Tensor:
    """Power of what the guess has of the truth over power of the rest, at whatever volume; Le Roux et al. 2019.

    Args:
        truth: not silent, or the result is minus infinity.
        guess: of the same shape.
        centred: whether means are taken off first, as in the scale-invariant signal-to-noise ratio (SI-SNR).
    """
    truth, guess = truth.double(), guess.double()
    if centred:
        truth, guess = (wave - wave.mean(-1, keepdim=True) for wave in (truth, guess))
    power = truth.square().sum(-1, keepdim=True)
    share = (truth * guess).sum(-1, keepdim=True) / power.masked_fill(power == 0, 1.0)
    return _decibels(share * truth, guess - share * truth)


def _decibels(wanted: Tensor, rest: Tensor) -> Tensor:
    return 10 * (torch.log10(wanted.square().sum(-1)) - torch.log10(rest.square().sum(-1)))
