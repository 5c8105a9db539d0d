"""`tutelage compare --sweep`: which fusion is best on my data?"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from ..core import Fusion, InputError
from ..data import Rows
from ..fusion import Mean
from ..report import interval, paired
from ..teaching import Distillation
from ..train.choose import best_single, candidates
from ..train.contest import Contest
from ..train.entry import LABELS_ONLY
from ..train.homemade import teacher_makers
from ..train.settings import Training
from ..train.steps import calculate_differences, generate_distillation_targets, generate_predictions, train_models
from ..train.sweep import Lane, Swept, sweep
from ..train.trial import Trial
from . import show
from .distill import Options, make_objective, make_student, make_training, read_rows, read_teachers
from .parts import fusion_from

PLAIN, LABELS, SINGLE = "mean", "labels only", "best single teacher"
OTHERS = ("fusion", "finish", "resume", "tensorboard", "profile")
"""Options of `distill` that mean nothing here."""
ENOUGH = 100
"""So many labelled training rows that no teacher has seen are enough for calibrations and fusions to learn from."""


@dataclass(frozen=True)
class SweepOptions:
    """Train small students under several fusions and seeds, side by side, and compare them on validation rows.

    Attributes:
        distill: data, teachers, student and training, as for `tutelage distill`.
        fusions: a fusion to try (mean, vote, confidence:form=softmax, my.py:Mine); repeat for each. Those that
            `distill` chooses from unless given.
    """

    distill: tyro.conf.OmitArgPrefixes[Options]
    fusions: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()


@dataclass(frozen=True)
class Judged:
    """What came out: the value of the headline metric and the seconds of each seed, by what the students learnt from.

    Attributes:
        values: on `rows` rows, which no fusion or calibration has seen.
        seconds: of one student.
        why: how they were trained.
    """

    values: Mapping[str, list[float]]
    seconds: Mapping[str, float]
    rows: int
    why: str


def sweep_command(arguments: list[str]) -> None:
    """Teaches once, trains all students, and prints a table."""
    asked = tyro.cli(SweepOptions, args=arguments, prog="tutelage compare --sweep")
    options = asked.distill
    for name in OTHERS:
        if getattr(options, name):
            raise InputError(f"--{name} belongs to tutelage distill: leave it out (--fusions names what is compared)")
    rows, training = read_rows(options).rows, make_training(options)
    fusions = {text: fusion_from(text) for text in asked.fusions}
    teachers, student, objective = (
        read_teachers(options, rows),
        make_student(options, rows),
        make_objective(options, rows),
    )
    if options.train_teachers:
        show.said(f"training {options.train_teachers} teachers, five folds each")
        teachers += train_models(rows, teacher_makers(rows), options.train_teachers, ("seed", "architecture"))
    with tempfile.TemporaryDirectory(prefix="tutelage-") as folder, show.progress() as listener:
        place = Path(folder) if options.run is None else options.run
        contest = Contest(
            student, rows, teachers, None, objective, training, (0,), "", listener, options.seen_ok, place
        )
        trial = contest.start(0)
        found = judge(contest, trial, fusions, range(options.seeds))
    _show(found, trial, options.seeds)


def judge(contest: Contest, trial: Trial, fusions: Mapping[str, Fusion], seeds: Sequence[int]) -> Judged:
    """Students of every fusion and seed, the plain mean, the best single teacher and labels alone among them."""
    signals = generate_predictions(trial.teachers, trial.rows, trial.store, progress=trial.told)
    trial.taught(signals, calculate_differences(signals, trial.rows))
    learning, judged = _parted(trial)
    rows = replace(trial.rows, validation=judged)
    targets: dict[str, Distillation] = {}
    for name, fusion in ({PLAIN: Mean()} | (dict(fusions) or {f.name: f for f in candidates(trial.task)})).items():
        try:
            targets[name] = generate_distillation_targets(signals, rows, fusion, contest.objective, learning)
        except InputError as error:
            if fusions:
                raise
            show.said(f"{name} is left out: {error}")
    if len(trial.teachers) > 1:
        batch = rows.batch(learning, inputs=False)
        name = best_single(signals.gather(batch.row, batch.view), trial.task, batch)
        only = generate_distillation_targets(signals.only(name), rows, Mean(), contest.objective, learning)
        targets[f"{SINGLE} ({name})"] = only
    swept = [_swept(contest, rows, _lanes(targets, seeds), contest.training)]
    for entry in trial.entries():
        if entry.name == LABELS_ONLY:
            alone = generate_distillation_targets(None, rows, Mean())
            own = replace(entry.rows, validation=judged)
            swept.append(_swept(contest, own, _lanes({LABELS: alone}, seeds), trial.training(entry)))
    return _judged(swept, trial.task.headline, len(judged), contest.training.patience is not None)


def _parted(trial: Trial) -> tuple[np.ndarray, np.ndarray]:
    """Rows for calibrations and fusions to learn from, and validation rows to judge on, which they have not seen."""
    rows, validation = trial.rows, trial.rows.validation
    outside = np.setdiff1d(trial.heldout, validation)
    if np.isin(outside, rows.labelled_train).sum() >= ENOUGH:
        return outside, validation
    if len(validation) < 2:
        raise InputError("there are no validation rows to judge on: give a table from which some can be split off")
    order = np.random.default_rng(0).permutation(validation)
    half = len(order) // 2
    return np.union1d(outside, order[:half]), np.sort(order[half:])


def _lanes(targets: Mapping[str, Distillation], seeds: Sequence[int]) -> list[Lane]:
    return [Lane(f"{name}, seed {seed}", target, seed) for name, target in targets.items() for seed in seeds]


def _swept(contest: Contest, rows: Rows, lanes: Sequence[Lane], training: Training) -> Swept:
    return sweep(contest.student, lanes, rows, replace(training, checkpoint=None), contest.tell)


def _judged(swept: Sequence[Swept], headline: str, rows: int, patient: bool) -> Judged:
    values: dict[str, list[float]] = {}
    seconds: dict[str, float] = {}
    for one in swept:
        together = sum(one.batched)
        for lane, fitted, batched in zip(one.lanes, one.fitted, one.batched, strict=True):
            name = lane.name.rpartition(", seed ")[0]
            shown = next(e for e in reversed(fitted.history) if not patient or e.epoch == fitted.best_epoch)
            values.setdefault(name, []).append(shown.metrics[headline])
            seconds[name] = fitted.seconds / (together if batched else 1)
    return Judged(values, seconds, rows, swept[0].why)


def _show(found: Judged, trial: Trial, seeds: int) -> None:
    headline = trial.task.headline
    higher = trial.task.higher_is_better[headline]
    means = {name: interval(values) for name, values in found.values.items()}
    table = Table(title=f"{len(trial.teachers)} teachers: {found.why}", title_justify="left")
    for name in ("fusion", headline, f"against {PLAIN}", f"against {LABELS}", "s per student"):
        table.add_column(name, justify="left" if name == "fusion" else "right", no_wrap=True)
    for name in sorted(means, key=lambda one: means[one][0], reverse=higher):
        rivals = [_against(found, name, rival) for rival in (PLAIN, LABELS)]
        table.add_row(name, _number(*means[name]), *rivals, f"{found.seconds[name]:.2f}")
    Console(width=max(120, Console().width)).print(table)
    better = "higher" if higher else "lower"
    print(
        f"{headline} ({better} is better) on {found.rows} validation rows that no calibration and no fusion has learnt "
        f"from; the {len(trial.rows.test)} test rows stay sealed. Intervals: 95 %, paired, over {seeds} seeds of the "
        "student; they leave out the luck of which rows were drawn."
    )
    print(_verdict(found, means, higher))


def _verdict(found: Judged, means: Mapping[str, tuple[float, float]], higher: bool) -> str:
    tried = [name for name in means if name != LABELS]
    best = (max if higher else min)(tried, key=lambda name: means[name][0])
    if best == PLAIN:
        return "No fusion beats the plain mean."
    gain, half = paired(found.values[best], found.values[PLAIN])
    if not abs(gain) > half:
        return f"{best} comes first, but not beyond the seeds' noise: the plain mean will do."
    return f"{best} is best. For the evidence on test rows: tutelage distill ... --fusion NAME"


def _against(found: Judged, name: str, rival: str) -> str:
    if name == rival or rival not in found.values:
        return ""
    return _number(*paired(found.values[name], found.values[rival]), sign="+")


def _number(mean: float, half: float, sign: str = "") -> str:
    return f"{mean:{sign}.4f}" + ("" if np.isnan(half) else f" ± {half:.4f}")
