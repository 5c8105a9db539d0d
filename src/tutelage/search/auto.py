"""auto: which fusion, decided on this data. It picks, blends or declines, and says why.

Without labels: where teachers are at home. When they were trained on different rows, and it can be told whose rows a
row resembles, the default is `AtHome`, else the plain mean, the fixed fusion with the least regret in
`benchmarks/quality.py`.

With labels: every plausible fusion, the best single teacher (`Elected`) and labels alone teach a student on all
held-out rows but a third, three times over, and are compared on what was left out; all as batched sweeps (`trials`).
The default is left only for what beats it beyond chance: in mistakes, or in loss where it makes no more mistakes.
Losses tell more apart than mistakes do; they are compared at the temperature that suits each, since a student of many
teachers is modest.
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
from ..train.choice import Choice, Tried
from ..train.choose import candidates
from ..train.evaluate import task_of
from ..train.homes import at_home
from ..train.settings import Training
from .trials import LABELS, Outcome, judge

MIN_ROWS = 20
"""Fewer held-out labelled rows than this tell nothing: the default is taken."""
SURE, LIKELY = 2.5, 1.6
"""Standard errors by which a candidate has to beat the default to be picked, or to be blended with it.

The best of ten candidates that are all alike lies 1.5 standard errors above them on average."""


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
        default: taken unless another one is shown to be better.
        told: what is known without labels, in words.
        judged: how the candidates were judged.
    """
    base = outcomes[default.name]
    tried = tuple(_tried(name, outcome, base) for name, outcome in outcomes.items())
    rows = len(base.error)
    words = f"{told}; {rows} held-out rows, {len(tried)} candidates judged by their {judged}"
    made: dict[str, Any] = {"tried": tried, "rows": rows, "judged": judged}
    rivals = [one for one in tried if one.name in fusions and one.name != default.name]
    best = max((one for one in rivals if one.better(SURE)), key=lambda one: one.z + one.z_loss, default=None)
    chosen, how, final = default, "default", next(one for one in tried if one.name == default.name)
    if best is not None:
        chosen, how, final = fusions[best.name], "picked", best
        words = f"{words}: {best.name} makes {_points(best)} fewer mistakes than {default.name}"
        words += "" if best.z >= SURE else f" and has {best.loss_gain:.3f} ± {best.loss_error:.3f} less loss"
    else:
        near = [fusions[one.name] for one in rivals if one.z >= LIKELY]
        steady = [one for one in near if not one.needs - {"labels", "source"}]
        if steady and not default.needs - {"labels", "source"}:
            chosen, how = Blend((default, *steady)), "blended"
            words = f"{words}: {', '.join(one.name for one in steady)} may be better than {default.name}"
        else:
            words = f"{words}: none is better than {default.name} beyond chance"
    alone = next((one for one in tried if one.name == LABELS), None)
    if alone is not None:
        against = _tried(LABELS, outcomes[LABELS], outcomes[final.name])
        if against.better(SURE) and alone.loss < final.loss:
            words = f"{words}; labels alone make {_points(against)} fewer mistakes than that: do not distil"
            return Choice(chosen, "declined", words, **made)
    return Choice(chosen, how, words, **made)  # pyright: ignore[reportArgumentType]


def _tried(name: str, outcome: Outcome, base: Outcome) -> Tried:
    gain = base.error - outcome.error
    less = base.loss - outcome.loss
    error, loss_error = (float(d.std()) / len(d) ** 0.5 if len(d) > 1 else 0.0 for d in (gain, less))
    mistakes, loss = float(outcome.error.mean()), float(outcome.loss.mean())
    return Tried(name, mistakes, loss, float(gain.mean()), error, float(less.mean()), loss_error)


def _points(one: Tried) -> str:
    return f"{100 * one.gain:.1f} ± {100 * one.standard_error:.1f} points"


def _two(rows: Rows) -> tuple[Tensor, Tensor]:
    few = torch.from_numpy(rows.taught[:2])
    return few, torch.zeros_like(few)
