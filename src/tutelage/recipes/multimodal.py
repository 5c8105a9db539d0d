"""One small student on one modality, taught by teachers of all of them.

| on | modalities | question | the student reads |
|---|---|---|---|
| digits | six views of handwritten digits (UCI Multiple Features) | which digit? | one view, 47 numbers |
| reviews | text, and a table of customer and garment (women's clothing) | recommended? | the words |

Each view or modality has a teacher of its own, of another kind. Views may be missing in training rows: their teacher
then says nothing. When the student is used only its own modality is needed, which no ensemble of the teachers can say.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from ..core import Fusion, InputError
from ..report import Report
from ..search import distill
from ..train import Training
from ..train.contest import Progress
from . import _multimodal_digits as digits
from . import _multimodal_reviews as reviews
from ._public import public_folder


def multimodal(
    *,
    on: Literal["digits", "reviews"] = "digits",
    data: Path | None = None,
    view: digits.View = "zer",
    missing: float = 0.2,
    labelled: float = 0.1,
    seeds: int = 5,
    epochs: int = 40,
    fusion: Fusion | None = None,
    run: Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """Distils a teacher per modality into a net of one hidden layer that reads one of them.

    Args:
        on: which data.
        data: folder with the files; below $TUTELAGE_DATA unless given.
        view: of the digits, that the student reads.
        missing: share of the digits' training rows in which any other view is missing.
        labelled: share of the student's training rows that are labelled; teachers learn from the labels of others, or
            out of fold.
        seeds: number of paired seeds; of the digits five test every row once.
        epochs: most passes of each student over its rows.
        fusion: how teachers are combined; chosen on labelled rows unless given.
        run: folder of the run.
        progress: told what happens.

    Raises:
        InputError: the files are not there, or a share is none.
    """
    if not 0.0 <= missing < 1.0:
        raise InputError(f"--missing is a share of rows in [0, 1), got {missing}")
    name, where = {"digits": ("multiview-mfeat", digits.PUBLIC), "reviews": (reviews.FOLDER, reviews.PUBLIC)}[on]
    folder = public_folder(name, data, where, f"--on {on}")
    case = reviews.case(folder, labelled, run) if on == "reviews" else digits.case(folder, view, missing, labelled)
    student, rows = case.makers()
    return distill(
        student,
        rows,
        case.teachers,
        fusion=fusion,
        training=Training(epochs=epochs, lr=3e-3, patience=8),
        seeds=range(seeds),
        rates=(1e-3, 3e-3, 1e-2),
        pseudo_labels=True,
        run=run,
        title=case.title,
        progress=progress,
    )
