"""Waves in frames and back, noise at the asked ratio, masks, a rule without labels, and a short run on real clips."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tutelage.core import InputError, Values
from tutelage.data.noise import NOISES, added, babble, power
from tutelage.fusion import Mean
from tutelage.nets import ConvMask, Mask, RecurrentMask
from tutelage.ops.frames import from_frames, to_frames
from tutelage.recipes._speech_digits import read_clips
from tutelage.recipes._speech_noise import Subtraction, denoise, unchanged
from tutelage.recipes._speech_waves import (
    KINDS,
    LOUDNESS,
    NOISY,
    SAMPLES,
    UNHEARD,
    Behind,
    Waves,
    half_seconds,
    noise_rows,
)
from tutelage.tasks import Enhancement
from tutelage.testing import check_augmentation, check_teacher
from tutelage.train import Cost
from tutelage.train.evaluate import measured


@pytest.fixture(scope="module")
def waves(data: Path) -> Waves:
    """Two of each speaker and digit."""
    return half_seconds(read_clips(data / "speech-fsdd", 2))


def chance(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize(("samples", "size"), [(4096, 256), (1000, 64), (1, 2)])
def test_what_is_not_changed_comes_back(samples: int, size: int) -> None:
    wave = torch.from_numpy(chance().standard_normal((3, samples)))
    spectrum = to_frames(wave, size)
    assert spectrum.shape == (3, -(-samples // (size // 2)) + 1, size // 2 + 1)
    torch.testing.assert_close(from_frames(spectrum, samples), wave)
    torch.testing.assert_close(torch.vmap(to_frames, in_dims=(0, None))(wave[None], size)[0], spectrum)
    with pytest.raises(InputError, match=r"even size are cut from waves \[B, samples\]"):
        to_frames(wave, size + 1)


def test_frames_are_those_of_torch() -> None:
    wave = torch.from_numpy(chance().standard_normal((2, 1024)))
    window = torch.hann_window(256, dtype=torch.float64).sqrt()
    theirs = torch.stft(wave, 256, 128, window=window, pad_mode="constant", return_complex=True)
    torch.testing.assert_close(to_frames(wave), theirs.transpose(1, 2))


@pytest.mark.parametrize("kind", NOISES)
def test_noise_is_of_its_kind_and_the_same_under_one_seed(kind: str) -> None:
    noise = NOISES[kind](40, SAMPLES, 8000, chance())
    np.testing.assert_array_equal(noise, NOISES[kind](40, SAMPLES, 8000, chance()))
    spectrum = (np.abs(np.fft.rfft(noise)) ** 2).mean(0)
    hertz = np.arange(len(spectrum)) * 8000 / SAMPLES
    low, high = (spectrum[(hertz > a) & (hertz < b)].mean() for a, b in ((100, 500), (2000, 3900)))
    if kind == "white":
        assert low / high == pytest.approx(1.0, rel=0.1)
    if kind == "pink":
        slope = np.polyfit(np.log(hertz[20:-1]), np.log(spectrum[20:-1]), 1)[0]
        assert slope == pytest.approx(-1.0, abs=0.1)
    if kind == "hum":
        assert low / high > 1e3, "overtones end below 750 Hz"
    if kind == "crackle":
        peak = np.abs(noise).max(1) / np.sqrt(power(noise))[:, 0]
        assert np.median(peak) > 5, "clicks stand out"


def test_a_mixture_has_the_asked_ratio(waves: Waves) -> None:
    wave, asked = waves.sound[:20].astype(np.float64), np.linspace(-5, 10, 20)
    for noise in (NOISES["pink"](20, SAMPLES, 8000, chance()), babble(wave, chance())):
        mixture = added(wave, noise, asked)
        np.testing.assert_allclose(10 * np.log10(power(wave) / power(mixture - wave))[:, 0], asked, atol=1e-9)
    with pytest.raises(InputError, match=r"silent, as in 1 rows \(first \[3\]\)"):
        added(wave, noise * (np.arange(20) != 3)[:, None], asked)
    with pytest.raises(InputError, match="need one shape"):
        added(wave, noise[:, :-1], asked)


def test_babble_is_of_others() -> None:
    lines = np.eye(6)
    for seed in range(3):
        found = babble(lines, chance(seed), voices=2)
        np.testing.assert_array_equal(found.sum(1), 2.0)
    apart = np.repeat(np.diag(10.0 ** np.arange(4)).sum(1)[:, None], 3, 1)
    heard = babble(apart, chance(), voices=3)
    np.testing.assert_allclose(heard, apart.sum(0) - apart, err_msg="all but oneself")
    with pytest.raises(InputError, match="babble needs other waves"):
        babble(lines[:1], chance())


def test_who_is_tested_is_never_heard_and_noise_is_as_loud_as_said(waves: Waves) -> None:
    speakers = np.unique(waves.speaker)
    for seed in (0, 4):
        rows = noise_rows(waves, seed, 0.2)
        test = rows.test.check(len(rows))
        rest = np.concatenate([rows.train, rows.validation])
        assert set(waves.speaker[test]) == {speakers[seed]}
        assert speakers[seed] not in set(waves.speaker[rest])
        assert len(test) + len(rest) == len(rows)
        noisy, clean = rows.columns[NOISY], rows.target
        np.testing.assert_allclose(power(noisy), 1.0, rtol=1e-5)
        found = 10 * np.log10(power(clean) / power(noisy - clean))[:, 0]
        np.testing.assert_allclose(found, rows.columns["decibels"], atol=0.01)
        assert (found.min(), found.max()) == pytest.approx(LOUDNESS, abs=1.0)
    shown = rows.labelled[rows.train]
    assert (shown.all(1) == shown.any(1)).all()
    assert 0 < shown[:, 0].mean() < 0.3
    assert UNHEARD not in KINDS
    with pytest.raises(InputError, match=r"share of rows in \(0, 1\], got 2"):
        noise_rows(waves, 0, 2)


def test_clips_are_cut_alike_and_silent_ones_refused(data: Path, waves: Waves) -> None:
    assert waves.sound.shape == (120, SAMPLES)
    assert all((waves.digit == digit).sum() == 12 for digit in range(10))
    clips = read_clips(data / "speech-fsdd", 1)
    silent = replace(clips, waves=(np.zeros(900, dtype=np.float32), *clips.waves[1:]))
    with pytest.raises(InputError, match=r"nothing is heard in 0_george_0\.wav"):
        half_seconds(silent)


@pytest.mark.parametrize("make", [ConvMask, RecurrentMask])
@pytest.mark.parametrize("ahead", [False, True])
def test_masks_only_take_away(make: Any, ahead: bool) -> None:
    net: Mask = make(4, ahead=ahead).eval().requires_grad_(False)
    wave = torch.randn(2, 1000, generator=torch.Generator().manual_seed(0))
    before, after = to_frames(wave), to_frames(net(wave))
    assert net(wave).shape == wave.shape
    assert float(after.abs().square().sum()) < float(before.abs().square().sum())
    later = wave.clone()
    later[:, 600:] = 0
    same = torch.allclose(net(wave)[:, :384], net(later)[:, :384], atol=1e-6)
    assert same != ahead, "what comes later is not heard"


def test_the_mean_of_waves_is_the_wave_of_the_mean_mask() -> None:
    wave = torch.from_numpy(chance().standard_normal((2, 1024)))
    spectrum = to_frames(wave)
    some, other = torch.from_numpy(chance(1).random((2, *spectrum.shape)))
    mean = (from_frames(some * spectrum, 1024) + from_frames(other * spectrum, 1024)) / 2
    torch.testing.assert_close(from_frames((some + other) / 2 * spectrum, 1024), mean)


def test_the_rule_needs_no_labels_and_helps(waves: Waves) -> None:
    rows = noise_rows(waves, 0, 1.0)
    rule = Subtraction(rows.space)
    check_teacher(rule, {NOISY: rows.columns[NOISY][:8]}, changed=replace(rule, floor=0.2))
    check_teacher(unchanged(rows, 0), {NOISY: rows.columns[NOISY][:8]})
    task = rows.task
    assert isinstance(task, Enhancement)
    after, before = (measured(one, rows, task, rows.train)[0]["si_sdr"] for one in (rule, unchanged(rows, 0)))
    assert before == pytest.approx(2.5, abs=1.0), "the middle of -5 to 10"
    assert after > before + 1.0
    silent = rule.answer({NOISY: np.zeros((4, SAMPLES), dtype=np.float32)})
    assert isinstance(silent, Values)
    assert not silent.mean.any()


def test_an_unheard_noise_comes_on_top(waves: Waves) -> None:
    check_augmentation(Behind(), {NOISY: noise_rows(waves, 0, 1.0).columns[NOISY][:20]})


def test_a_short_run_on_real_clips(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tutelage.train.evaluate.cost", lambda one, many, rows: Cost(1.0, 2.0, 3.0))
    monkeypatch.setattr("tutelage.recipes._speech_noise.RATES", (1e-2,))
    report = denoise(
        read_clips(data / "speech-fsdd", 2), labelled=0.5, width=4, units=4, seeds=1, epochs=1, teacher_epochs=1,
        fusion=Mean(),
    )  # fmt: skip
    assert report.headline == "si_sdr"
    names = {one.name for one in report.contenders}
    assert {"conv", "recurrent", "steady", "subtraction", "as it is", "student: chosen fusion"} <= names
    assert f"si_sdr under {UNHEARD}" in report.metrics_higher_is_better
