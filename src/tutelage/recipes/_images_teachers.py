"""Teachers of images: two families of conv nets, a vision transformer, a machine on gradients, specialists.

All learn from the labels of all training rows; validation rows are kept from them, so that fusions can be chosen there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from ..core import Classes, InputError, Space, Teacher, require
from ..data import Rows
from ..data.views import Crop, Flip, Views
from ..nets import VGG, ResNet, ViT
from ..teachers import FeatureTeacher, ModuleTeacher
from ..teaching import Hint
from ..teaching.features import RKD, SP, Adapter, FitNet
from ..train import Training, fit_teacher, task_of
from ..train.fitted import Told
from ..train.settings import device_of
from ._images_data import IMAGE

ANIMALS = ("bird", "cat", "deer", "dog", "frog", "horse")
SCALE = 1 / 255


def steps(rows: Rows, pad: int) -> list[Any]:
    """What may happen to an image without its label becoming wrong: a shift, and of pictures in colours a flip."""
    mirrored = [Flip((IMAGE,))] if rows.columns[IMAGE].ndim == 4 else []
    return [*mirrored, Crop((IMAGE,), pad=pad, edge="reflect")]


def image_teachers(
    rows: Rows, *, width: int, epochs: int, run: Path | None = None, told: Told | None = None, seed: int = 0
) -> list[Teacher]:
    """Four or five teachers: of ten classes, VGG-like nets know the animals and the other things alone.

    Args:
        rows: the table; teachers see all labels of its training rows.
        width: channels of the first stage of the conv nets; a transformer has three numbers per token for each.
        epochs: passes of the nets over their rows, each in a new view.
        run: folder in which nets are kept, so that none is trained twice.
        told: called after each epoch of a net with its name, the record, and the number of epochs.
        seed: of all models.
    """
    images = rows.columns[IMAGE]
    channels, side = (3 if images.ndim == 4 else 1), images.shape[1]
    seen = rows.with_views(Views(steps(rows, max(1, side // 8)), count=None))
    settings, wide = Training(epochs, 128, lr=5e-3, seed=seed), (width, 2 * width, 4 * width)

    def net(
        name: str, make: Callable[[int], nn.Module], names: Sequence[str], training: Training = settings
    ) -> Teacher:
        part = only(seen, names)
        folder = None if run is None else run / "teachers" / name
        options: dict[str, Any] = {"training": training, "seed": seed, "folder": folder, "progress": told}
        teacher = fit_teacher(lambda: make(len(names)), part, part.train, task_of(part), name=name, **options)
        if isinstance(teacher, ModuleTeacher):
            teacher.module.to(device_of("auto"))
        return teacher

    every = rows.space.names
    groups = {"vgg": every}
    if set(ANIMALS) < set(every):
        groups = {"animals": ANIMALS, "things": tuple(name for name in every if name not in ANIMALS)}
    calm = replace(settings, lr=1e-3)
    options: dict[str, Any] = {"name": "svm", "seed": seed, "training": settings}
    return [
        net("residual", lambda count: ResNet(channels, count, wide, scale=SCALE), every),
        net("transformer", lambda count: ViT(channels, count, side, 4, 3 * width, scale=SCALE), every, calm),
        *(net(name, lambda count: VGG(channels, count, wide, 1, scale=SCALE), own) for name, own in groups.items()),
        fit_teacher(lambda: machine(side, len(rows.train), seed), rows, rows.train, task_of(rows), **options),
    ]


def only(rows: Rows, names: Sequence[str]) -> Rows:
    """The rows of these classes, for somebody who knows no others; the test rows are those of all classes.

    Raises:
        InputError: a class does not exist.
    """
    strange = [name for name in names if name not in rows.space.names]
    if strange:
        raise InputError(f"there are no classes {strange}: the rows have {list(rows.space.names)}")
    code = np.full(len(rows.space.names), -1)
    code[[rows.space.names.index(name) for name in names]] = np.arange(len(names))
    own = code[rows.target]
    inside = own >= 0
    return replace(
        rows,
        target=np.maximum(own, 0),
        space=Space(Classes, tuple(names)),
        labelled=inside,
        known=inside,
        train=rows.train[inside[rows.train]],
        validation=rows.validation[inside[rows.validation]],
        task=None,
    )


def machine(side: int, count: int, seed: int) -> Any:
    """A support vector machine with a radial kernel (by Nyström's method) on histograms of gradients."""
    reason = "train the support vector machine"
    pipeline, parts, kernels, svm, calibration = (
        require(f"sklearn.{name}", extra="sklearn", why=reason)
        for name in ("pipeline", "preprocessing", "kernel_approximation", "svm", "calibration")
    )
    return pipeline.make_pipeline(
        parts.FunctionTransformer(gradients, kw_args={"side": side}),
        parts.StandardScaler(),
        kernels.Nystroem(gamma=3e-4, n_components=min(500, count), random_state=seed),
        calibration.CalibratedClassifierCV(svm.LinearSVC(C=1.0, random_state=seed), cv=3, ensemble=False),
    )


def gradients(pixels: np.ndarray, side: int, cell: int = 4, angles: int = 9) -> np.ndarray:
    """Histograms of oriented gradients (Dalal and Triggs 2005).

    Args:
        pixels: grey or coloured images of `side` x `side` pixels, [N, pixels]; of colours the mean is taken.
        side: in pixels.
        cell: side of a cell, in pixels; pixels beyond the last whole cell are left out.
        angles: bins of the direction, whose sign does not count.

    Returns:
        float32 [N, blocks * 4 * angles]: two by two cells make a block, blocks overlap, each has length 1.
    """
    grey = np.asarray(pixels, dtype=np.float32).reshape(len(pixels), side, side, -1).mean(-1)
    down, right = np.gradient(grey, axis=(1, 2))
    bins = np.floor((np.arctan2(down, right) % np.pi) / np.pi * angles).astype(np.int64) % angles
    count = side // cell
    kept = slice(0, count * cell)
    weight = np.hypot(down, right)[:, kept, kept].reshape(len(grey), count, cell, count, cell)
    bins = bins[:, kept, kept].reshape(weight.shape)
    cells = np.stack([(weight * (bins == one)).sum((2, 4)) for one in range(angles)], -1)
    corners = [cells[:, i : count - 1 + i, j : count - 1 + j] for i in (0, 1) for j in (0, 1)]
    blocks = np.concatenate(corners, -1)
    blocks = blocks / (np.linalg.norm(blocks, axis=-1, keepdims=True) + 1.0)
    return blocks.reshape(len(grey), -1).astype(np.float32)


def image_hints(teachers: Sequence[Teacher], kind: str) -> tuple[Hint, ...]:
    """Features of the residual net beside answers: its last maps (`hints`), or how images relate (`relations`)."""
    net = next(one for one in teachers if isinstance(one, ModuleTeacher) and one.name == "residual").module
    maps = FeatureTeacher(net, "stages", reads=IMAGE, name="maps")
    if kind == "hints":
        return (Hint([maps], layer="stages", term=FitNet(), weight=1.0, adapter=Adapter(norm=True, relu=True)),)
    return (
        Hint([maps], layer="stages", term=RKD(), weight=0.5),
        Hint([maps], layer="stages", term=SP(), weight=50.0),
    )
