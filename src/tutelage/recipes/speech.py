"""Speech: a conv net, a recurrent net, a machine on cepstra and warped templates teach a tiny conv net spoken digits.

A speaker whom nobody has heard is tested, another one under each seed; or other clips of known speakers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from ..core import Fusion, Teacher
from ..data import Rows
from ..data.views import Views
from ..nets import ConvNet
from ..report import Report
from ..search import distill
from ..train import Training
from ..train.contest import Progress, nets_told
from ._public import public_folder
from ._speech_digits import NAMES, PUBLIC, clip_rows, read_clips
from ._speech_teachers import speech_teachers, steps

RATES = (3e-3, 1e-2, 3e-2)
"""Learning rates from which students of labels alone take the best on validation rows."""


def speech(
    *,
    data: Path | None = None,
    split: Literal["speaker", "index"] = "speaker",
    clips: int = 0,
    labelled: float = 0.1,
    views: int = 4,
    width: int = 16,
    widths: tuple[int, ...] = (8, 16, 24),
    seeds: int = 5,
    epochs: int = 20,
    teacher_epochs: int = 25,
    fusion: Fusion | None = None,
    run: Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """Distils four teachers of spoken digits into a small conv net.

    Args:
        data: folder with the clips; below $TUTELAGE_DATA unless given.
        split: an unheard speaker is tested, another one under each seed, or clips 0 to 4 of every speaker.
        clips: of each speaker and digit at most; all with 0.
        labelled: share of the training clips whose label the student sees; its teachers see all.
        views: of each training clip: faster or slower, higher or lower, shifted, with stretches hidden.
        width: channels of the first stage of the conv teacher, and a third of the recurrent one's units.
        widths: channels of the student's stages.
        seeds: number of paired seeds; each has a speaker, teachers and students of its own.
        epochs: passes of each student over its rows.
        teacher_epochs: passes of the teachers' nets.
        fusion: how teachers are combined; chosen on validation rows, which no teacher saw, unless given.
        run: folder of the run.
        progress: told what happens.

    Raises:
        InputError: the files are not there, or a share is none.
    """
    found = read_clips(public_folder("speech-fsdd", data, PUBLIC), clips)

    def make_rows(seed: int) -> Rows:
        return clip_rows(found, seed, split, labelled).with_views(Views(steps(), count=views, seed=seed))

    def make_teachers(seed: int, rows: Rows) -> list[Teacher]:
        return speech_teachers(rows, width=width, epochs=teacher_epochs, seed=seed, run=run, told=nets_told(progress))

    return distill(
        lambda: ConvNet(1, len(NAMES), widths),
        make_rows,
        make_teachers,
        fusion=fusion,
        training=Training(epochs, 64, lr=1e-2),
        seeds=range(seeds),
        rates=RATES,
        pseudo_labels=True,
        run=run,
        title=f"Spoken digits: four teachers, one small conv net ({split})",
        progress=progress,
    )
