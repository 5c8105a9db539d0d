"""From trials to a report: numbers of all seeds, pictures of the first."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from .._version import __version__
from ..data.recording import rows_record
from ..fusion import Mean
from ..report import (
    Contender,
    Curve,
    Report,
    bootstrap,
)
from ..store.fingerprint import digest
from .cards import cards, seen_by_student
from .entry import CHOSEN, LABELS_ONLY, MEAN, WITHOUT, Result
from .evaluate import row_quality
from .hinting import balance
from .pictures import pictures
from .stress import UNDER
from .trial import Trial
from .verdict import verdict

if TYPE_CHECKING:
    from .contest import Contest

BOOTSTRAP_DRAWS = 300
BEST = "best epoch: "


def summarise(contest: Contest) -> Report:
    """The report of a contest."""
    first = contest.trials[0]
    task = first.task
    known = dict.fromkeys(result.name for trial in contest.trials for result in trial.results)
    contenders = tuple(_contender(name, contest.trials) for name in known)
    higher = dict(task.higher_is_better)
    higher[BEST + task.headline] = higher[task.headline]
    higher |= dict.fromkeys((f"{task.headline}{UNDER}{name}" for name in first.stressed), higher[task.headline])
    names = [contender.name for contender in contenders]
    chosen = first.result(CHOSEN)
    assert chosen is not None
    assert chosen.target is not None
    report = Report(
        title=contest.title,
        task=task.name,  # pyright: ignore[reportArgumentType]
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command(),
        version=f"tutelage {__version__}, torch {torch.__version__}, Python {platform.python_version()}",
        seeds=tuple(trial.seed for trial in contest.trials),
        headline=task.headline,
        metrics_higher_is_better=higher,
        verdict="",
        plan=str(chosen.target.plan),
        contenders=contenders,
        reference=LABELS_ONLY if LABELS_ONLY in names else "",
        splits={
            "labelled": len(first.rows.labelled_train),
            "unlabelled": len(first.rows.train) - len(first.rows.labelled_train),
            "validation": len(first.rows.validation),
            "test": len(first.rows.test),
        },
        test_set=_test_set(first),
        teachers=cards(first),
        inputs=seen_by_student(first),
        curves=_curves(contest.trials),
        acted=_acted(first),
        notes=_notes(contest.trials),
        sources=_sources(first),
        data=rows_record(first.rows),
        **pictures(first),
        **_intervals(contest.trials),
    )
    return replace(report, verdict=verdict(report, contest.trials))


def _contender(name: str, trials: Sequence[Trial]) -> Contender:
    results = [result for trial in trials if (result := _result(trial, name)) is not None]
    last = results[0]
    metrics = {key: tuple(r.performance.metrics[key] for r in results) for key in last.performance.metrics}
    cost = {
        "p50_ms": float(np.median([r.performance.cost.p50_ms for r in results])),
        "p99_ms": float(np.median([r.performance.cost.p99_ms for r in results])),
        "rows_per_s": float(np.median([r.performance.cost.rows_per_s for r in results])),
    }
    if last.performance.parameters is not None:
        cost["parameters"] = float(last.performance.parameters)
    note = ""
    if last.fitted is not None:
        head = trials[0].task.headline
        metrics |= {BEST + head: tuple(r.best[head] for r in results)} if last.best else {}
        fitted = [r.fitted for r in results if r.fitted is not None]
        cost["train_seconds"] = float(np.mean([f.seconds for f in fitted]))
        if fitted[0].history[-1].metrics:
            higher = trials[0].task.higher_is_better[head]
            cost["steps_to_95"] = float(np.median([f.steps_to(0.95, head, higher) for f in fitted]))
        note = _note(name, trials)
    if len(results) != len(trials):
        note = (
            f"{note}; in {len(results)} of {len(trials)} seeds" if note else f"in {len(results)} of {len(trials)} seeds"
        )
        metrics = {key: (values[0],) for key, values in metrics.items()}
    return Contender(name, last.role, metrics, cost, note)


def _result(trial: Trial, name: str) -> Result | None:
    """The result of a contender; the student of the chosen fusion is the plain mean's too where that was chosen."""
    same = name == MEAN and trial.fusion == Mean() and not trial.declined
    return trial.result((WITHOUT if trial.hints else CHOSEN) if same else name)


