"""Strings of spoken digits, made of clips of one voice, and three recognisers of different kinds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..core import InputError
from ..data.audio import log_mel
from ..fusion import Mean
from ..nets import FrameNet
from ..report import Report
from ..search import distill_strings
from ..search.string_trial import NETS, NetWriter, Parts, Writer, Written
from ..teaching import Objective
from ..teaching.terms import KL
from ..train import Training
from ..train.contest import Progress
from ..train.settings import fresh_student
from ..train.transcribing import Strings, fit_transcriber, heard
from ._speech_digits import NAMES, RATE, Clips, speaker_of
from ._speech_teachers import machine

SYMBOLS = ("-", *NAMES)
FRAMES, BANDS = 192, 24
"""Length of a sequence, of 15 milliseconds each, and numbers per frame."""
STAGES = 3
"""Of all nets, so that they speak at the same moments: of 60 milliseconds."""
RATES = (3e-3, 1e-2)
"""Learning rates from which the student of labels alone takes the best on validation strings."""
MOST, SECONDS = 4, 2.7
"""Digits of a string, and how long all of it may be."""
QUIET, PAUSE, LEAST = 0.25, 3, 6
"""Level (1 is the loudest place) below which it is silent; frames of silence that part digits; frames of a digit."""


def digit_strings(clips: Clips, seed: int, count: int, labelled: float) -> Parts:
    """Strings of a seed: one speaker is tested and another one validated on, both unheard by everybody.

    Args:
        clips: spoken digits.
        seed: of everything drawn.
        count: strings to learn from; a quarter as many are tested, a tenth validated on.
        labelled: share of the strings to learn from that the student knows.
    """
    chance = np.random.default_rng((seed, 1977))
    heard_by, watched, tested = voices(clips, seed)
    train = _strings(clips, heard_by, count, chance, 0.15)
    validation = _strings(clips, watched, max(10, count // 10), chance, 0.0)
    test = _strings(clips, tested, max(10, count // 4), chance, 0.0)
    train.known[:] = False
    train.known[: max(1, round(labelled * count))] = True
    return Parts(train, validation, test)


def voices(clips: Clips, seed: int) -> tuple[np.ndarray, ...]:
    """The clips to learn from, those of the speaker validated on, and those of the speaker tested.

    Raises:
        InputError: there are only two speakers.
    """
    watched, tested = (clips.speaker == speaker_of(clips, one) for one in (seed + 1, seed))
    rest = ~watched & ~tested
    if not rest.any():
        raise InputError("strings need clips of three speakers: to learn from, to validate on and to test")
    return np.flatnonzero(rest), np.flatnonzero(watched), np.flatnonzero(tested)


def _strings(clips: Clips, row: np.ndarray, count: int, chance: np.random.Generator, speed: float) -> Strings:
    """So many strings of clips among these; each is of one voice, at its own speed (1 - `speed` to 1 + `speed`)."""
    own_rows = [row[clips.speaker[row] == name] for name in np.unique(clips.speaker[row])]
    frames = np.zeros((count, FRAMES, BANDS), dtype=np.float32)
    target = np.zeros((count, MOST), dtype=np.int64)
    for number in range(count):
        own = own_rows[chance.integers(len(own_rows))]
        wave, digits = spoken(clips, own, chance, speed)
        frames[number] = log_mel(wave, RATE, bands=BANDS, frames=FRAMES)
        target[number, : len(digits)] = np.array(digits) + 1
    return Strings(frames, target, np.ones(count, dtype=bool), SYMBOLS)


def spoken(clips: Clips, own: np.ndarray, chance: np.random.Generator, speed: float) -> tuple[np.ndarray, list[int]]:
    """A wave of 1 to `MOST` digits with pauses of 0 to 150 milliseconds and faint noise; and the digits."""
    factor = chance.uniform(1 - speed, 1 + speed)
    pieces: list[np.ndarray] = []
    digits: list[int] = []
    for one in chance.choice(own, chance.integers(1, MOST + 1)):
        wave = clips.waves[one] / max(1e-6, float(np.abs(clips.waves[one]).max()))
        if speed:  # resampled: pitch and speed change together (Ko et al. 2015)
            wave = np.interp(np.arange(0, len(wave) - 1, factor), np.arange(len(wave)), wave)
        added = [wave, np.zeros(int(chance.uniform(0, 0.15) * RATE))]
        if pieces and sum(map(len, [*pieces, *added])) > SECONDS * RATE:
            break
        pieces += added
        digits.append(int(clips.digit[one]))
    whole = np.concatenate(pieces)
    return whole + chance.normal(0, 10 ** (-50 / 20), len(whole)), digits


def cut(level: np.ndarray) -> list[np.ndarray]:
    """The pieces of a spectrogram [time, bands] between silences, each in the middle of 48 frames."""
    loud = np.append(level.max(1) > QUIET, np.zeros(PAUSE, dtype=bool))
    found: list[np.ndarray] = []
    start, quiet = -1, 0
    for place, one in enumerate(loud):
        quiet = 0 if one else quiet + 1
        if one and start < 0:
            start = place
        if start >= 0 and quiet == PAUSE:
            piece = level[start : place - PAUSE + 1]
            if len(piece) >= LEAST:
                spare = 48 - len(piece[:48])
                found.append(np.pad(piece[:48] / piece.max(), ((spare // 2, spare - spare // 2), (0, 0))))
            start = -1
    return found


@dataclass(frozen=True)
class Cutter:
    """Cuts a string at its silences, and asks a machine that knows digits by themselves about each piece.

    It says nothing of moments, and takes two digits without a pause for one.
    """

    model: Any
    name: str = "cutter"
    parameters: int | None = None

    def moments(self, frames: np.ndarray) -> None:
        """Nothing."""

    def written(self, frames: np.ndarray) -> Written:
        """A digit per piece, with its probability."""
        pieces = [cut(one) for one in frames]
        flat = [piece.ravel() for own in pieces for piece in own]
        probs = self.model.predict_proba(np.stack(flat)) if flat else np.zeros((0, len(NAMES)))
        found: Written = []
        for own in pieces:
            part, probs = probs[: len(own)], probs[len(own) :]
            found.append(([NAMES[one] for one in part.argmax(1)], part.max(1).tolist()))
        return found


def string_teachers(
    clips: Clips, parts: Parts, seed: int, width: int, epochs: int, kept: Path | None = None
) -> list[Writer]:
    """A conv net and a recurrent net trained by CTC, and a cutter; they know all strings to learn from.

    CTC leaves open when a net speaks. The recurrent net is guided by the conv net's moments (Kurata and Audhkhasi
    2019), so that both speak at the same ones, and can be fused there.

    Args:
        clips: of which the cutter learns those that strings to learn from are made of.
        parts: the strings.
        seed: of everything.
        width: channels of the first stage of the conv net, which grows; half as many in the recurrent net.
        epochs: passes of the nets.
        kept: folder for trained nets (`fit_transcriber`).
    """
    row = voices(clips, seed)[0]
    model = machine(*clips.sound.shape[1:]).fit(clips.sound[row].reshape(len(row), -1), clips.digit[row])
    every = Strings(parts.train.frames, parts.train.target, np.ones(len(parts.train), dtype=bool), SYMBOLS)
    settings, count = Training(epochs, 32, lr=5e-3, seed=seed), len(SYMBOLS)
    conv = fit_transcriber(
        fresh_student(lambda: FrameNet(BANDS, count, (width, 2 * width, 4 * width), dropout=0.3), seed),
        every,
        settings,
        kept=kept,
    )
    recurrent = fit_transcriber(
        fresh_student(
            lambda: FrameNet(BANDS, count, (width // 2, width, 2 * width), units=3 * width, dropout=0.3), seed
        ),
        every,
        settings,
        teachers={"conv": heard(conv, every.frames)},
        fusion=Mean(),
        objective=Objective((KL(1.0),), soft=0.5),
        kept=kept,
    )
    nets = [NetWriter("conv", conv, SYMBOLS), NetWriter("recurrent", recurrent, SYMBOLS)]
    return [*nets, Cutter(model)]


def transcribe(
    clips: Clips,
    *,
    count: int,
    labelled: float,
    width: int,
    widths: tuple[int, ...],
    seeds: int,
    epochs: int,
    teacher_epochs: int,
    run: Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """Distils three recognisers of strings into a small net; see `speech` for the arguments.

    Raises:
        InputError: there are fewer than three speakers or ten strings, other than three stages, or the share of
            labels is not in (0, 1].
    """
    if len(widths) != STAGES or width < 2:
        raise InputError(f"strings need --widths of {STAGES} stages and --width from 2, got {widths} and {width}")
    if count < 10:
        raise InputError(f"--strings is how many strings are put together to learn from, at least 10, got {count}")
    if not 0 < labelled <= 1:
        raise InputError(f"--labelled is a share of rows in (0, 1], got {labelled}")
    kept = None if run is None else run / NETS
    return distill_strings(
        lambda: FrameNet(BANDS, len(SYMBOLS), widths),
        lambda seed: digit_strings(clips, seed, count, labelled),
        lambda seed, parts: string_teachers(clips, parts, seed, width, teacher_epochs, kept),
        training=Training(epochs, 32, lr=1e-2),
        seeds=range(seeds),
        rates=RATES,
        run=run,
        title="Strings of spoken digits: three recognisers, one small net",
        progress=progress,
    )
