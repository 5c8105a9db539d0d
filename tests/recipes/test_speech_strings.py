"""Strings of digits: how they are made and cut, CTC, nets over moments, votes of writers, and a short real run."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tutelage.core import InputError
from tutelage.data.audio import log_mel
from tutelage.fusion import GeometricMean, Mean
from tutelage.nets import FrameNet
from tutelage.ops.ctc import best_path, ctc_losses
from tutelage.recipes._speech_digits import Clips, read_clips, speaker_of
from tutelage.recipes._speech_strings import BANDS, SYMBOLS, Cutter, cut, digit_strings, spoken, voices
from tutelage.recipes.speech import speech
from tutelage.report import Report
from tutelage.search import NetWriter, Parts, distill_strings
from tutelage.search.string_trial import BY_MOMENT, NETS, VOTE, WER, Score, Written, labelled_by, voted
from tutelage.teaching import Objective
from tutelage.teaching.terms import KL
from tutelage.train import Cost, Training, transcribing
from tutelage.train.run import load as load_run
from tutelage.train.transcribing import Strings, fit_transcriber, fused_moments, heard, spoken_share


@pytest.fixture(scope="module")
def clips(data: Path) -> Clips:
    """Three of each speaker and digit."""
    return read_clips(data / "speech-fsdd", 3)


def toy(count: int, seed: int = 0) -> Strings:
    """Strings of up to three symbols, each a band that is loud for eight frames with six quiet ones behind."""
    chance = np.random.default_rng(seed)
    frames = chance.normal(0, 0.05, (count, 48, 8)).astype(np.float32)
    target = np.zeros((count, 3), dtype=np.int64)
    for row in range(count):
        for place in range(chance.integers(1, 4)):
            target[row, place] = chance.integers(1, 4)
            frames[row, 14 * place + 2 : 14 * place + 10, 2 * target[row, place]] += 1
    return Strings(frames, target, np.ones(count, dtype=bool), ("-", "a", "b", "c"))


@dataclass(frozen=True)
class Says:
    """Writes the same whatever it hears."""

    words: tuple[str, ...]
    name: str = "says"
    parameters: int | None = None

    def moments(self, frames: np.ndarray) -> None:
        """Nothing."""

    def written(self, frames: np.ndarray) -> Written:
        """The words."""
        return [(list(self.words), [0.9] * len(self.words))] * len(frames)


def test_ctc_sums_over_all_ways_to_lay_a_string_along_the_time() -> None:
    logs = torch.randn(1, 5, 3, generator=torch.Generator().manual_seed(0)).log_softmax(-1)
    wanted = (1, 1, 2)
    total = 0.0
    for way in product(range(3), repeat=5):
        shortened = [one for place, one in enumerate(way) if one and (place == 0 or way[place - 1] != one)]
        if tuple(shortened) == wanted:
            total += float(logs[0, range(5), list(way)].sum().exp())
    found = ctc_losses(logs, torch.tensor([wanted]))
    assert float(found[0]) == pytest.approx(-np.log(total) / 3, rel=1e-5)
    assert float(ctc_losses(logs, torch.tensor([[1, 1, 1, 1]]))[0]) == 0, "it does not fit into five moments"


def test_the_best_path_is_shortened() -> None:
    place = torch.tensor([[1, 1, 0, 1, 2, 2, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0]])
    sure = torch.tensor([0.6, 0.8, 0.9, 0.7, 0.7, 0.6, 0.9, 0.9])
    probs = torch.zeros(2, 8, 3).scatter_(2, place.unsqueeze(-1), 1.0) * (sure.view(1, 8, 1) - 0.1) + 0.1 / 3
    string, none = best_path(probs.log())
    assert string[0] == [1, 1, 2], "a blank between them makes two of them"
    np.testing.assert_allclose(string[1], [0.7 + 0.1 / 3, 0.6 + 0.1 / 3, 0.6 + 0.1 / 3], rtol=1e-5)
    assert none == ([], [])


def test_a_net_speaks_at_every_moment() -> None:
    net = FrameNet(24, 11, (4, 6, 8), units=5).eval()
    frames = torch.randn(2, 48, 24, generator=torch.Generator().manual_seed(0))
    assert net(frames).shape == (2, 12, 11)
    assert FrameNet(24, 11, (4, 6)).eval()(frames).shape == (2, 24, 11)
    near = FrameNet(24, 11, (4, 6, 8)).eval()
    later = frames.clone()
    later[:, 40:] = 0
    assert torch.allclose(near(frames)[:, :4], near(later)[:, :4]), "it looks around, not everywhere"
    with pytest.raises(InputError, match="an odd number of moments around"):
        FrameNet(24, 11, around=4)
    with pytest.raises(InputError, match="no more than 3 bands can be halved"):
        FrameNet(3, 11)


def test_nets_learn_strings_and_teach_moments() -> None:
    strings, unseen = toy(200), toy(60, 1)
    torch.manual_seed(0)
    teacher = fit_transcriber(FrameNet(8, 4, (8, 12)), strings, Training(25, 32, lr=1e-2))
    rate = Score.of(unseen, NetWriter("net", teacher, strings.symbols).written(unseen.frames)).rate
    assert rate < 0.1
    unknown = replace(strings, known=np.zeros(200, dtype=bool))
    moments = {"net": heard(teacher, strings.frames)}
    options: dict[str, Any] = {"teachers": moments, "fusion": Mean(), "objective": Objective((KL(1.0),), soft=0.9)}
    student = fit_transcriber(FrameNet(8, 4, (4, 6)), unknown, Training(40, 32, lr=2e-2), **options)
    taught = Score.of(unseen, NetWriter("student", student, strings.symbols).written(unseen.frames)).rate
    assert taught < 0.2, "no string was known to it"
    share = spoken_share(moments)
    quiet = share[:, -2:][torch.from_numpy(strings.target[:, 2] == 0)]
    assert float(quiet.mean()) < 0.2 < float(share.max()), "moments of silence count little"
    dropping = FrameNet(8, 4, (4, 6), dropout=0.5).train()
    before = {name: value.clone() for name, value in dropping.state_dict().items()}
    assert torch.equal(heard(dropping, strings.frames), heard(dropping, strings.frames)), "nothing is dropped"
    same = [torch.equal(value, before[name]) for name, value in dropping.state_dict().items()]
    assert all(same), "nothing is learnt from what is heard"
    assert dropping.training
    with pytest.raises(InputError, match="there are no strings"):
        heard(student, strings.frames[:0])
    with pytest.raises(InputError, match="leave out patience"):
        fit_transcriber(student, strings, Training(2, patience=1))
    with pytest.raises(InputError, match="there is nothing to learn from"):
        fit_transcriber(FrameNet(8, 4, (4, 6)), unknown, Training(1))
    with pytest.raises(InputError, match=r"the net answers \[4, 24, 5\], but strings of 4 symbols"):
        fit_transcriber(FrameNet(8, 5, (4, 6)), strings, Training(1, 4))
    with pytest.raises(InputError, match=r"'net' says \[24, 4\] numbers .* the net \[48, 4\]: they must halve"):
        fit_transcriber(FrameNet(8, 4, (4,)), strings, Training(1), **options)
    with pytest.raises(InputError, match="need a fusion and an objective"):
        fit_transcriber(FrameNet(8, 4, (4, 6)), unknown, Training(1), teachers=moments)


def test_moments_are_fused_like_classes() -> None:
    chance = torch.Generator().manual_seed(0)
    one, two = (torch.randn(3, 5, 4, generator=chance).log_softmax(-1) for _ in range(2))
    both = {"one": one, "two": two}
    torch.testing.assert_close(fused_moments(both, Mean()), ((one.exp() + two.exp()) / 2).log(), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(fused_moments(both, GeometricMean()), ((one + two) / 2).log_softmax(-1))


def test_votes_become_strings_to_learn_from() -> None:
    strings = toy(4)
    strings.known[1:] = False
    writers = [Says(("a", "b")), Says(("a", "c"), "two"), Says(("a", "c"), "three")]
    said = voted([one.written(strings.frames) for one in writers])
    assert [words for words, _ in said] == [["a", "c"]] * 4
    taught = labelled_by(strings, said)
    assert taught.words(0) == strings.words(0), "what is known stays"
    assert taught.words(2) == ["a", "c"]
    assert taught.known.all()
    silent = labelled_by(strings, voted([Says(()).written(strings.frames)]))
    assert silent.known.tolist() == [True, False, False, False]


def test_strings_are_of_one_voice_and_parts_share_no_clip(clips: Clips) -> None:
    parts = digit_strings(clips, 1, 40, 0.1)
    assert [len(part) for part in (parts.train, parts.validation, parts.test)] == [40, 10, 10]
    assert int(parts.train.known.sum()) == 4
    learnt, watched, tested = voices(clips, 1)
    people = [set(clips.speaker[part]) for part in (learnt, watched, tested)]
    assert not people[0] & people[1]
    assert not (people[0] | people[1]) & people[2]
    assert people[2] == {speaker_of(clips, 1)}
    own = tested
    wave, digits = spoken(clips, own, np.random.default_rng(0), 0.0)
    assert 1 <= len(digits) <= 4
    assert len(wave) / 8000 < 3
    again = digit_strings(clips, 1, 40, 0.1)
    np.testing.assert_array_equal(parts.test.frames, again.test.frames)
    wrong: Any
    for wrong, said in (
        ({"known": np.ones(10)}, "float32, int64 and bool, got float32, int64, float64"),
        ({"target": np.array([[1, 0, 2]] * 10)}, "0 only fills a string up"),
        ({"symbols": ("a",) * 11}, "symbols have different names"),
    ):
        with pytest.raises(InputError, match=said):
            replace(parts.test, **wrong)
    with pytest.raises(InputError, match="different lengths"):
        replace(parts.test, target=parts.test.target[:3])
    with pytest.raises(InputError, match="numbers from 0 to 10, got 11"):
        replace(parts.test, target=np.full_like(parts.test.target, 11))


def test_silence_parts_digits(clips: Clips) -> None:
    loud = [row for row in range(len(clips.waves)) if 2000 < len(clips.waves[row]) < 5000][:3]
    pause = np.zeros(2000, dtype=np.float32)
    waves = [part for row in loud for part in (clips.waves[row] / np.abs(clips.waves[row]).max(), pause)]
    level = log_mel(np.concatenate(waves), 8000, frames=192)
    pieces = cut(level)
    assert len(pieces) == 3
    assert all(piece.shape == (48, BANDS) for piece in pieces)
    assert cut(np.zeros((20, BANDS), dtype=np.float32)) == []

    class Model:
        """Sure that all are sevens."""

        def predict_proba(self, rows: np.ndarray) -> np.ndarray:
            """[N, 10]."""
            return np.eye(10)[[7] * len(rows)]

    assert Cutter(Model()).written(np.stack([level, 0 * level])) == [(["7", "7", "7"], [1.0, 1.0, 1.0]), ([], [])]


def test_a_contest_of_strings_is_reported(tmp_path: Path) -> None:
    parts = Parts(replace(toy(80), known=np.arange(80) < 8), toy(20, 1), toy(30, 2))

    def teachers(seed: int, own: Parts) -> list[NetWriter | Says]:
        torch.manual_seed(seed)
        every = replace(own.train, known=np.ones(80, dtype=bool))
        net = fit_transcriber(FrameNet(8, 4, (8, 12)), every, Training(12, 16, lr=1e-2, seed=seed))
        return [Says(("a",)), NetWriter("net", net, own.train.symbols)]

    shares: list[float] = []
    report = distill_strings(
        lambda: FrameNet(8, 4, (4, 6)), lambda seed: parts, teachers, training=Training(2, 16, lr=2e-2),
        rates=(1e-2, 2e-2), seeds=(0, 1), run=tmp_path,
        progress=lambda stage, done, total, overall: shares.append(overall),
    )  # fmt: skip
    rates = {one.name: one.metrics[WER] for one in report.contenders}
    assert all(len(values) == 2 for values in rates.values())
    assert {"net", "says", VOTE, BY_MOMENT, "student: labels only", "student: chosen fusion"} <= set(rates)
    assert rates["net"] < rates["says"]
    np.testing.assert_allclose(shares, np.arange(14) / 14, err_msg="seven stages of two seeds")
    assert Report.load(tmp_path / "report.json").headline == WER
    assert re.search(r"labels alone \d\.\d+: [+-]\d\.\d+ ±\d\.\d+ errors per word fewer than", report.verdict)
    with pytest.raises(InputError, match="writes strings, which the commands for runs do not know yet"):
        load_run(tmp_path)
    kept = torch.export.load(tmp_path / "student.pt2").module()
    assert kept(torch.from_numpy(parts.test.frames[:5])).shape == (5, 24, 4)
    with pytest.raises(InputError, match="at least one seed"):
        distill_strings(FrameNet(8, 4), lambda seed: parts, teachers, seeds=())
    for who, said in (
        (Says(("a",), "student"), "names of their own"),
        (Says(("z",)), r"writes \['z'\], which are none of"),
    ):
        with pytest.raises(InputError, match=said):
            distill_strings(FrameNet(8, 4), lambda seed: parts, lambda seed, own, who=who: [who], seeds=(0,))
    with pytest.raises(InputError, match="no teacher says anything of moments"):
        distill_strings(FrameNet(8, 4, (4, 6)), lambda seed: parts, lambda seed, own: [Says(("a",))], seeds=(0,))


def test_a_run_that_was_killed_trains_no_net_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tutelage.search.string_trial.cost", lambda one, many, rows: Cost(1.0, 2.0, 3.0))
    parts, trainings = Parts(replace(toy(40), known=np.arange(40) < 8), toy(10, 1), toy(10, 2)), list[str]()
    trained = transcribing.trained

    def counted(*given: Any) -> Any:
        trainings.append("one")
        return trained(*given)

    monkeypatch.setattr(transcribing, "trained", counted)

    def taught(folder: Path, ends_at: str = "") -> Report:
        def teachers(seed: int, own: Parts) -> list[NetWriter]:
            every, net = replace(own.train, known=np.ones(40, dtype=bool)), FrameNet(8, 4, (4, 6))
            torch.nn.init.constant_(net.head.bias, seed)
            made = fit_transcriber(net, every, Training(2, 16, lr=1e-2, seed=seed), kept=folder / NETS)
            return [NetWriter("net", made, own.train.symbols)]

        def progress(stage: str, done: int, total: int, overall: float) -> None:
            if ends_at and ends_at in stage:
                raise KeyboardInterrupt

        return distill_strings(
            lambda: FrameNet(8, 4, (4, 6)), lambda seed: parts, teachers, training=Training(2, 16, lr=2e-2),
            seeds=(0, 1), run=folder, progress=progress,
        )  # fmt: skip

    torch.manual_seed(0)
    calm = taught(tmp_path / "calm")
    alone = len(trainings)
    torch.manual_seed(0)
    with pytest.raises(KeyboardInterrupt):
        taught(tmp_path / "killed", "seed 1: student taught moment by moment: entropy")
    torch.manual_seed(0)
    again = taught(tmp_path / "killed")
    assert len(trainings) == 2 * alone, "a net was trained twice, or never"
    assert [one.metrics for one in again.contenders] == [one.metrics for one in calm.contenders]


def test_a_short_run_on_real_strings(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tutelage.search.string_trial.cost", lambda one, many, rows: Cost(1.0, 2.0, 3.0))
    options: dict[str, Any] = {"data": data / "speech-fsdd", "clips": 3, "width": 4, "widths": (4, 4, 4), "seeds": 1}
    narrow: dict[str, Any] = options | {"widths": (4, 4)}
    report = speech(task="strings", strings=30, epochs=1, teacher_epochs=1, **options)
    assert report.headline == WER
    assert {"conv", "recurrent", "cutter", "student: strings of ROVER"} <= {one.name for one in report.contenders}
    assert len(SYMBOLS) == 11
    with pytest.raises(InputError, match="leave out --fusion"):
        speech(task="strings", fusion=Mean(), **options)
    with pytest.raises(InputError, match=r"strings need --widths of 3 stages .* got \(4, 4\) and 4"):
        speech(task="strings", **narrow)
    with pytest.raises(InputError, match="--split index is for digits"):
        speech(task="strings", split="index", **options)
    with pytest.raises(InputError, match=r"share of rows in \(0, 1\], got 0"):
        speech(task="strings", labelled=0.0, **options)
    with pytest.raises(InputError, match="at least 10, got 0"):
        speech(task="strings", strings=0, **options)
