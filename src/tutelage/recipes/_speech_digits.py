"""Spoken digits as rows: clips of one speaker are tested, or the official clips of all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..core import Classes, InputError, Space
from ..data import Rows, Sealed
from ..data.audio import log_mel, read_clip
from ..data.dealing import deal, shown

SOUND, RATE = "sound", 8000
NAMES = tuple(str(digit) for digit in range(10))
PUBLIC = (
    "WAV files {digit}_{speaker}_{number}.wav of 8,000 samples per second, as in `recordings` of the Free Spoken Digit "
    "Dataset (github.com/Jakobovski/free-spoken-digit-dataset)"
)
CLIP = re.compile(r"(\d)_(.+)_(\d+)\.wav")


@dataclass(frozen=True)
class Clips:
    """Spoken digits.

    Attributes:
        sound: log-mel spectrograms, float32 [N, frames, bands].
        digit: what is said, int64 [N].
        speaker: by whom, [N].
        number: which try of that speaker at that digit, int64 [N].
        waves: of each clip, float32 [samples].
    """

    sound: np.ndarray
    digit: np.ndarray
    speaker: np.ndarray
    number: np.ndarray
    waves: tuple[np.ndarray, ...]


def read_clips(folder: Path, most: int = 0) -> Clips:
    """The clips of a folder, or of its folder `recordings`.

    Args:
        folder: holds files named by digit, speaker and number.
        most: so many of each speaker and digit, those with the lowest numbers; all with 0.

    Raises:
        InputError: there are no such files, one cannot be read, or they are of one speaker alone.
    """
    inner = folder / "recordings"
    place = inner if inner.is_dir() else folder
    found = [(match, path) for path in sorted(place.glob("*.wav")) if (match := CLIP.fullmatch(path.name))]
    named = sorted((int(match[1]), match[2], int(match[3]), path) for match, path in found)
    kept: list[tuple[int, str, int, Path]] = []
    count: dict[tuple[int, str], int] = {}
    for digit, speaker, number, path in named:
        count[digit, speaker] = count.get((digit, speaker), 0) + 1
        if not most or count[digit, speaker] <= most:
            kept.append((digit, speaker, number, path))
    speakers = {speaker for _, speaker, _, _ in kept}
    if len(speakers) < 2:
        raise InputError(
            f"{place} has clips of {len(speakers)} speakers, two are needed: give --data a folder with {PUBLIC}"
        )
    waves = tuple(read_clip(path, RATE) for *_, path in kept)
    return Clips(
        np.stack([log_mel(wave, RATE) for wave in waves]),
        np.array([digit for digit, *_ in kept]),
        np.array([speaker for _, speaker, _, _ in kept]),
        np.array([number for _, _, number, _ in kept]),
        waves,
    )


def speaker_of(clips: Clips, seed: int) -> str:
    """Who is tested under a seed; the speakers take turns in the order of their names."""
    speakers = np.unique(clips.speaker)
    return str(speakers[seed % len(speakers)])


def clip_rows(clips: Clips, seed: int, split: str, labelled: float) -> Rows:
    """The rows of a seed; a tenth of those that are not tested are validated on, by the voices that teachers know.

    Args:
        clips: the clips.
        seed: of the split.
        split: `speaker`, where one speaker is tested whom nobody has heard, or `index`, where the numbers 0 to 4 of
            every speaker are.
        labelled: share of the training rows whose label the student sees.

    Raises:
        InputError: the share is not in (0, 1], or nothing is left to learn from.
    """
    if not 0 < labelled <= 1:
        raise InputError(f"--labelled is a share of rows in (0, 1], got {labelled}")
    tested = clips.speaker == speaker_of(clips, seed) if split == "speaker" else clips.number < 5
    rest = np.flatnonzero(~tested)
    if len(rest) < 2 * len(NAMES):
        raise InputError(f"only {len(rest)} clips are left to learn from with --split {split}: take more of them")
    watched = deal(clips.digit[rest], 10, seed) == 0
    train, validation = rest[~watched], rest[watched]
    share = shown(clips.digit[train], labelled, seed + 1)
    known = np.zeros(len(clips.digit), dtype=bool)
    known[np.concatenate([train[share], validation])] = True
    test = Sealed(np.flatnonzero(tested))
    return Rows({SOUND: clips.sound}, (SOUND,), clips.digit, Space(Classes, NAMES), known, train, validation, test)
