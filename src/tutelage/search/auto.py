"""auto: which fusion, decided on this data. It picks, blends or declines, and says why.

Without labels: where teachers are at home. When they were trained on different rows, and it can be told whose rows a
row resembles, the default is `AtHome`, else the plain mean, the fixed fusion with the least regret in
`benchmarks/quality.py`.

With labels: every plausible fusion, the best single teacher (`Elected`) and labels alone teach a student on all
held-out rows but a third, three times over, and are compared on what was left out; all as batched sweeps (`trials`).
The default is left for the candidate that may be expected to gain most over it, in mistakes and losses together, once
luck has been taken off (`shrunk`). Losses are compared at the temperature that suits each, since a student of many
teachers is modest. What counts as a mistake is the task's to say: where its headline is a mean over rows, that counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..core import Fusion, Signals, SignalSource, Teacher
from ..data import Rows
from ..fusion import Blend, Elected, Mean
from ..teaching import Objective
from ..train.choice import Choice, How, Tried
from ..train.choose import candidates
from ..train.evaluate import task_of
from ..train.homes import at_home
from ..train.settings import Training
from .shrunk import expected
from .trials import LABELS, LOSS, MISTAKES, Outcome, judge

MIN_ROWS = 20
"""Fewer held-out labelled rows than this tell nothing: the default is taken."""
SURE: Mapping[str, float] = {"students": 0.75, "ensembles": 2.5}
LIKELY: Mapping[str, float] = {"students": 0.5, "ensembles": 1.6}
"""Standard errors by which the best candidate has to beat the default to be picked, or to be blended with it.

