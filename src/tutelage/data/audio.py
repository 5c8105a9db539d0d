"""Sound: clips read from files, and the logarithmic mel spectrogram."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..core import InputError, require

DEPTH = 60.0
"""Decibels below the loudest place of a clip that count as silence."""


def read_clip(path: Path, rate: int) -> np.ndarray:
    """The wave of a sound file, float32 [samples] in [-1, 1]; the mean of its channels.

    Args:
        path: a file of any format that libsndfile reads, such as WAV, FLAC or OGG.
        rate: samples per second that it must have.

    Raises:
        InputError: it cannot be read, has another rate, or holds no sound.
    """
    files: Any = require("soundfile", extra="audio", why="read sound files")
    try:
        wave, found = files.read(str(path), dtype="float32", always_2d=True)
    except (files.LibsndfileError, OSError) as error:
        raise InputError(
            f"{path} cannot be read as sound ({error}): replace it or take it out of the folder"
        ) from error
    if found != rate:
        raise InputError(f"{path} has {found} samples per second, {rate} are needed: resample it")
    if not len(wave):
        raise InputError(f"{path} has no samples: take it out of the folder")
    return wave.mean(1)


def mel(hertz: np.ndarray) -> np.ndarray:
    """Pitch in mel: 2595 log10(1 + f / 700), O'Shaughnessy 1987."""
    return np.asarray(2595.0 * np.log10(1.0 + np.asarray(hertz, dtype=np.float64) / 700.0))


def mel_filters(bands: int, size: int, rate: int) -> np.ndarray:
    """Triangles of height 1 that are evenly spaced in mel from 0 to half the rate.

    Args:
        bands: number of filters.
        size: samples of the Fourier transform.
        rate: samples per second.

    Returns:
        float64 [bands, size // 2 + 1].

    Raises:
        InputError: a filter would lie between two bins of the transform.
    """
    edges = 700.0 * (10.0 ** (np.linspace(0.0, mel(np.array(rate / 2)), bands + 2) / 2595.0) - 1.0)
    bins = np.arange(size // 2 + 1) * rate / size
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    found = np.maximum(0.0, np.minimum((bins - low) / (middle - low), (high - bins) / (high - middle)))
    empty = np.flatnonzero(found.sum(1) == 0)
    if len(empty):
        raise InputError(f"mel filters {empty.tolist()} of {bands} are empty: take fewer, or more than {size} samples")
    return found


def log_mel(
    wave: np.ndarray, rate: int, *, bands: int = 24, frames: int = 48, window: float = 0.025, hop: float = 0.015
) -> np.ndarray:
    """How loud each band is over time, from silence, 0, to the loudest place of the clip, 1; 60 decibels lie between.

    Silence at both ends is cut off. What is left is put into the middle; what does not fit is cut off at both sides.

    Args:
        wave: [samples].
        rate: samples per second.
        bands: mel bands.
        frames: length of the result.
        window: length of a (Hann) window, in seconds.
        hop: from window to window, in seconds.

    Returns:
        float32 [frames, bands].
    """
    length, step = round(window * rate), round(hop * rate)
    size = 1 << (length - 1).bit_length()
    padded = np.pad(np.asarray(wave, dtype=np.float64), (0, max(0, length - len(wave))))
    pieces = np.lib.stride_tricks.sliding_window_view(padded, length)[::step]
    power = np.abs(np.fft.rfft(pieces * np.hanning(length + 1)[:-1], size)) ** 2
    energy = power @ mel_filters(bands, size, rate).T
    loudest = energy.max()
    if loudest <= 0:
        return np.zeros((frames, bands), dtype=np.float32)
    level = np.maximum(1.0 + 10.0 * np.log10(np.maximum(energy / loudest, 1e-12)) / DEPTH, 0.0)
    heard = np.flatnonzero(level.max(1) > 1.0 / 3.0)
    level = level[heard[0] : heard[-1] + 1]
    spare = len(level) - frames
    if spare > 0:
        return level[spare // 2 : spare // 2 + frames].astype(np.float32)
    return np.pad(level, ((-spare // 2, -spare - -spare // 2), (0, 0))).astype(np.float32)


def cepstrum(level: np.ndarray, count: int = 13) -> np.ndarray:
    """Mel-frequency cepstral coefficients (Davis and Mermelstein 1980): the orthonormal cosine transform over bands.

    Args:
        level: logarithms per band [..., bands].
        count: coefficients that are kept; the first is the loudness.

    Returns:
        [..., count], of the type of `level`.
    """
    bands = level.shape[-1]
    order, place = np.arange(count)[:, None], np.arange(bands)[None]
    basis = np.sqrt(2.0 / bands) * np.cos(np.pi * order * (place + 0.5) / bands)
    basis[0] /= np.sqrt(2.0)
    return level @ basis.T.astype(level.dtype)
