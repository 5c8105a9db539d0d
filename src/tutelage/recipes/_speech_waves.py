"""Spoken digits in mixed noise as rows: who is tested is never heard before, nor is one kind of noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..core import Columns, InputError
from ..data import Rows, Sealed
from ..data.audio import read_clip
from ..data.dealing import deal
from ..data.noise import NOISES, added, babble, power
from ..data.views import Draw
from ..tasks import Enhancement
from ._speech_digits import CLIP, PUBLIC, RATE

NOISY, SAMPLES = "noisy", 4096
KINDS = ("white", "pink", "hum", "babble")
UNHEARD = "crackle"
"""In no training row; the report's figure `si_sdr under crackle` has it upon the noise of every test row."""
LOUDNESS = (-5.0, 10.0)
"""Decibels by which speech is louder than all noise together; drawn evenly."""


@dataclass(frozen=True)
class Waves:
    """Spoken digits as waves.

    Attributes:
        sound: float32 [N, samples], silence around what is shorter and both ends of what is longer cut off.
        digit: what is said, int64 [N].
        speaker: by whom, [N].
    """

    sound: np.ndarray
    digit: np.ndarray
    speaker: np.ndarray


def read_waves(folder: Path, most: int = 0) -> Waves:
    """The clips of a folder, or of its folder `recordings`, about half a second of each.

    Args:
        folder: holds files named by digit, speaker and number.
        most: so many of each speaker and digit, those with the lowest numbers; all with 0.

    Raises:
        InputError: they are of fewer than two speakers, or one cannot be read or is silent.
    """
    place = folder / "recordings" if (folder / "recordings").is_dir() else folder
    found = [(match, path) for path in sorted(place.glob("*.wav")) if (match := CLIP.fullmatch(path.name))]
    named = sorted((match[2], int(match[1]), int(match[3]), path) for match, path in found)
    speaker, digit = (np.array([one[part] for one in named]) for part in (0, 1))
    if len(set(speaker.tolist())) < 2:
        raise InputError(f"{place} has clips of fewer than two speakers: give --data a folder with {PUBLIC}")
    group = np.unique(np.stack([np.unique(speaker, return_inverse=True)[1], digit]), axis=1, return_inverse=True)[1]
    rank = np.arange(len(named)) - np.searchsorted(group.reshape(-1), group.reshape(-1))
    kept = np.flatnonzero(rank < (most or len(named)))
    sound = np.stack([_fitted(read_clip(named[one][3], RATE)) for one in kept])
    silent = [named[kept[one]][3].name for one in np.flatnonzero(power(sound)[:, 0] == 0)]
    if silent:
        raise InputError(f"nothing is heard in {', '.join(silent[:5])}: take such files out of {place}")
    return Waves(sound, digit[kept], speaker[kept])


def _fitted(wave: np.ndarray) -> np.ndarray:
    spare = len(wave) - SAMPLES
    if spare > 0:
        return wave[spare // 2 : spare // 2 + SAMPLES]
    return np.pad(wave, (-spare // 2, -spare - -spare // 2))


def noise_rows(waves: Waves, seed: int, labelled: float) -> Rows:
    """The rows of a seed: one speaker is tested, a tenth of the others' clips is validated on, noise is drawn.

    Half of the rows have one kind of noise, half have two as loud as each other. Babble is made of other clips of the
    same part: of the tested speaker in the test, of others elsewhere. What is heard has a mean power of 1.

    Args:
        waves: the clips.
        seed: of speaker, split and noise.
        labelled: share of the training rows whose clean wave the student sees.

    Raises:
        InputError: the share is not in (0, 1], or too few clips are left.
    """
    if not 0 < labelled <= 1:
        raise InputError(f"--labelled is a share of rows in (0, 1], got {labelled}")
    speakers = np.unique(waves.speaker)
    tested = waves.speaker == speakers[seed % len(speakers)]
    rest = np.flatnonzero(~tested)
    watched = deal(waves.digit[rest], 10, seed) == 0
    part = {"train": rest[~watched], "validation": rest[watched], "test": np.flatnonzero(tested)}
    count, chance = len(waves.digit), np.random.default_rng((seed, 53))
    kinds = np.stack([chance.permutation(len(KINDS))[:2] for _ in range(count)])
    kinds[chance.random(count) < 0.5, 1] = -1
    noise = np.zeros((count, SAMPLES))
    for place, kind in enumerate(KINDS):
        made = _babble(waves, part, chance) if kind == "babble" else NOISES[kind](count, SAMPLES, RATE, chance)
        noise += (kinds == place).any(1, keepdims=True) * made / np.sqrt(power(made))
    decibels = chance.uniform(*LOUDNESS, count)
    noisy = added(waves.sound, noise, decibels)
    loud = np.sqrt(power(noisy))
    shown = np.zeros(waves.sound.shape, dtype=bool)
    share = deal(waves.digit[part["train"]], max(1, round(1 / labelled)), seed + 1) == 0
    shown[np.concatenate([part["train"][share], part["validation"]])] = True
    task = Enhancement.of_wave(SAMPLES)
    columns = {NOISY: (noisy / loud).astype(np.float32), "kinds": kinds, "decibels": decibels.astype(np.float32)}
    target, splits = (waves.sound / loud).astype(np.float32), (part["train"], part["validation"], Sealed(part["test"]))
    return Rows(columns, (NOISY,), target, task.space, shown, *splits, task=task)


def _babble(waves: Waves, part: Mapping[str, np.ndarray], chance: np.random.Generator) -> np.ndarray:
    """Babble [N, samples] for every clip, from other clips of its part of the split."""
    found = np.zeros(waves.sound.shape)
    for row in part.values():
        found[row] = babble(waves.sound[row], chance)
    return found


@dataclass(frozen=True)
class Behind:
    """One more noise, of the kind that was in no training row, behind what is heard.

    Args:
        columns: waves.
        decibels: by which the wave is louder.
    """

    columns: tuple[str, ...] = (NOISY,)
    decibels: float = 5.0
    keeps_label = True
    source = ""

    @property
    def fingerprint(self) -> str:
        """Its settings."""
        return repr(self)

    def fitted(self, columns: Columns, train: np.ndarray) -> Behind:
        """Itself; it learns nothing."""
        return self

    def __call__(self, given: Columns, row: np.ndarray, draw: Draw) -> dict[str, np.ndarray]:
        """See `Applied`."""
        found: dict[str, np.ndarray] = {}
        for stream, (name, wave) in enumerate(given.items()):
            chances = [np.random.default_rng(key) for key in draw.below(1 << 31, stream=stream)]
            noise = [NOISES[UNHEARD](1, wave.shape[1], RATE, chance)[0] for chance in chances]
            level = np.full(len(row), self.decibels)
            found[name] = added(wave, np.reshape(noise, wave.shape), level).astype(wave.dtype)
        return found
