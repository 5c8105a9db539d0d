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
from ..core import Weights
from ..ops import metrics as measure
from ..report import (
    Agreement,
    ClassGain,
    Confusion,
    Contender,
    Curve,
    Disagreement,
    ReliabilityBin,
    Report,
    Residuals,
    TeacherCard,
    WeightsByClass,
    WeightsOverTime,
    bootstrap,
)
from ..store.fingerprint import digest
from .trial import CHOSEN, LABELS_ONLY, Result, Trial
from .verdict import verdict

if TYPE_CHECKING:
    from .contest import Contest

SHOWN_DISAGREEMENTS = 12
BINS = 10
BOOTSTRAP_DRAWS = 300
BEST = "best epoch: "


def summarise(contest: Contest) -> Report:
    """The report of a contest."""
    first = contest.trials[0]
    task = first.task
    contenders = tuple(_contender(result.name, contest.trials) for result in first.results)
    higher = dict(task.higher_is_better)
    higher[BEST + task.headline] = higher[task.headline]
    names = [contender.name for contender in contenders]
    chosen = first.result(CHOSEN)
    assert chosen is not None and chosen.target is not None
    report = Report(
        title=contest.title,
        task=task.name,  # pyright: ignore[reportArgumentType]
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=_command(),
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
        teachers=_cards(first),
        curves=_curves(contest.trials),
        acted=_acted(first),
        notes=_notes(contest.trials),
        sources=_sources(first),
        **_pictures(first),
        **_intervals(contest.trials),
    )
    return replace(report, verdict=verdict(report, contest.trials))


def _contender(name: str, trials: Sequence[Trial]) -> Contender:
    results = [result for trial in trials if (result := trial.result(name)) is not None]
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
        metrics[BEST + head] = tuple(r.best[head] for r in results)
        fitted = [r.fitted for r in results if r.fitted is not None]
        cost["train_seconds"] = float(np.mean([f.seconds for f in fitted]))
        if fitted[0].history[-1].metrics:
            higher = trials[0].task.higher_is_better[head]
            cost["steps_to_95"] = float(np.median([f.steps_to(0.95, head, higher) for f in fitted]))
        note = _note(name, trials)
    if len(results) != len(trials):
        note = (
            f"{note}; in {len(results)} of {len(trials)} seeds"
            if note
            else f"in {len(results)} of {len(trials)} seeds"
        )
        metrics = {key: (values[0],) for key, values in metrics.items()}
    return Contender(name, last.role, metrics, cost, note)


def _note(name: str, trials: Sequence[Trial]) -> str:
    if name == CHOSEN:
        return ", ".join(dict.fromkeys(trial.fusion.name for trial in trials))
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

        def one(picked: np.ndarray, answer: Any = answer) -> float:
            place = torch.from_numpy(picked.astype(np.int64))
            return trial.task.metrics(answer.take(place), batch.target[place], batch.labelled[place])[head]

        found[result.name] = {head: bootstrap(np.arange(len(row)), one, draws=BOOTSTRAP_DRAWS)}
    return {"interval": "bootstrap over rows", "bootstrap": found}


def _cards(trial: Trial) -> tuple[TeacherCard, ...]:
    batch = trial.rows.batch(trial.rows.taught, inputs=False)
    assert trial.signals is not None and trial.ensemble is not None
    found = trial.signals.gather(batch.row, batch.view)
    cards: list[TeacherCard] = []
    for i, teacher in enumerate(trial.teachers):
        answer = found.answers[i]
        known = tuple(n for n, c in zip(trial.rows.space.names, answer.coverage.tolist(), strict=True) if c)
        seen = "unknown" if teacher.seen is None else "unseen"
        if teacher.name in trial.flags:
            seen = f"flagged: {trial.flags[teacher.name]}"
        calibration = trial.ensemble.calibrations[i].to_json()
        words = {"as_is": "as it is", "confusion": "votes read through a held-out confusion matrix"}
        said = words.get(calibration["kind"], f"{calibration['kind']} {calibration.get('value', '')}"[:24])
        silent = 1.0 - float(answer.valid.float().mean())
        print_of = digest(*sorted(f"{k}={v}" for k, v in teacher.fingerprint.items()))[:12]
        covers = () if len(known) == len(trial.rows.space.names) else known
        cards.append(
            TeacherCard(teacher.name, _kind(teacher), print_of, covers, silent, seen, said, teacher.reads)
        )
    return tuple(cards)


