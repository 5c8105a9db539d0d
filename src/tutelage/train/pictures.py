"""The pictures of a report: what is drawn of the first seed."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ..core import Context, InputError
from ..ops import metrics as measure
from ..report import (
    Agreement,
    ClassGain,
    Confusion,
    Disagreement,
    ReliabilityBin,
    Residuals,
    WeightsByClass,
    WeightsOverTime,
)
from ..teaching.fusing import influence
from .entry import CHOSEN, LABELS_ONLY, Result
from .trial import Trial

SHOWN_DISAGREEMENTS = 12
SHOWN_ITEMS = 3
BINS = 10


def pictures(trial: Trial) -> dict[str, Any]:
    """What is drawn of the first seed."""
    chosen, plain = trial.result(CHOSEN), trial.result(LABELS_ONLY)
    assert chosen is not None
    assert chosen.fitted is not None
    assert trial.differences is not None
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
    if trial.rows.space.kind in ("labels", "scores"):
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
    """Share of rows on which two teachers decide alike (rankings: about the first item), among rows both answer."""
    batch = trial.rows.batch(trial.rows.taught, inputs=False)
    assert trial.signals is not None
    assert trial.differences is not None
    found = trial.signals.gather(batch.row, batch.view)
    names = tuple(teacher.name for teacher in trial.teachers)
    if trial.rows.space.kind == "values":
        spread = float(batch.target[batch.labelled.any(-1)].var()) if bool(batch.labelled.any()) else 1.0
        squared = trial.differences.squared.mean(-1) / max(spread, 1e-12)
        return Agreement(names, tuple(tuple(row) for row in torch.exp(-squared).tolist()))
    picks = [trial.task.decode(answer) for answer in found.answers]
    if trial.rows.space.kind == "scores":
        picks = [pick[:, 0] for pick in picks]
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
    assert trial.signals is not None
    assert trial.differences is not None
    row = trial.rows.taught
    batch = trial.rows.batch(row, inputs=False)
    found = trial.signals.gather(batch.row, batch.view)
    top = trial.differences.score.topk(min(SHOWN_DISAGREEMENTS, len(row))).indices.tolist()
    shown: list[Disagreement] = []
    for place in top:
        texts = {name: _said(answer, place, trial) for name, answer in zip(found.names, found.answers, strict=True)}
        label = _label(batch, place, trial)
        score = float(trial.differences.score[place])
        shown.append(Disagreement(int(row[place]), label, texts, score, excerpt(trial.rows.columns, int(row[place]))))
    return tuple(shown)


def _said(answer: Any, place: int, trial: Trial) -> str:
    if not bool(answer.valid[place].any()):
        return "abstains"
    if trial.rows.space.kind == "values":
        return f"{float(answer.mean[place, 0]):.4g}"
    if trial.rows.space.kind == "scores":
        best = trial.task.decode(answer)[place]
        return ", ".join(str(item) for item in best[best >= 0][:SHOWN_ITEMS].tolist())
    if trial.rows.space.kind == "labels":
        chosen = trial.task.decode(answer)[place]
        return ", ".join(n for n, yes in zip(trial.rows.space.names, chosen.tolist(), strict=True) if yes) or "none"
    return trial.rows.space.names[int(trial.task.decode(answer)[place])]


def _label(batch: Any, place: int, trial: Trial) -> str:
    if not bool(batch.labelled[place].any()):
        return "none"
    if trial.rows.space.kind == "classes":
        return trial.rows.space.names[int(batch.target[place])]
    if trial.rows.space.kind == "scores":
        item = trial.rows.columns[trial.rows.space.names[0]][int(batch.row[place])]
        relevant = item[(batch.target[place] > 0).numpy() & (item >= 0)]
        return ", ".join(str(one) for one in relevant[:SHOWN_ITEMS].tolist())
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
    """Mean trust per teacher on held-out rows of each true class; nothing for a fusion that cannot leave one out."""
    batch = trial.rows.batch(trial.heldout, inputs=False)
    assert chosen.target is not None
    context = Context(target=batch.target, labelled=batch.labelled, row=batch.row)
    try:
        trust = influence(chosen.target.signals(batch.row, batch.view), chosen.target.fusion, context)
    except InputError:
        return None
    groups = [trust[:, batch.target == c] for c in range(len(trial.rows.space.names))]
    means = [group.mean(1) if group.shape[1] else torch.zeros(group.shape[0]) for group in groups]
    return tuple(tuple(row) for row in torch.stack(means, dim=1).tolist())
