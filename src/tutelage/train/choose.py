"""What held-out labelled rows say about teachers and fusions, before any student is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..core import Batch, Context, Fusion, Signals, Task
from ..fusion import Borda, Entropy, GeometricMean, Mean, Performance, ReciprocalRank, SoftVote, Stacking
from ..fusion.answers import answer_of
from ..teaching import Memory
from ..teaching import calibration as calibrating
from ..teaching.calibration import Calibration
from ..teaching.heldout import learn, row_loss

FOLDS = 5


def candidates(task: Task) -> tuple[Fusion, ...]:
    """Fusions tried when the user names none."""
    if task.space.kind == "values":
        return Mean(), Performance(reward="inv_mse"), Stacking()
    if task.space.kind == "scores":
        return Mean(), GeometricMean(), Borda(), ReciprocalRank(), Performance()
    return Mean(), GeometricMean(), SoftVote(), Entropy(), Performance(), Stacking()


def best_single(signals: Signals, task: Task, batch: Batch) -> str:
    """Name of the teacher with the least cross-fitted, calibrated held-out loss; abstaining costs the prior's loss."""
    if not int(batch.labelled.sum()):
        return signals.names[0]
    folds = cross_fit(signals, batch)
    losses = {name: heldout_loss([f.only(i) for f in folds], Mean()) for i, name in enumerate(signals.names)}
    return min(losses, key=lambda name: float(losses[name].mean()))


@dataclass(frozen=True)
class Fold:
    """One part of a cross-fit.

    Attributes:
        signals: about the rows of the other folds.
        known: those rows.
        shown: calibrated signals about the rows of this fold.
        asked: these rows.
        calibrations: of the teachers, fitted on the other folds.
    """

    signals: Signals
    known: Batch
    shown: Signals
    asked: Batch
    calibrations: tuple[Calibration, ...]

    def only(self, place: int) -> Fold:
        """The same of one teacher."""
        own = (self.calibrations[place],)
        return replace(self, signals=self.signals.only(place), shown=self.shown.only(place), calibrations=own)


def cross_fit(signals: Signals, batch: Batch) -> list[Fold]:
    """Folds of the labelled rows, with the teachers calibrated once for each."""
    rows = np.flatnonzero((batch.labelled if batch.labelled.dim() == 1 else batch.labelled.any(1)).numpy())
    fold, found = folds_of(batch.target[rows], len(rows), FOLDS), list[Fold]()
    for one in range(FOLDS):
        fit_at, ask_at = (torch.from_numpy(rows[fold != one]), torch.from_numpy(rows[fold == one]))
        if len(ask_at):
            own, known = signals.take(fit_at), _part(batch, fit_at)
            calibrations = calibrating.calibrated_on(own.answers, known)
            shown = calibrating.apply(calibrations, signals.take(ask_at))
            found.append(Fold(own, known, shown, _part(batch, ask_at), calibrations))
    return found


def heldout_loss(folds: Sequence[Fold], fusion: Fusion) -> Tensor:
    """Loss of the fused ensemble per held-out row; calibration and fusion are fitted on the other folds."""
    found: list[Tensor] = []
    for fold in folds:
        _, fitted = learn(Memory(fold.signals), fusion, fold.known, calibrations=fold.calibrations)
        shown, blank = fold.shown.stacked(), torch.zeros_like(fold.asked.labelled)
        answer = answer_of(fitted(shown, Context(target=fold.asked.target, labelled=blank)), shown)
        found.append(_costed(answer, fold.asked))
    return torch.cat(found)


def _costed(answer: Any, batch: Batch) -> Tensor:
    """Loss per row; a row without an answer costs what knowing nothing costs: a uniform answer, or the mean."""
    loss, known = row_loss(answer, batch)
    if answer.kind_of_space == "scores":
        offered = (answer.item >= 0).sum(-1).clamp_min(1)
        return torch.where(known, loss, offered.double().log())
    kind = batch.target
    if not kind.dtype.is_floating_point:
        blank = torch.log(torch.tensor(float(answer.coverage.shape[-1])))
    elif batch.labelled.dtype == torch.bool and answer.kind_of_space == "labels":
        blank = torch.log(torch.tensor(2.0))
    else:
        blank = kind.var(0).mean() if len(kind) > 1 else kind.new_zeros(())
    return torch.where(known, loss, blank.double())


def _part(batch: Batch, place: Tensor) -> Batch:
    row = torch.arange(len(place))
    return Batch({}, row, batch.view[place], batch.weight[place], batch.target[place], batch.labelled[place])


def folds_of(target: Tensor, count: int, parts: int) -> np.ndarray:
    """The part [N] of each labelled row, classes spread evenly over the parts; the same at every call."""
    order = np.random.default_rng(0).permutation(count)
    if not target.dtype.is_floating_point:
        order = order[np.argsort(target.numpy()[order], kind="stable")]
    fold = np.empty(count, dtype=np.int64)
    fold[order] = np.arange(count) % parts
    return fold
