"""Speech: which digit was said, which string of digits, or what was said without the noise.

| `--task` | teachers | student |
|---|---|---|
| digits | conv net, recurrent net, machine on cepstra, templates warped in time | tiny conv net |
| strings | conv and recurrent net by CTC, and who cuts at silences | tiny conv net by CTC |
| noise | conv and recurrent mask nets, one of steady noise alone, spectral subtraction | tiny mask net |

A speaker whom nobody has heard is tested, another one under each seed; or, of digits, other clips of known speakers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from ..core import Fusion, InputError, Teacher
from ..data import Rows
from ..data.views import Views
from ..nets import ConvNet
from ..report import Report
from ..search import distill
from ..train import Training
from ..train.contest import Progress, nets_told
from ._public import public_folder
from ._speech_digits import NAMES, PUBLIC, clip_rows, read_clips
from ._speech_noise import denoise
from ._speech_strings import transcribe
from ._speech_teachers import PLACES, speech_teachers, steps

RATES = (3e-3, 1e-2, 3e-2)
"""Learning rates from which students of labels alone take the best on validation rows."""
EPOCHS = {"digits": (20, 25), "strings": (20, 12), "noise": (8, 12)}
"""Passes of students and of the teachers' nets."""
SEEDS = {"digits": 5, "strings": 5, "noise": 3}
"""So many fit into half an hour on two cores."""


def speech(
    *,
    task: Literal["digits", "strings", "noise"] = "digits",
    data: Path | None = None,
    split: Literal["speaker", "index"] = "speaker",
    clips: int = 0,
    strings: int = 1000,
    labelled: float = 0.1,
    views: int = 4,
    width: int = 16,
    widths: tuple[int, ...] = (8, 16, 24),
    seeds: int = 0,
    epochs: int = 0,
    teacher_epochs: int = 0,
    fusion: Fusion | None = None,
    run: Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """Distils teachers of spoken digits into a small net.

    Args:
        task: digits by themselves, strings of digits, or waves without their noise.
        data: folder with the clips; below $TUTELAGE_DATA unless given.
        split: of digits: an unheard speaker is tested, another one under each seed, or clips 0 to 4 of every speaker.
        clips: of each speaker and digit at most; all with 0.
        strings: that many are put together to learn from.
        labelled: share of the training rows whose label (string, clean wave) the student sees; its teachers see all.
        views: of digits: of each training clip, faster or slower, higher or lower, shifted, with stretches hidden.
        width: channels of the first stage of the conv teacher; the recurrent one grows with it.
        widths: channels of the student's stages; of a mask net, the first.
        seeds: number of paired seeds, each with a speaker, teachers and students of its own; with 0 as many as fit into
            half an hour: five, of noise three.
        epochs: passes of each student over its rows; with 0 those that suit the task.
        teacher_epochs: passes of the teachers' nets; with 0 those that suit the task.
        fusion: how teachers are combined; chosen on validation rows, which no teacher saw, unless given.
        run: folder of the run.
        progress: told what happens.

    Raises:
        InputError: the files are not there, a share is none, a fusion is given for strings, which compare several, or
            `--split index` for anything but digits.
    """
    if task not in EPOCHS or (task != "digits" and split != "speaker"):
        raise InputError(f"--task is one of {list(EPOCHS)}, and --split index is for digits; got {task!r}, {split!r}")
    found = read_clips(public_folder("speech-fsdd", data, PUBLIC), clips)
    own = (epochs or EPOCHS[task][0], teacher_epochs or EPOCHS[task][1])
    count = seeds or SEEDS[task]
    shared: dict[str, Any] = {"run": run, "progress": progress}
    if task == "noise":
        settings = {"labelled": labelled, "width": width, "units": widths[0], "seeds": count, "fusion": fusion}
        return denoise(found, epochs=own[0], teacher_epochs=own[1], **settings, **shared)
    if task == "strings":
        if fusion is not None:
            raise InputError("--task strings compares fusions and chooses on validation strings: leave out --fusion")
        settings = {"labelled": labelled, "width": width, "widths": widths, "seeds": count, "count": strings}
        return transcribe(found, epochs=own[0], teacher_epochs=own[1], **settings, **shared)

    def make_rows(seed: int) -> Rows:
        return clip_rows(found, seed, split, labelled).with_views(Views(steps(), count=views, seed=seed))

    def make_teachers(seed: int, rows: Rows) -> list[Teacher]:
        return speech_teachers(rows, width=width, epochs=own[1], seed=seed, run=run, told=nets_told(progress))

    return distill(
        lambda: ConvNet(1, len(NAMES), widths, places=PLACES),
        make_rows,
        make_teachers,
        fusion=fusion,
        training=Training(own[0], 64, lr=1e-2),
        seeds=range(count),
        rates=RATES,
        pseudo_labels=True,
        title=f"Spoken digits: four teachers, one small conv net ({split})",
        **shared,
    )