def _note(name: str, trials: Sequence[Trial]) -> str:
    if name == CHOSEN:
        return ", ".join(dict.fromkeys("declined" if trial.declined else trial.fusion.name for trial in trials))
    found = [result.rate for trial in trials if (result := trial.result(name)) is not None]
    rates = dict.fromkeys(f"{rate:g}" for rate in found if rate is not None)
    if rates:
        return f"learning rate {', '.join(rates)}"
    if name.endswith("best single teacher"):
        return ", ".join(dict.fromkeys(trial.single for trial in trials))
    return ""


def _intervals(trials: Sequence[Trial]) -> dict[str, Any]:
    """With one seed there are no intervals over seeds: rows are drawn again instead."""
    if len(trials) > 1:
        return {"interval": "t over seeds"}
    trial = trials[0]
    head = trial.task.headline
    row = trial.rows.test.open("bootstrap")
    batch = trial.rows.batch(row, inputs=False, truth=True)
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for result in trial.results:
        answer = result.performance.answer
        by_row = row_quality(trial.task, answer, batch)
        if head in by_row:
            found[result.name] = {head: bootstrap(by_row[head].cpu().numpy(), draws=BOOTSTRAP_DRAWS)}
            continue

        def one(picked: np.ndarray, answer: Any = answer) -> float:
            place = torch.from_numpy(picked.astype(np.int64))
            return trial.task.metrics(answer.take(place), batch.target[place], batch.labelled[place])[head]

        found[result.name] = {head: bootstrap(np.arange(len(row)), one, draws=BOOTSTRAP_DRAWS)}
    return {"interval": "bootstrap over rows", "bootstrap": found}


def _curves(trials: Sequence[Trial]) -> tuple[Curve, ...]:
    head = trials[0].task.headline
    return tuple(
        Curve(
            r.name,
            trial.seed,
            head,
            tuple(epoch.step for epoch in r.fitted.history),
            tuple(epoch.metrics[head] for epoch in r.fitted.history),
        )
        for trial in trials
        for r in trial.results
        if r.fitted is not None and r.fitted.history[0].metrics
    )


def _acted(trial: Trial) -> dict[str, float]:
    chosen = trial.result(CHOSEN)
    assert chosen is not None
    assert chosen.fitted is not None
    return {trial.fusion.name: chosen.fitted.history[-1].acted}


def _notes(trials: Sequence[Trial]) -> tuple[str, ...]:
    notes = [f"seed {trial.seed}: fusion {trial.fusion.name!r}: {trial.choice.why}." for trial in trials]
    for trial in trials:
        notes += [f"seed {trial.seed}: teacher {name!r} is flagged: {why}." for name, why in trial.flags.items()]
        chosen = trial.result(CHOSEN)
        if trial.hints and chosen is not None and chosen.fitted is not None:
            parts = balance(trial.hints, chosen.fitted)
            notes.append(f"seed {trial.seed}: what hints added to the loss, first to last epoch: {parts}.")
        if trial.finished:
            notes.append(f"seed {trial.seed}: last stage on labels: {trial.finished} (best on validation rows).")
    first = trials[0]
    notes += [f"teacher {one.teacher!r} while it taught: {one}." for one in first.ran if not one.why]
    unlabelled = len(first.rows.train) - len(first.rows.labelled_train)
    if unlabelled:
        notes.append(
            f"{unlabelled} of {len(first.rows.train)} training rows are unlabelled; labels act on the others only."
        )
    notes.append("All quality figures are of the last epoch; 'best epoch' was picked on validation rows.")
    notes.append(f"Latency and throughput are of this machine ({platform.machine()}), on one thread.")
    return tuple(notes)


def _sources(trial: Trial) -> tuple[str, ...]:
    chosen = trial.result(CHOSEN)
    assert chosen is not None
    assert chosen.target is not None
    objective = chosen.target.objective
    parts: list[Any] = [*objective.terms, *([] if objective.balance is None else [objective.balance])]
    parts += [part for hint in trial.hints for part in (hint.term, hint.trust) if part.source]
    views = () if trial.rows.views is None else trial.rows.views.asked.sources
    return tuple(dict.fromkeys([*(part.source for part in parts), trial.fusion.source, *views]))


def _test_set(trial: Trial) -> str:
    row = trial.rows.test.open("fingerprint of the test rows")
    return digest(*[trial.rows.columns[name][row].tobytes() for name in trial.rows.inputs])


def command() -> str:
    """What was typed, or that it was a notebook."""
    name = sys.argv[0].rsplit("/", 1)[-1]
    if name.startswith("ipykernel"):
        return "a notebook"
    return " ".join(["tutelage" if name == "__main__.py" else name, *sys.argv[1:]])
