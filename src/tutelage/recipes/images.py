"""Images: two families of conv nets, a vision transformer, a machine on hand-made features, and specialists.

| `--on` | classes | images | test |
|---|---|---|---|
| pneumonia | chest X-rays, ill or not: two | 4,708 of 28 x 28, grey | the official 624 |
| cifar10 | animals and vehicles: ten | up to 50,000 of 32 x 32, in colours | the files' own |

The student is a conv net with a few thousand parameters. Training rows are seen in views that can be replayed, so that
teachers answer each view once. Everybody is also tested on images with noise, out of focus, and flat.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from ..core import Fusion
from ..data.views import Blur, Contrast, Noise, Views
from ..nets import ConvNet
from ..report import Report
from ..search import distill
from ..train import Training
from ..train.contest import Progress, nets_told
from ._images_data import IMAGE, LUNGS, THINGS, image_rows, read_pictures, read_xrays
from ._images_teachers import SCALE, image_hints, image_teachers, steps
from ._public import public_folder

PUBLIC = {
    "pneumonia": ("medimg-pneumoniamnist", "pneumoniamnist.npz of MedMNIST (medmnist.com)"),
    "cifar10": (
        "image-cifar10",
        "CIFAR-10, as Parquet files or in the binary edition (www.cs.toronto.edu/~kriz/cifar.html)",
    ),
}
"""Folder below TUTELAGE_DATA, and where the public set is."""
RATES = (3e-3, 1e-2, 3e-2)
"""Learning rates from which students of labels alone take the best on validation rows."""
STRESS: dict[str, Any] = {
    "noise": Noise((IMAGE,), 20.0),
    "blur": Blur((IMAGE,), 1.0),
    "low contrast": Contrast((IMAGE,), 0.3),
}


def images(
    *,
    on: Literal["pneumonia", "cifar10"] = "pneumonia",
    data: Path | None = None,
    images: int = 0,
    labelled: float = 0.1,
    views: int = 4,
    features: Literal["none", "hints", "relations"] = "none",
    width: int = 16,
    widths: tuple[int, ...] = (8, 16),
    seeds: int = 5,
    epochs: int = 15,
    teacher_epochs: int = 12,
    fusion: Fusion | None = None,
    run: Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """Distils four or five teachers of images into a conv net.

    Args:
        on: which images.
        data: folder with the files, yours or the public ones; below $TUTELAGE_DATA unless given.
        images: training images at most, of all classes alike; all with 0.
        labelled: share of the training images whose label the student sees; its teachers see all.
        views: of each training image, shifted (and of pictures mirrored).
        features: what the student learns of the residual net beside its answers.
        width: channels of the first stage of the teachers' nets.
        widths: channels of the student's stages.
        seeds: number of paired seeds: of students; the teachers are the same.
        epochs: passes of each student over its rows.
        teacher_epochs: passes of the teachers' nets.
        fusion: how teachers are combined; chosen on validation rows, which no teacher saw, unless given.
        run: folder of the run.
        progress: told what happens.

    Raises:
        InputError: the files are not there, or a share is none.
    """
    name, where = PUBLIC[on]
    read, names = {"pneumonia": (read_xrays, LUNGS), "cifar10": (read_pictures, THINGS)}[on]
    rows = image_rows(*read(public_folder(name, data, where, f"--on {on}"), images), names, labelled)

    teachers = image_teachers(rows, width=width, epochs=teacher_epochs, run=run, told=nets_told(progress))
    channels = 3 if on == "cifar10" else 1
    return distill(
        lambda: ConvNet(channels, len(names), widths, scale=SCALE),
        rows.with_views(Views(steps(rows, rows.columns[IMAGE].shape[1] // 8), count=views)),
        teachers,
        fusion=fusion,
        training=Training(epochs, lr=1e-2),
        seeds=range(seeds),
        hints=() if features == "none" else image_hints(teachers, features),
        rates=RATES,
        pseudo_labels=True,
        stress=STRESS,
        run=run,
        title=f"Images ({on}): {len(teachers)} teachers, one small conv net",
        progress=progress,
    )