def _kind(teacher: Any) -> str:
    inner = getattr(teacher, "teacher", teacher)
    return type(inner).__name__.removesuffix("Teacher")


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


def _pictures(trial: Trial) -> dict[str, Any]:
    """What is drawn of the first seed."""
    chosen, plain = trial.result(CHOSEN), trial.result(LABELS_ONLY)
    assert chosen is not None and chosen.fitted is not None and trial.differences is not None
    found: dict[str, Any] = {"agreement": _agreement(trial), "disagreements": _disagreements(trial)}
    history = [epoch for epoch in chosen.fitted.history if epoch.weights]
    names = tuple(teacher.name for teacher in trial.teachers)
    if history:
        values = tuple(tuple(epoch.weights) for epoch in history)
        found["weights_over_time"] = WeightsOverTime(names, tuple(epoch.step for epoch in history), values)
    batch = trial.rows.batch(trial.rows.test.open("pictures"), inputs=False, truth=True)
    if trial.rows.space.kind == "values":
        mean = chosen.performance.answer.mean[:, 0].tolist()
        found["residuals"] = Residuals(tuple(batch.target[:, 0].tolist()), tuple(mean))
        return found
    if trial.rows.space.kind == "labels":
        return found
    classes = trial.rows.space.names
    truth = batch.target[batch.labelled]
    table = _confusion(chosen, truth, batch.labelled, trial)
    found["confusion"] = Confusion(classes, tuple(tuple(float(v) for v in row) for row in table.tolist()))
    shown = [chosen] + ([plain] if plain is not None else [])
    found["reliability"] = {result.name: _bins(result, truth, batch.labelled) for result in shown}
    if plain is not None:
        other = _confusion(plain, truth, batch.labelled, trial)
        gain = _recall(table) - _recall(other)
        found["class_gain"] = ClassGain(classes, tuple(gain.tolist()), "recall")
    by_class = _weights_by_class(trial, chosen)
    if by_class is not None:
        found["weights_by_class"] = WeightsByClass(names, classes, by_class)
    return found


def _agreement(trial: Trial) -> Agreement:
    """Share of rows on which two teachers give the same decision, among rows both answer."""
    batch = trial.rows.batch(trial.rows.taught, inputs=False)
    assert trial.signals is not None and trial.differences is not None
    found = trial.signals.gather(batch.row, batch.view)
    names = tuple(teacher.name for teacher in trial.teachers)
    if trial.rows.space.kind == "values":
        spread = float(batch.target[batch.labelled.any(-1)].var()) if bool(batch.labelled.any()) else 1.0
        squared = trial.differences.squared.mean(-1) / max(spread, 1e-12)
        return Agreement(names, tuple(tuple(row) for row in torch.exp(-squared).tolist()))
    picks = [trial.task.decode(answer) for answer in found.answers]
    rows: list[tuple[float, ...]] = []
    for i, one in enumerate(picks):
        row: list[float] = []
        for j, other in enumerate(picks):
            both = found.answers[i].valid & found.answers[j].valid
            same = (one == other) & both
            row.append(float(same.sum()) / max(int(both.sum()), 1))
        rows.append(tuple(row))
    return Agreement(names, tuple(rows))


def _disagreements(trial: Trial) -> tuple[Disagreement, ...]:
    assert trial.signals is not None and trial.differences is not None
    row = trial.rows.taught
    batch = trial.rows.batch(row, inputs=False)
    found = trial.signals.gather(batch.row, batch.view)
    top = trial.differences.score.topk(min(SHOWN_DISAGREEMENTS, len(row))).indices.tolist()
    shown: list[Disagreement] = []
    for place in top:
        texts = {
            name: _said(answer, place, trial) for name, answer in zip(found.names, found.answers, strict=True)
        }
        label = _label(batch, place, trial)
        score = float(trial.differences.score[place])
        shown.append(
            Disagreement(int(row[place]), label, texts, score, excerpt(trial.rows.columns, int(row[place])))
        )
    return tuple(shown)


