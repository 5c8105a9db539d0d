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

from ..core import Columns, Fusion, Space, Teacher, Values
from ..data import Rows
from ..nets import ConvMask, RecurrentMask
from ..ops.frames import from_frames, to_frames
from ..report import Report
from ..search import distill
from ..teachers import RuleTeacher
from ..train import Training, fit_teacher, task_of
from ..train.contest import Progress, nets_told
from ..train.fitted import Told
from ._speech_digits import Clips
from ._speech_waves import KINDS, NOISY, UNHEARD, Behind, half_seconds, noise_rows

STEADY = ("white", "hum")
RATES = (3e-3, 1e-2, 3e-2)


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
    heard = np.isin(rows.columns["kinds"], [-1, *(KINDS.index(kind) for kind in STEADY)])
    steady = rows.train[heard[rows.train].all(1)]
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
        if not len(wave):
            return Values.of(wave)
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


def denoise(
    clips: Clips,
    *,
    labelled: float,
    width: int,
    units: int,
    seeds: int,
    epochs: int,
    teacher_epochs: int,
    fusion: Fusion | None = None,
    run: Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """Distils three mask nets and spectral subtraction into a small one; see `speech` for the arguments.

    The student hears no later frame than that which it answers.

    Raises:
        InputError: a share is none, or a clip is silent.
    """
    waves = half_seconds(clips)

    def make_teachers(seed: int, rows: Rows) -> list[Teacher]:
        return noise_teachers(rows, width=width, epochs=teacher_epochs, seed=seed, run=run, told=nets_told(progress))

    return distill(
        lambda: ConvMask(units, ahead=False),
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
