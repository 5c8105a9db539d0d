"""Noise by seed, and mixtures of it with sounds at a stated ratio."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from ..core import InputError

Noise = Callable[[int, int, int, np.random.Generator], np.ndarray]
"""From a number of waves, samples, samples per second and chance to waves [N, samples] of any power."""


def coloured(count: int, samples: int, rate: int, chance: np.random.Generator, *, slope: float) -> np.ndarray:
    """Normal noise whose power falls with frequency to this power: 0 white, 1 pink; [count, samples]."""
    spectrum = np.fft.rfft(chance.standard_normal((count, samples)))
    place = np.maximum(np.arange(spectrum.shape[1]), 1)
    return np.fft.irfft(spectrum * place ** (-slope / 2), samples)


def hum(count: int, samples: int, rate: int, chance: np.random.Generator, *, overtones: int = 12) -> np.ndarray:
    """The hum of the mains, at 50 or 60 Hz and its multiples, each of a loudness and phase of its own."""
    base = chance.choice([50.0, 60.0], count) * chance.uniform(0.995, 1.005, count)
    loud = chance.uniform(0.2, 1.0, (count, overtones)) / np.sqrt(np.arange(1, overtones + 1))
    turn = chance.uniform(0, 2 * np.pi, (count, overtones, 1))
    angle = 2 * np.pi * base[:, None] * np.arange(samples) / rate
    found = np.zeros((count, samples))
    for number in range(overtones):
        found += loud[:, number, None] * np.sin((number + 1) * angle + turn[:, number])
    return found


def crackle(
    count: int, samples: int, rate: int, chance: np.random.Generator, *, per_second: float = 40.0
) -> np.ndarray:
    """Clicks at random moments, each of which dies away within a few thousandths of a second."""
    hits = chance.random((count, samples)) < per_second / rate
    hits[:, samples // 2] = True
    struck = hits * chance.standard_normal((count, samples))
    decay = np.exp(-np.arange(samples) / (0.002 * rate)) * chance.standard_normal(samples)
    return np.fft.irfft(np.fft.rfft(struck, 2 * samples) * np.fft.rfft(decay, 2 * samples), 2 * samples)[:, :samples]


NOISES: Mapping[str, Noise] = {
    "white": partial(coloured, slope=0.0),
    "pink": partial(coloured, slope=1.0),
    "hum": hum,
    "crackle": crackle,
}
"""Noises that are made from nothing but chance."""


def babble(waves: np.ndarray, chance: np.random.Generator, voices: int = 4) -> np.ndarray:
    """For each wave the sum of some others, each shifted around by chance: people who talk in the background.

    Args:
        waves: [N, samples]; all of them may be heard behind each other.
        chance: draws who is heard.
        voices: how many are, or as many others as there are.

    Raises:
        InputError: there is only one wave.
    """
    count, samples = waves.shape
    if count < 2:
        raise InputError("babble needs other waves to be made of, got one: give more, or another noise")
    steps = np.stack([chance.permutation(count - 1)[:voices] + 1 for _ in range(count)])
    who = (np.arange(count)[:, None] + steps) % count
    when = (np.arange(samples) + chance.integers(samples, size=who.shape)[..., None]) % samples
    return waves[who[..., None], when].sum(1)


def power(waves: np.ndarray) -> np.ndarray:
    """Mean square of each wave, float64 [N, 1]."""
    return np.square(waves, dtype=np.float64).mean(-1, keepdims=True)


def added(waves: np.ndarray, noise: np.ndarray, decibels: np.ndarray) -> np.ndarray:
    """Waves with noise, at the stated ratio of their mean powers.

    Args:
        waves: [N, samples].
        noise: [N, samples], at any volume.
        decibels: [N]; 0 for as loud as each other, above where the wave is louder.

    Returns:
        float64 [N, samples].

    Raises:
        InputError: shapes differ, or a wave or its noise is silent, so that no ratio can be kept.
    """
    if waves.shape != noise.shape or decibels.shape != waves.shape[:1]:
        raise InputError(
            f"waves {waves.shape} and noise {noise.shape} need one shape [N, samples], with {decibels.shape} decibels "
            "one per wave: cut or repeat the noise"
        )
    signal, disturbance = power(waves), power(noise)
    silent = np.flatnonzero((signal * disturbance)[:, 0] <= 0)
    if len(silent):
        raise InputError(
            f"no ratio of powers can be kept where wave or noise is silent, as in {len(silent)} rows (first "
            f"{silent[:5].tolist()}): leave them out"
        )
    return waves + noise * np.sqrt(signal / disturbance / 10.0 ** (decibels[:, None] / 10.0))