def _said(answer: Any, place: int, trial: Trial) -> str:
    if not bool(answer.valid[place].any()):
        return "abstains"
    if trial.rows.space.kind == "values":
        return f"{float(answer.mean[place, 0]):.4g}"
    if trial.rows.space.kind == "labels":
        chosen = trial.task.decode(answer)[place]
        return (
            ", ".join(n for n, yes in zip(trial.rows.space.names, chosen.tolist(), strict=True) if yes)
            or "none"
        )
    return trial.rows.space.names[int(trial.task.decode(answer)[place])]


def _label(batch: Any, place: int, trial: Trial) -> str:
    if not bool(batch.labelled[place].any()):
        return "not labelled"
    if trial.rows.space.kind == "classes":
        return trial.rows.space.names[int(batch.target[place])]
    return ", ".join(f"{value:.4g}" for value in batch.target[place].tolist())


def excerpt(columns: Any, row: int, width: int = 120) -> str:
    """A short piece of a row: its plain values."""
    parts: list[str] = []
    for name, column in columns.items():
        value = column[row]
        if np.ndim(value) == 0:
            parts.append(f"{name}={value}")
    return "; ".join(parts)[:width]


def _confusion(result: Result, truth: torch.Tensor, labelled: torch.Tensor, trial: Trial) -> torch.Tensor:
    guess = trial.task.decode(result.performance.answer)[labelled]
    return measure.confusion(truth, guess, len(trial.rows.space.names))


def _recall(table: torch.Tensor) -> torch.Tensor:
    return table.diagonal().double() / table.sum(1).double().clamp_min(1)


def _bins(result: Result, truth: torch.Tensor, labelled: torch.Tensor) -> tuple[ReliabilityBin, ...]:
    confidence, guess = result.performance.answer.probs()[labelled].double().max(-1)
    right = (guess == truth).double()
    place = (confidence * BINS).long().clamp_max(BINS - 1)
    found: list[ReliabilityBin] = []
    for number in range(BINS):
        inside = place == number
        if bool(inside.any()):
            mean, share = float(confidence[inside].mean()), float(right[inside].mean())
            found.append(ReliabilityBin(mean, share, int(inside.sum())))
    return tuple(found)


def _weights_by_class(trial: Trial, chosen: Result) -> tuple[tuple[float, ...], ...] | None:
    """Mean trust per teacher on held-out rows of each true class."""
    batch = trial.rows.batch(trial.heldout, inputs=False)
    assert chosen.target is not None
    decided = chosen.target.explain(batch)
    if not isinstance(decided, Weights):
        return None
    groups = [decided.values[:, batch.target == c] for c in range(len(trial.rows.space.names))]
    means = [group.mean(1) if group.shape[1] else torch.zeros(group.shape[0]) for group in groups]
    return tuple(tuple(row) for row in torch.stack(means, dim=1).tolist())


def _acted(trial: Trial) -> dict[str, float]:
    chosen = trial.result(CHOSEN)
    assert chosen is not None and chosen.fitted is not None
    return {trial.fusion.name: chosen.fitted.history[-1].acted}


def _notes(trials: Sequence[Trial]) -> tuple[str, ...]:
    notes = [f"seed {trial.seed}: fusion {trial.fusion.name!r}: {trial.why}." for trial in trials]
    for trial in trials:
        notes += [
            f"seed {trial.seed}: teacher {name!r} is flagged: {why}." for name, why in trial.flags.items()
        ]
    first = trials[0]
    unlabelled = len(first.rows.train) - len(first.rows.labelled_train)
    if unlabelled:
        notes.append(
            f"{unlabelled} of {len(first.rows.train)} training rows are unlabelled; labels act on the others only."
        )
    notes.append("All quality figures are of the last epoch; 'best epoch' was picked on validation rows.")
    notes.append(
        f"Latency and throughput were measured on this machine ({platform.machine()}, {torch.get_num_threads()} threads)."
    )
    return tuple(notes)


def _sources(trial: Trial) -> tuple[str, ...]:
    chosen = trial.result(CHOSEN)
    assert chosen is not None and chosen.target is not None
    terms = [term.source for term in chosen.target.objective.terms]
    return tuple(dict.fromkeys([*terms, trial.fusion.source]))


def _test_set(trial: Trial) -> str:
    row = trial.rows.test.open("fingerprint of the test rows")
    return digest(*[trial.rows.columns[name][row].tobytes() for name in trial.rows.inputs])


def _command() -> str:
    name = sys.argv[0].rsplit("/", 1)[-1]
    return " ".join(["tutelage" if name == "__main__.py" else name, *sys.argv[1:]])
