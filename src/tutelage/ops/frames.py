"""Waves as overlapping frames in the frequency domain, and back; plain reshaping, so that it works under `torch.vmap`.

Frames overlap by half and meet the same window, the root of a Hann window, on both ways, whose squares add up to 1:
what is not changed in between comes back as it was (Allen and Rabiner 1977).
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..core import InputError


def to_frames(wave: Tensor, size: int = 256) -> Tensor:
    """The short-time Fourier transform.

    Args:
        wave: [B, samples], at least one; silence is put before and after it.
        size: samples of a frame, even: 256 are 32 ms at 8 kHz.

    Returns:
        complex [B, frames, size // 2 + 1], where frames is samples / (size / 2), rounded up, plus 1.

    Raises:
        InputError: the wave has another shape, or the size is odd or below 2.
    """
    if wave.dim() != 2 or not wave.shape[1] or size < 2 or size % 2:
        raise InputError(f"frames of an even size are cut from waves [B, samples], got {tuple(wave.shape)} and {size=}")
    hop = size // 2
    blocks = torch.nn.functional.pad(wave, (hop, hop + -wave.shape[1] % hop)).unflatten(1, (-1, hop))
    return torch.fft.rfft(torch.cat([blocks[:, :-1], blocks[:, 1:]], -1) * _window(size, wave))


def from_frames(spectrum: Tensor, samples: int) -> Tensor:
    """The inverse of `to_frames`, linear in the spectrum.

    Args:
        spectrum: complex [B, frames, bins].
        samples: of the wave, at most (frames - 1) times half a frame.

    Returns:
        float [B, samples].
    """
    size = 2 * (spectrum.shape[-1] - 1)
    frames = torch.fft.irfft(spectrum, size)
    frames = frames * _window(size, frames)
    early, late = frames.chunk(2, -1)
    return (late[:, :-1] + early[:, 1:]).flatten(1)[:, :samples]


def _window(size: int, like: Tensor) -> Tensor:
    return torch.sin(torch.arange(size, dtype=like.dtype, device=like.device) * (torch.pi / size))