A student need not inherit what an ensemble gains, so that ensembles have to show more."""
BEYOND_CHANCE = 2.5
"""Standard errors by which labels alone have to be better for a run to decline."""
LEAST = 0.05
"""A gain below a twentieth of what candidates typically differ by is not worth leaving the default for."""


def auto(
    student: nn.Module | Callable[[], Any],
    rows: Rows,
    teachers: Sequence[Teacher],
    source: SignalSource,
    heldout: np.ndarray,
    *,
    objective: Objective | None = None,
    training: Training | None = None,
    seed: int = 0,
) -> Choice:
    """The fusion for this data.

    Args:
        student: a module or a maker; what is trained here are copies.
        rows: the table; its test rows stay sealed.
        teachers: in the names of the task.
        source: their signals about training and validation rows.
        heldout: labelled rows that no teacher was trained on.
        objective: what is compared; the task's default unless given.
        training: settings of the student.
        seed: of the students.
    """
    batch = rows.batch(heldout, inputs=False)
    signals = source.gather(batch.row, batch.view) if len(batch) else source.gather(*_two(rows))
    home, told = at_home(teachers, rows, signals) if len(teachers) > 1 else (None, "there is one teacher")
    default: Fusion = Mean() if home is None else home
    known = int((batch.labelled if batch.labelled.dim() == 1 else batch.labelled.any(1)).sum()) if len(batch) else 0
    if known < MIN_ROWS:
        why = f"{told}; {known} held-out labelled rows tell nothing more (at least {MIN_ROWS}): {default.name}"
        return Choice(default, "default", why)
    tried = plausible(signals, rows, default, home)
    outcomes, judged = judge(
        student, rows, source, heldout, tried, objective=objective, training=training or Training(), seed=seed
    )
    return decide(tried, outcomes, default, told, judged)


def plausible(signals: Signals, rows: Rows, default: Fusion, home: Fusion | None) -> dict[str, Fusion]:
    """The fusions worth a trial, the default first.

    Teachers of different classes are weighted, or joined by where they are at home; never averaged into one target
    over all classes, whatever a held-out loss says for it.
    """
    answers: tuple[Any, ...] = signals.answers
    alike = all(torch.equal(answer.coverage, answers[0].coverage) for answer in answers)
    usual = candidates(task_of(rows)) if len(answers) > 1 else ()
    found = {default.name: default, "mean": Mean()}
    found |= {fusion.name: fusion for fusion in usual if alike or fusion.gives == "weights"}
    if usual and task_of(rows).space.kind != "scores":
        found["elected"] = Elected()
    return found | ({} if home is None else {home.name: home})


def decide(
    fusions: Mapping[str, Fusion], outcomes: Mapping[str, Outcome], default: Fusion, told: str, judged: str
) -> Choice:
    """From what the candidates achieved to one fusion.

    Args:
        fusions: the candidates by name.
        outcomes: of the default and of every candidate that could be tried; single teachers and labels alone too.
        default: taken unless another one may be expected to be better.
        told: what is known without labels, in words.
        judged: how the candidates were judged, by their `students` or their `ensembles`.
    """
    base = outcomes[default.name]
    measure = base.measure
    tried = {name: _tried(name, outcome, base) for name, outcome in outcomes.items()}
    words = f"{told}; {len(base.error)} held-out rows, {len(tried)} candidates judged by their {judged}"
    chosen, how, said = _chosen(fusions, tried, default, judged, measure)
    words = f"{words}: {said}"
    made: dict[str, Any] = {"tried": tuple(tried.values()), "rows": len(base.error), "judged": judged}
    final = fusions[default.name] if isinstance(chosen, Blend) else chosen
    if LABELS in tried:
        against = _tried(LABELS, outcomes[LABELS], outcomes[final.name])
        if against.better(BEYOND_CHANCE) and tried[LABELS].loss < tried[final.name].loss:
            words = f"{words}; labels alone {_better(against, 'that', measure)}: do not distil"
            return Choice(chosen, "declined", words, **made)
    return Choice(chosen, how, words, **made)


def _chosen(
    fusions: Mapping[str, Fusion], tried: Mapping[str, Tried], default: Fusion, judged: str, measure: str
) -> tuple[Fusion, How, str]:
    others = [one for name, one in tried.items() if name not in (default.name, LABELS)]
    rivals = [(hope, one) for hope, one in zip(expected(others), others, strict=True) if one.name in fusions]
    hope, best = max(rivals, key=lambda pair: pair[0].gain, default=(None, None))
    if hope is None or best is None or hope.gain < LEAST or hope.z < LIKELY[judged]:
        return default, "default", f"none may be expected to be better than {default.name}"
    better = f"{best.name} {_better(best, default.name, measure)}"
    if hope.z >= SURE[judged]:
        return fusions[best.name], "picked", better
    if (default.needs | fusions[best.name].needs) - {"labels", "source"}:
        return default, "default", f"{better}, which is little, and the two cannot be blended"
    return Blend((default, fusions[best.name])), "blended", better


def _tried(name: str, outcome: Outcome, base: Outcome) -> Tried:
    gain = base.error - outcome.error
    less = base.loss - outcome.loss
    error, loss_error = (float(d.std()) / len(d) ** 0.5 if len(d) > 1 else 0.0 for d in (gain, less))
    mistakes, loss = float(outcome.error.mean()), float(outcome.loss.mean())
    return Tried(name, mistakes, loss, float(gain.mean()), error, float(less.mean()), loss_error)


def _better(one: Tried, than: str, measure: str) -> str:
    less = f"has {abs(one.loss_gain):.3f} ± {one.loss_error:.3f} {'less' if one.loss_gain >= 0 else 'more'} loss"
    if measure != MISTAKES:
        what = "" if measure == LOSS else f" in {measure.replace('_', ' ')}"
        return f"is better than {than} by {one.gain:.3g} ± {one.standard_error:.2g}{what}"
    if one.gain == 0:
        return f"makes as many mistakes as {than} and {less}"
    more = "fewer" if one.gain > 0 else "more"
    points = f"makes {100 * abs(one.gain):.1f} ± {100 * one.standard_error:.1f} points {more} mistakes than {than}"
    return points if one.gain > 0 and one.z >= BEYOND_CHANCE else f"{points} and {less}"


def _two(rows: Rows) -> tuple[Tensor, Tensor]:
    few = torch.from_numpy(rows.taught[:2])
    return few, torch.zeros_like(few)
