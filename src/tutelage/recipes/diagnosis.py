"""Diagnosis: teachers of several hospitals, clinical rules that abstain, and one small student.

| on | teachers | tested |
|---|---|---|
| heart | a model per hospital on the columns it records, three clinical rules | a hospital not seen |
| wdbc | a model per group of measurements of nuclei, boosted trees, a rule | another fifth for each seed |
| breast-w | a model per group of scores of cells, boosted trees, a rule | another fifth for each seed |

All learn probabilities. What is answered is decided by them and by what it costs to miss an illness, so that a model
need not be trained again when that changes (Elkan 2001). Labels and teachers count half each, and weights decay fast: a
few hundred patients of other hospitals are easily learnt by heart.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Literal

from ..core import Fusion, InputError, MissingExtraError
from ..report import Report
from ..search import distill
from ..tasks import Classification
from ..teaching import Objective
from ..teaching.terms import KL
from ..train import Training
from ..train.contest import Progress
from . import _diagnosis_breast as breast
from . import _diagnosis_heart as heart
from ._public import public_folder

On = Literal["heart", "wdbc", "breast-w"]


def diagnosis(
    *,
    on: On = "heart",
    data: Path | None = None,
    without: Literal["all", "cleveland", "hungarian", "switzerland", "va"] = "all",
    miss_cost: float = 1.0,
    seeds: int = 5,
    epochs: int = 30,
    fusion: Fusion | None = None,
    run: Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """Distils the knowledge of several hospitals, or of several measurements, into a net of one hidden layer.

    Args:
        on: which patients.
        data: folder with the files; below $TUTELAGE_DATA unless given.
        without: the hospital that is tested and nobody learns from; with `all` each in turn, and a table of them.
        miss_cost: what a missed illness costs, in false alarms.
        seeds: number of paired seeds, of each hospital.
        epochs: most passes of each student over its rows.
        fusion: how teachers are combined; chosen on labelled rows unless given.
        run: folder of the run.
        progress: told what happens.

    Raises:
        InputError: the files are not there, a cost is not positive, or there is no such hospital.
    """
    if not miss_cost > 0:
        raise InputError(f"--miss-cost is positive, got {miss_cost}")
    if on != "heart" and without != "all":
        raise InputError(f"--without {without}: only the patients of --on heart come from several hospitals")
    task = Classification(
        heart.NAMES if on == "heart" else breast.NAMES,
        headline="accuracy" if miss_cost == 1 else "cost",
        decision=(1.0, miss_cost),
    )
    if on == "heart":
        case = heart.case(public_folder("medical-heart4", data, heart.PUBLIC, "--on heart"), task, without, run)
    else:
        case = breast.case(public_folder("medical-breast", data, breast.PUBLIC, f"--on {on}"), task, on, run)
    student, rows = case.makers()
    report = distill(
        student,
        rows,
        case.teachers,
        fusion=fusion,
        objective=Objective((KL(1.0),), soft=0.5),
        training=Training(epochs=epochs, lr=3e-3, batch_size=32, decay=1.0, patience=8),
        seeds=range(seeds * case.turns),
        rates=(1e-3, 3e-3, 1e-2),
        pseudo_labels=True,
        run=run,
        title=case.title,
        progress=progress,
    )
    if case.turns == 1:
        return report
    chapter = heart.chapter(report)
    print(chapter.table())
    report = report.with_chapter(chapter)
    if run is not None:
        report.save_json(run / "report.json")
        with contextlib.suppress(MissingExtraError):
            report.save(run / "report.html")
    return report
