"""Teachers of spoken digits: a conv net, a recurrent net, a machine on statistics, and templates warped in time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..core import Classes, Space, Teacher, require
from ..data import Rows
from ..data.audio import cepstrum
from ..data.views import Crop, Mask, Stretch, Views
from ..nets import ConvNet, Recurrent
from ..store.fingerprint import digest
from ..train import Training, fit_teacher, task_of
from ..train.fitted import Told
from ._speech_digits import SOUND

PLACES = (6, 3)
"""Parts of a spectrogram, in time and pitch, that conv nets tell apart."""


def steps() -> list[Any]:
    """What may happen to a spoken digit without its label becoming wrong."""
    sound = (SOUND,)
    return [Stretch(sound, time=0.3, frequency=0.2), Crop(sound, pad=3), Mask(sound, 1, 10), Mask(sound, 2, 6)]


def speech_teachers(
    rows: Rows, *, width: int, epochs: int, seed: int, run: Path | None = None, told: Told | None = None
) -> list[Teacher]:
    """Four teachers, who see all labels of the training rows.

    Args:
        rows: the table.
        width: channels of the first stage of the conv net; the recurrent net has three units each way for each.
        epochs: passes of the nets over their rows, each in a new view.
        seed: of all models.
        run: folder in which nets are kept, so that none is trained twice.
        told: called after each epoch of a net with its name, the record, and the number of epochs.
    """
    names, task = rows.space.names, task_of(rows)
    frames, bands = rows.columns[SOUND].shape[1:]
    seen = rows.with_views(Views(steps(), count=None, seed=seed))
    settings = Training(epochs, 64, lr=5e-3, seed=seed)
    makers: dict[str, Any] = {
        "conv": lambda: ConvNet(1, len(names), (width, 2 * width, 4 * width), places=PLACES),
        "recurrent": lambda: Recurrent(bands, len(names), 3 * width, dropout=0.2),
    }
    nets = [
        fit_teacher(
            make, seen, seen.train, task, name=name, seed=seed, training=settings, progress=told,
            folder=None if run is None else run / "teachers" / f"{name}-{seed}",
        )
        for name, make in makers.items()
    ]  # fmt: skip
    options: dict[str, Any] = {"name": "svm", "seed": seed, "training": settings}
    svm = fit_teacher(lambda: machine(frames, bands), rows, rows.train, task, **options)
    return [*nets, svm, Templates.of(rows, seed)]


def machine(frames: int, bands: int) -> Any:
    """A support vector machine with a radial kernel on statistics of cepstra, with probabilities."""
    reason = "train the support vector machine"
    pipeline, parts, svm, calibration = (
        require(f"sklearn.{name}", extra="sklearn", why=reason)
        for name in ("pipeline", "preprocessing", "svm", "calibration")
    )
    return pipeline.make_pipeline(
        parts.FunctionTransformer(statistics, kw_args={"frames": frames, "bands": bands}),
        parts.StandardScaler(),
        calibration.CalibratedClassifierCV(svm.SVC(C=3.0), cv=3, ensemble=False),
    )


def statistics(levels: np.ndarray, frames: int, bands: int, parts: int = 5) -> np.ndarray:
    """Means of cepstra over parts of what is heard, and their spread over all of it.

    Args:
        levels: spectrograms [N, frames * bands] or [N, frames, bands]; 0 is silence.
        frames: their length.
        bands: their width.
        parts: as long as each other.

    Returns:
        float32 [N, (parts + 1) * 13 + 1]; last the number of frames.
    """
    level = np.asarray(levels, dtype=np.float32).reshape(-1, frames, bands)
    found = np.zeros((len(level), (parts + 1) * 13 + 1), dtype=np.float32)
    for row, one in enumerate(level):
        heard = np.flatnonzero(one.max(1) > 0)
        if len(heard):
            own = cepstrum(one[heard[0] : heard[-1] + 1])
            place = np.linspace(0, len(own), parts + 1)
            cuts = [own[int(a) : max(int(b), int(a) + 1)].mean(0) for a, b in pairwise(place)]
            found[row] = np.concatenate([*cuts, own.std(0), [len(own)]])
    return found


def warped(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Distances under the best monotone alignment (dynamic time warping; Sakoe and Chiba 1978, no slope limit).

    Args:
        some: sequences [N, time, D].
        others: sequences [M, time', D].

    Returns:
        [N, M]: the least sum of Euclidean distances of frames along a path from the first to the last pair of frames.
    """
    square = (some**2).sum(-1)[:, None, :, None] + (others**2).sum(-1)[None, :, None, :]
    product = np.einsum("ntd,mud->nmtu", some, others, optimize=True)
    cost = np.ascontiguousarray(np.sqrt(np.maximum(square - 2 * product, 0)).transpose(2, 3, 0, 1))
    before = np.cumsum(cost[0], axis=0)
    for line in cost[1:]:
        now = np.empty_like(before)
        now[0] = before[0] + line[0]
        for place in range(1, len(line)):
            now[place] = line[place] + np.minimum(np.minimum(now[place - 1], before[place - 1]), before[place])
        before = now
    return before[-1]


@dataclass(frozen=True)
class Templates:
    """Says the digit of the nearest template, after warping in time; nothing where another digit is nearly as near.

    Attributes:
        examples: cepstra of the templates, float32 [M, time, D].
        digits: of the templates, int64 [M].
        space: the classes.
        seen: rows the templates are.
        margin: by so much, as a share, the second digit must be farther away.
    """

    examples: np.ndarray
    digits: np.ndarray
    space: Space
    seen: np.ndarray
    margin: float = 0.1
    name: str = "templates"
    reads: tuple[str, ...] = (SOUND,)
    frozen: bool = True
    deterministic: bool = True
    parameters: int | None = None

    @staticmethod
    def of(rows: Rows, seed: int, count: int = 10) -> Templates:
        """So many templates per digit, drawn from the training rows."""
        order = np.random.default_rng((seed, 78)).permutation(rows.train)
        each = [order[rows.target[order] == one][:count] for one in range(len(rows.space.names))]
        own = np.sort(np.concatenate(each))
        return Templates(_cepstra(rows.columns[SOUND][own]), rows.target[own], rows.space, own)

    @property
    def fingerprint(self) -> Mapping[str, str]:
        """The templates and the margin."""
        return {"templates": digest(self.examples.tobytes(), self.digits.tobytes()), "margin": str(self.margin)}

    def answer(self, columns: Mapping[str, np.ndarray]) -> Classes:
        """A vote per row."""
        sound = columns[SOUND]
        nearest = np.full((len(sound), len(self.space.names)), np.inf, dtype=np.float32)
        for start in range(0, len(sound), 64):
            away = warped(_cepstra(sound[start : start + 64]), self.examples)
            for digit in np.unique(self.digits):
                nearest[start : start + 64, digit] = away[:, self.digits == digit].min(1)
        best, second = np.sort(nearest, 1)[:, :2].T
        votes = np.eye(nearest.shape[1], dtype=np.float32)[nearest.argmin(1)]
        sure = second > (1 + self.margin) * best
        return Classes.of(torch.from_numpy(votes), "votes", valid=torch.from_numpy(sure))


def _cepstra(sound: np.ndarray) -> np.ndarray:
    """Cepstra [N, time / 2, 12] of spectrograms, without loudness, two frames taken together."""
    halved = sound[:, : sound.shape[1] // 2 * 2].reshape(len(sound), -1, 2, sound.shape[2]).mean(2)
    return cepstrum(halved)[..., 1:]
