"""Spoken digits in mixed noise as rows: who is tested is never heard before, nor is one kind of noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..core import Columns, InputError
from ..data import Rows, Sealed
from ..data.dealing import deal, shown
from ..data.noise import NOISES, added, babble, power
from ..data.views import Draw
from ..tasks import Enhancement
from ._speech_digits import RATE, Clips

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


def half_seconds(clips: Clips) -> Waves:
    """About half a second of each clip, from its middle.

    Raises:
        InputError: one is silent.
    """
    order = np.lexsort((clips.number, clips.digit, clips.speaker))
    sound = np.stack([_fitted(clips.waves[one]) for one in order])
    silent = order[power(sound)[:, 0] == 0]
    if len(silent):
        names = [f"{clips.digit[one]}_{clips.speaker[one]}_{clips.number[one]}.wav" for one in silent[:5]]
        raise InputError(f"nothing is heard in {', '.join(names)}: take such files out")
    return Waves(sound, clips.digit[order], clips.speaker[order])


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
    known = np.zeros(waves.sound.shape, dtype=bool)
    share = shown(waves.digit[part["train"]], labelled, seed + 1)
    known[np.concatenate([part["train"][share], part["validation"]])] = True
    task = Enhancement.of_wave(SAMPLES)
    columns = {NOISY: (noisy / loud).astype(np.float32), "kinds": kinds, "decibels": decibels.astype(np.float32)}
    target, splits = (waves.sound / loud).astype(np.float32), (part["train"], part["validation"], Sealed(part["test"]))
    return Rows(columns, (NOISY,), target, task.space, known, *splits, task=task)


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
