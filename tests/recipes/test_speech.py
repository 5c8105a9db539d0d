"""Sound as mel bands, templates warped in time, splits by speaker, and a short run on real spoken digits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from tutelage.core import Classes, InputError, Space
from tutelage.data.audio import cepstrum, log_mel, mel, mel_filters, read_clip
from tutelage.data.views import Stretch
from tutelage.data.views.stretch import _stretched  # pyright: ignore[reportPrivateUsage]
from tutelage.fusion import Mean
from tutelage.nets import Recurrent
from tutelage.recipes._speech_digits import NAMES, SOUND, Clips, clip_rows, read_clips, speaker_of
from tutelage.recipes._speech_teachers import Templates, statistics, warped
from tutelage.recipes.speech import speech
from tutelage.testing import check_augmentation, check_teacher
from tutelage.train import Cost


@pytest.fixture(scope="module")
def clips(data: Path) -> Clips:
    """Three of each speaker and digit."""
    return read_clips(data / "speech-fsdd", 3)


def tone(hertz: float, seconds: float = 0.5) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * 8000)) / 8000)


def test_pitch_in_mel() -> None:
    np.testing.assert_allclose(mel(np.array([0.0, 700.0])), [0.0, 2595 * np.log10(2)])
    assert abs(mel(np.array(1000.0)) - 1000) < 0.1, "1000 Hz are 1000 mel"
    filters = mel_filters(24, 256, 8000)
    peaks = mel(filters.argmax(1) * 8000 / 256)
    spacing = mel(np.array(4000.0)) / 25
    assert np.abs(peaks - spacing * np.arange(1, 25)).max() < spacing
    between = (mel(np.arange(129) * 31.25) > spacing) & (mel(np.arange(129) * 31.25) < 24 * spacing)
    np.testing.assert_allclose(filters.sum(0)[between], 1.0)
    with pytest.raises(InputError, match=r"mel filters .* are empty"):
        mel_filters(80, 64, 8000)


@pytest.mark.parametrize("hertz", [300.0, 1000.0, 3000.0])
def test_a_tone_is_loudest_in_its_band(hertz: float) -> None:
    level = log_mel(tone(hertz), 8000)
    heard = level[level.max(1) > 0.9]
    centre = mel(np.array(4000.0)) / 25 * (heard.mean(0).argmax() + 1)
    assert abs(centre - mel(np.array(hertz))) < mel(np.array(4000.0)) / 25


def test_loudness_and_silence_around_a_clip_do_not_matter() -> None:
    wave = tone(500, 0.3) * np.hanning(2400)
    level = log_mel(wave, 8000)
    np.testing.assert_allclose(log_mel(0.01 * wave, 8000), level, atol=1e-5)
    np.testing.assert_allclose(log_mel(np.pad(wave, (1200, 2400)), 8000)[level > 0.5], level[level > 0.5], atol=0.2)
    assert level.max() == 1
    assert not log_mel(np.zeros(4000), 8000).any()
    assert log_mel(np.ones(10), 8000).shape == (48, 24), "shorter than a window"
    assert log_mel(tone(500, 3.0), 8000).min(1).shape == (48,), "longer than the result"


def test_cepstra_are_an_orthonormal_transform() -> None:
    level = np.random.default_rng(0).normal(size=(5, 24))
    whole = cepstrum(level, 24)
    np.testing.assert_allclose((whole**2).sum(1), (level**2).sum(1))
    np.testing.assert_allclose(whole[:, 0], level.sum(1) / np.sqrt(24))


def test_warping_is_the_best_monotone_path() -> None:
    chance = np.random.default_rng(0)
    some, others = chance.normal(size=(3, 5, 2)), chance.normal(size=(2, 4, 2))

    def best(a: np.ndarray, b: np.ndarray) -> float:
        own = float(np.linalg.norm(a[-1] - b[-1]))
        if len(a) == len(b) == 1:
            return own
        ways = [(a[:-1], b)] * (len(a) > 1) + [(a, b[:-1])] * (len(b) > 1)
        ways += [(a[:-1], b[:-1])] * (min(len(a), len(b)) > 1)
        return own + min(best(*way) for way in ways)

    np.testing.assert_allclose(warped(some, others), [[best(a, b) for b in others] for a in some])
    np.testing.assert_allclose(warped(np.repeat(some, 2, 1), some).diagonal(), 0, atol=1e-6)


def test_templates_know_themselves_and_abstain_in_doubt(clips: Clips) -> None:
    rows = clip_rows(clips, 0, "speaker", 1.0)
    rule = Templates.of(rows, 0)
    answer = rule.answer({SOUND: clips.sound[rule.seen]})
    assert answer.valid.all(), "nothing is nearer than a clip to itself"
    np.testing.assert_array_equal(answer.scores.argmax(-1).numpy(), clips.digit[rule.seen])
    twins = np.repeat(clips.sound[:1], 2, 0)
    torn = Templates(np.repeat(rule.examples[:1], 2, 0), np.array([0, 1]), Space(Classes, NAMES), rule.seen)
    valid = torn.answer({SOUND: twins}).valid
    assert not valid.any()
    check_teacher(rule, {SOUND: clips.sound[:20]}, changed=replace(rule, margin=10.0))


def test_no_speaker_is_both_learnt_from_and_tested(clips: Clips) -> None:
    assert clips.sound.shape == (180, 48, 24)
    assert len({speaker_of(clips, seed) for seed in range(6)}) == 6
    dealt = [clip_rows(clips, seed, "speaker", 0.1) for seed in range(6)]
    for seed, rows in enumerate(dealt):
        test = rows.test.check(len(rows))
        assert set(clips.speaker[test]) == {speaker_of(clips, seed)}
        assert not set(clips.speaker[test]) & set(clips.speaker[np.concatenate([rows.train, rows.validation])])
    few = dealt[0].labelled[dealt[0].train].sum()
    assert 0 < few < len(dealt[0].train) / 5
    with pytest.raises(InputError, match=r"share of rows in \(0, 1\], got 0"):
        clip_rows(clips, 0, "speaker", 0)
    with pytest.raises(InputError, match="only 0 clips are left to learn from with --split index"):
        clip_rows(clips, 0, "index", 0.1)


def test_what_is_no_sound_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="clips of 0 speakers, two are needed"):
        speech(data=tmp_path)
    (tmp_path / "a.wav").write_bytes(b"no sound")
    with pytest.raises(InputError, match="cannot be read as sound"):
        read_clip(tmp_path / "a.wav", 8000)
    soundfile.write(tmp_path / "b.wav", tone(500), 16000)
    with pytest.raises(InputError, match=r"has 16000 samples per second, 8000 are needed"):
        read_clip(tmp_path / "b.wav", 8000)
    soundfile.write(tmp_path / "c.wav", np.stack([tone(500), -tone(500)], 1) / 2, 8000)
    assert np.abs(read_clip(tmp_path / "c.wav", 8000)).max() < 1e-3, "the mean of the channels"


def test_stretches(clips: Clips) -> None:
    check_augmentation(Stretch((SOUND,)), {SOUND: clips.sound[:20]})
    slower = np.array([2.0])
    one = clips.sound[:1].astype(np.float64)
    np.testing.assert_allclose(_stretched(one, np.ones(1), np.ones(1)), one)
    wide = _stretched(one, slower, np.ones(1))
    np.testing.assert_allclose(wide[:, 1::2], 0.75 * one[:, 12:36] + 0.25 * one[:, 13:37])
    high = _stretched(one, np.ones(1), slower)
    np.testing.assert_allclose(high[..., ::2], one[..., :12])
    with pytest.raises(InputError, match="one of them positive"):
        Stretch((SOUND,), 0.0, 0.0)
    with pytest.raises(InputError, match=r"has shape \[8, 3\]"):
        Stretch((SOUND,)).fitted({SOUND: np.zeros((8, 3))}, np.arange(4))


def test_statistics_and_recurrence_have_their_shapes(clips: Clips) -> None:
    found = statistics(clips.sound[:3].reshape(3, -1), 48, 24)
    assert found.shape == (3, 6 * 13 + 1)
    np.testing.assert_array_equal(found, statistics(clips.sound[:3], 48, 24))
    assert not statistics(np.zeros((1, 48 * 24)), 48, 24).any()
    net = Recurrent(24, 10, 5)
    net.eval()
    frames = torch.from_numpy(clips.sound[:2])
    assert net(frames).shape == (2, 10)
    assert not torch.allclose(net(frames), net(frames.flip(1))), "the order of frames matters"


def test_a_short_run_on_real_clips(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tutelage.train.evaluate.cost", lambda one, many, rows: Cost(1.0, 2.0, 3.0))
    monkeypatch.setattr("tutelage.recipes.speech.RATES", (1e-2,))
    report = speech(
        data=data / "speech-fsdd", clips=4, labelled=0.5, views=2, width=4, widths=(4,), seeds=1, epochs=1,
        teacher_epochs=1, fusion=Mean(),
    )  # fmt: skip
    assert report.headline == "accuracy"
    names = {one.name for one in report.contenders}
    assert {"conv", "recurrent", "svm", "templates", "student: chosen fusion"} <= names
