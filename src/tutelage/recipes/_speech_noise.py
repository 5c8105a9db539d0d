"""Spoken digits in mixed noise: three nets that mask spectra and a rule that subtracts them teach a smaller net.

| teacher | kind | learns from |
|---|---|---|
| conv | convolutions over time and frequency | all training rows |
| recurrent | gated recurrent units over time, both ways | all training rows |
| steady | the same | rows whose noise is white or hum alone |
| subtraction | spectral subtraction with a floor | nothing |

An answer is the wave itself, [B, samples]. All of them change magnitudes of one spectrum and leave its phase, and the
way back to the wave is linear, so that the mean of waves is the wave of the mean mask: fusing values is fusing masks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..core import Columns, Fusion, InputError, Space, Teacher, Values
from ..data import Rows, Sealed
from ..data.audio import read_clip
from ..data.dealing import deal
from ..data.noise import NOISES, added, babble, power
from ..data.views import Draw
from ..nets import ConvMask, RecurrentMask
from ..ops.frames import from_frames, to_frames
from ..report import Report
from ..search import distill
from ..tasks import Enhancement
from ..teachers import RuleTeacher
from ..train import Training, fit_teacher, task_of
from ..train.contest import Progress, nets_told
from ..train.fitted import Told
from ._speech_digits import CLIP, PUBLIC, RATE

NOISY, SAMPLES = "noisy", 4096
KINDS = ("white", "pink", "hum", "babble")
STEADY = ("white", "hum")
UNHEARD = "crackle"
"""In no training row; the report's figure `si_sdr under crackle` has it upon the noise of every test row."""
LOUDNESS = (-5.0, 10.0)
"""Decibels by which speech is louder than all noise together; drawn evenly."""
RATES = (3e-3, 1e-2, 3e-2)


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
    made = {kind: NOISES[kind](count, SAMPLES, RATE, chance) for kind in KINDS if kind != "babble"}
    made["babble"] = np.zeros((count, SAMPLES))
    for row in part.values():
        made["babble"][row] = babble(waves.sound[row], chance)
    each = np.stack([made[kind] / np.sqrt(power(made[kind])) for kind in KINDS] + [np.zeros((count, SAMPLES))])
    noise = each[kinds[:, 0], np.arange(count)] + each[kinds[:, 1], np.arange(count)]
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


def noise_teachers(
    rows: Rows, *, width: int, epochs: int, seed: int, run: Path | None = None, told: Told | None = None
) -> list[Teacher]:
    """Three nets, who know the clean waves of all training rows that they learn from, and a rule.

    Args:
        rows: of `noise_rows`.
        width: channels of the conv net; the recurrent ones have twice as many units each way.
        epochs: passes over all rows; a net with fewer rows makes as many steps.
        seed: of the nets.
        run: folder in which nets are kept, so that none is trained twice.
        told: called after each epoch of a net with its name, the record, and the number of epochs.
    """
    heard = np.isin(rows.columns["kinds"], [-1, *(KINDS.index(kind) for kind in STEADY)]).all(1)
    steady = rows.train[heard[rows.train]]
    makers: dict[str, tuple[Any, np.ndarray]] = {
        "conv": (lambda: ConvMask(width), rows.train),
        "recurrent": (lambda: RecurrentMask(2 * width), rows.train),
        "steady": (lambda: RecurrentMask(2 * width), steady),
    }
    nets = [
        fit_teacher(
            make, rows, row, task_of(rows), name=name, seed=seed, progress=told,
            training=Training(max(1, round(epochs * len(rows.train) / len(row))), 32, lr=5e-3, seed=seed),
            folder=None if run is None else run / "teachers" / f"{name}-{seed}",
        )
        for name, (make, row) in makers.items()
    ]  # fmt: skip
    return [*nets, Subtraction(rows.space)]


@dataclass(frozen=True)
class Subtraction:
    """Takes the mean spectrum of the quietest moments off all moments (Boll 1979), in powers and down to a floor.

    More than what was measured is taken, and something is left, against musical tones (Berouti et al. 1979).

    Attributes:
        space: one name per sample.
        quiet: share of the frames that count as noise alone, those with the least power.
        times: how often the noise is taken off.
        floor: least share of a magnitude that is left.
    """

    space: Space
    quiet: float = 0.3
    times: float = 3.0
    floor: float = 0.05
    name: str = "subtraction"
    reads: tuple[str, ...] = (NOISY,)
    frozen: bool = True
    deterministic: bool = True
    parameters: int | None = None

    @property
    def seen(self) -> np.ndarray:
        """No rows."""
        return np.zeros(0, dtype=np.int64)

    @property
    def fingerprint(self) -> Mapping[str, str]:
        """Its three numbers."""
        return {"subtraction": f"{self.quiet}, {self.times}, {self.floor}"}

    def answer(self, columns: Columns) -> Values:
        """The wave that is left."""
        wave = torch.from_numpy(np.ascontiguousarray(columns[NOISY], dtype=np.float32))
        spectrum = to_frames(wave)
        strength = spectrum.abs().square()
        count = max(1, round(self.quiet * strength.shape[1]))
        quietest = strength.sum(-1).topk(count, dim=1, largest=False).indices
        noise = strength.take_along_dim(quietest.unsqueeze(-1), 1).mean(1, keepdim=True)
        left = (1.0 - self.times * noise / strength.clamp_min(1e-12)).clamp_min(self.floor**2).sqrt()
        return Values.of(from_frames(left * spectrum, wave.shape[1]))


def unchanged(rows: Rows, seed: int) -> Teacher:
    """Answers what it hears: the yardstick."""
    none = np.zeros(0, dtype=np.int64)
    options: dict[str, Any] = {"reads": NOISY, "space": rows.space, "batched": True, "seen": none}
    return RuleTeacher(lambda columns: columns[NOISY], name="as it is", **options)


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


def denoise(
    folder: Path,
    *,
    clips: int = 0,
    labelled: float = 0.1,
    width: int = 16,
    units: int = 12,
    seeds: int = 5,
    epochs: int = 15,
    teacher_epochs: int = 15,
    fusion: Fusion | None = None,
    run: Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """Distils three mask nets and spectral subtraction into a recurrent net that hears no future.

    Args:
        folder: with the clips.
        clips: of each speaker and digit at most; all with 0.
        labelled: share of the training rows whose clean wave the student sees; its teachers see all.
        width: channels of the conv teacher, and half of the recurrent ones' units.
        units: of the student.
        seeds: number of paired seeds; each has a speaker, noise, teachers and students of its own.
        epochs: passes of each student over its rows.
        teacher_epochs: passes of the teachers' nets.
        fusion: how teachers are combined; chosen on validation rows, which no teacher saw, unless given.
        run: folder of the run.
        progress: told what happens.

    Raises:
        InputError: the files are not there, or a share is none.
    """
    waves = read_waves(folder, clips)

    def make_teachers(seed: int, rows: Rows) -> list[Teacher]:
        return noise_teachers(rows, width=width, epochs=teacher_epochs, seed=seed, run=run, told=nets_told(progress))

    return distill(
        lambda: RecurrentMask(units, ahead=False),
        lambda seed: noise_rows(waves, seed, labelled),
        make_teachers,
        fusion=fusion,
        training=Training(epochs, 32, lr=1e-2),
        seeds=range(seeds),
        rates=RATES,
        run=run,
        baselines={"as it is": unchanged},
        stress={UNHEARD: Behind()},
        title="Spoken digits in noise: three mask nets and spectral subtraction, one small mask net",
        progress=progress,
    )
