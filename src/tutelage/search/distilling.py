"""distill: the whole job, from many teachers to one student, with the evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from ..core import Fusion, SignalSource, Teacher
from ..data import Rows
from ..report import Report
from ..teaching import Objective
from ..train.baselines import linear
from ..train.choice import Choice
from ..train.contest import Contest, Progress, hand_over
from ..train.finish import Finish, last_stage
from ..train.hinting import Hints
from ..train.rates import best_rate
from ..train.settings import Training
from ..train.steps import (
    calculate_differences,
    evaluate_performance,
    generate_distillation_targets,
    generate_predictions,
)
from ..train.stress import Stress
from ..train.trial import Trial
from .auto import auto

Make = Callable[[], Any]


def distill(
    student: nn.Module | Make,
    rows: Rows | Callable[[int], Rows],
    teachers: Sequence[Teacher] | Callable[[int, Rows], Sequence[Teacher]],
    *,
    fusion: Fusion | None = None,
    objective: Objective | None = None,
    training: Training | None = None,
    seeds: Sequence[int] = (0, 1, 2),
    run: Path | str | None = None,
    baselines: Mapping[str, Callable[[Rows, int], Teacher]] | None = None,
    finish: Finish | None = None,
    hints: Hints = (),
    seen_ok: bool = False,
    optimise: bool = True,
    rates: Sequence[float] = (),
    pseudo_labels: bool = False,
    stress: Stress | None = None,
    title: str = "distillation",
    progress: Progress | None = None,
) -> Report:
    """From many teachers to one student, with the evidence; see `Contest` for the arguments.

    Unless a fusion is given it is chosen on this data, by `auto`. With `optimise` torch teachers run faster where their
    answers stay the same; see `generate_predictions`.
    """
    settings, shown = training or Training(), (title, progress, seen_ok, run, automatic, hints)
    contest = Contest(
        student,
        rows,
        teachers,
        fusion,
        objective,
        settings,
        seeds,
        *shown,
        rates=tuple(rates),
        pseudo_labels=pseudo_labels,
        stress=stress or {},
    )
    hand_over(contest)
    for seed in seeds:
        trial = contest.start(seed)
        signals = generate_predictions(
            trial.teachers, trial.rows, trial.store, progress=trial.told, optimise=optimise, ran=trial.ran.append
        )
        trial.taught(signals, calculate_differences(signals, trial.rows))
        _students(trial, objective)
        if finish is not None:
            stage = last_stage(trial.chosen(), trial.rows, trial.task, finish, replace(settings, seed=seed))
            trial.record_stage(stage, evaluate_performance(stage.fitted.student, trial.rows))
        trial.measure(evaluate_performance, linear(trial.rows) if baselines is None else baselines)
    return contest.report()


def _students(trial: Trial, objective: Objective | None) -> None:
    """Trains and measures all students of a seed."""
    for entry in trial.entries():
        target = generate_distillation_targets(
            entry.source, entry.rows, entry.fusion, objective, trial.heldout, entry.hints
        )
        fitted, rate = best_rate(trial.student, target, entry, trial.training(entry), trial.learning(entry))
        trial.record(entry, target, fitted, evaluate_performance(fitted.student, trial.rows), rate)


def automatic(trial: Trial, source: SignalSource) -> Choice:
    """The fusion of a trial, as `auto` chooses it."""
    return auto(
        trial.student_maker,
        trial.rows,
        trial.teachers,
        source,
        trial.heldout,
        objective=trial.objective,
        training=trial.settings,
        seed=trial.seed,
    )
