"""Sound features against a reference that is written as the definition reads, without any fast transform."""

from __future__ import annotations

import cmath
import math

import numpy as np
import pytest

from tutelage.core import InputError
from tutelage.data.recipe import Recipe
from tutelage.data.steps import LogMel


def reference(
    wave: list[float], rate: int, window: int, hop: int, mels: int, low: float, high: float
) -> list[list[float]]:
    """Log-mel energies [frames][mels], sum by sum."""
    first, last = (2595 * math.log10(1 + hertz / 700) for hertz in (low, high))
    edges = [700 * (10 ** ((first + n * (last - first) / (mels + 1)) / 2595) - 1) for n in range(mels + 2)]
    found: list[list[float]] = []
    for start in range(0, len(wave) - window + 1, hop):
        cut = [wave[start + n] * 0.5 * (1 - math.cos(2 * math.pi * n / window)) for n in range(window)]
        energy = [0.0] * mels
        for k in range(window // 2 + 1):
            power = abs(sum(x * cmath.exp(-2j * math.pi * k * n / window) for n, x in enumerate(cut))) ** 2
            hertz = k * rate / window
            for m in range(mels):
                rising = (hertz - edges[m]) / (edges[m + 1] - edges[m])
                falling = (edges[m + 2] - hertz) / (edges[m + 2] - edges[m + 1])
                energy[m] += max(0.0, min(rising, falling)) * power
        found.append([math.log(max(e, 1e-10)) for e in energy])
    return found


def transformed(frame: list[float], count: int) -> list[float]:
    """The orthonormal cosine transform of type 2."""
    size = len(frame)
    return [
        math.sqrt((1 if k == 0 else 2) / size)
        * sum(x * math.cos(math.pi * k * (2 * n + 1) / (2 * size)) for n, x in enumerate(frame))
        for k in range(count)
    ]


def features(step: LogMel, waves: np.ndarray) -> np.ndarray:
    return Recipe((step,), {"out": "wave"}).fit({"wave": waves}).apply({"wave": waves})["out"]


@pytest.mark.parametrize("settings", [(8000, 80, 33, 7, 0.0, 4000.0), (16000, 51, 51, 5, 300.0, 6000.0)])
def test_log_mel_is_its_definition(settings: tuple[int, int, int, int, float, float]) -> None:
    chance = np.random.default_rng(0)
    waves = np.stack([chance.normal(size=300), np.sin(np.arange(300) / 3), np.zeros(300)])
    found = features(LogMel(("wave",), *settings), waves)
    cepstra = features(LogMel(("wave",), *settings, cepstra=4), waves)
    for wave, row, other in zip(waves, found, cepstra, strict=True):
        wanted = reference(wave.tolist(), *settings)
        assert np.allclose(row, wanted, rtol=1e-6, atol=1e-5)
        assert np.allclose(other, [transformed(frame, 4) for frame in wanted], rtol=1e-6, atol=1e-5)


def test_a_tone_lands_in_its_filter() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(8000) / 8000)[None]
    step = LogMel(("wave",), 8000, 400, 160, 20)
    found = features(step, tone)[0].mean(0)
    filters = step.constants()["filters"]
    assert int(found.argmax()) == int(filters[50].argmax())


def test_settings_and_shapes_are_checked() -> None:
    with pytest.raises(InputError, match="a frame takes 400"):
        features(LogMel(("wave",)), np.zeros((2, 100)))
    with pytest.raises(InputError, match="0 <= low < high <= rate / 2"):
        LogMel(("wave",), 8000, high=5000.0)
    with pytest.raises(InputError, match="cepstra are 1 to the number of mels"):
        LogMel(("wave",), cepstra=50)
    with pytest.raises(InputError, match=r"takes arrays \[rows, samples\]"):
        features(LogMel(("wave",)), np.zeros((2, 500, 2)))
