"""prequential: distil on the first part of a stream, then go on, block after block: test, then train (Dawid 1984)."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from torch import nn

from ..core import Fusion, Teacher
from ..data import Rows
from ..data.sealed import Sealed
from ..report import Report
from ..teaching import Objective
from ..train.contest import Contest, Progress, hand_over
from ..train.entry import CHOSEN, Result
from ..train.keep import keep
from ..train.rates import best_rate
from ..train.settings import Training, one_thread
from ..train.steps import (
    calculate_differences,
    evaluate_performance,
    generate_distillation_targets,
    generate_predictions,
)
from ..train.summary import summarise
from .distilling import Make, automatic
from .over_time import over_time
from .walking import Follow, Walker, in_order, measured, walked

STILL = "student: chosen fusion, not followed"
"""The student as the first part of the stream left it."""


def prequential(
    student: nn.Module | Make,
    rows: Rows,
    teachers: Sequence[Teacher],
    *,
    follow: Follow | None = None,
    fusion: Fusion | None = None,
    objective: Objective | None = None,
    training: Training | None = None,
    seeds: Sequence[int] = (0, 1, 2),
    run: Path | str | None = None,
    rates: Sequence[float] = (),
    pseudo_labels: bool = False,
    title: str = "distillation on a stream",
    progress: Progress | None = None,
) -> Report:
    """`distill` on the training rows; then all students go through the test rows, test-then-train.

    A block of rows is answered by each student, and the answers are kept. Then calibrations and fusion are fitted on
    the last rows, and the student learns from the last rows with the stored answers of the teachers and the labels,
    which are known by now. A student of labels alone learns from the same rows in the same steps. The report is that of
    `distill`, with a chapter over time; one more contender is the student that stays as the first part left it.

    Args:
        student: an nn.Module, or a maker called under each seed.
        rows: a table in time order: training rows, then validation rows, then test rows without a gap.
        teachers: their answers about a row must not depend on later rows: rules, or `OutOfTime`.
        follow: how the stream is followed.
        fusion: how teachers are combined; chosen on labelled rows of the first part unless given.
        objective: what is compared; chosen by the task unless given.
        training: settings on the first part.
        seeds: one trial each; all go through the same stream.
        run: folder that keeps the report, the student as it stands at the end, and the teachers' answers.
        rates: learning rates for the first part, of which the student of labels alone takes the best.
        pseudo_labels: whether one more student learns the class that the fused teachers think best.
        title: of the report.
        progress: told what happens.

    Raises:
        InputError: the rows are not in time order.
    """
    follow = follow or Follow()
    in_order(rows)
    shown = (title, progress, False, run, automatic, ())
    asked = (student, rows, teachers, fusion, objective, training or Training(), seeds)
    contest = Contest(*asked, *shown, rates=tuple(rates), pseudo_labels=pseudo_labels)
    hand_over(contest)
    walkers = [one for seed in seeds for one in _started(contest, seed, objective)]
    with one_thread():
        measured(contest.trials, walkers, walked(contest, walkers, objective, follow))
        report = summarise(contest).with_chapter(over_time(contest.trials, follow.block, follow.marks))
    for walker in walkers:  # what is kept and shipped is the student at the end
        walker.ended()
    if run is None:
        shutil.rmtree(contest.place)
    else:
        keep(contest, report, Path(run))
    return report


def _started(contest: Contest, seed: int, objective: Objective | None) -> list[Walker]:
    """The students of a seed after the first part."""
    trial = contest.start(seed)
    rows = trial.rows
    everything = np.arange(rows.train[0], in_order(rows)[-1] + 1)
    whole = replace(rows, train=everything, validation=everything[:0], test=Sealed(everything[:0]))
    signals = generate_predictions(trial.teachers, whole, trial.store, progress=trial.told, ran=trial.ran.append)
    trial.taught(signals, calculate_differences(signals, rows))
    found: list[Walker] = []
    for entry in trial.entries():
        target = generate_distillation_targets(entry.source, entry.rows, entry.fusion, objective, trial.heldout)
        fitted, rate = best_rate(trial.student, target, entry, trial.training(entry), trial.learning(entry))
        still = evaluate_performance(fitted.student, rows)
        first = Result(entry.name, entry.role, still, target, fitted, rate=rate)
        trial.results.append(first)
        found.append(Walker(trial, entry, first, copy.deepcopy(fitted.student)))
        if entry.name == CHOSEN:
            trial.results.append(Result(STILL, "student", still))
    return found
