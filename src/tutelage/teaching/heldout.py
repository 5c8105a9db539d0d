"""What is learnt about teachers before training: calibrations and the fusion's own parameters.

Both look at labelled rows that the teachers have not been trained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..core import Batch, Fittable, Fusion, LeakageError, Scores, Signals, SignalSource, Teacher, Unlabelled
from ..core.spaces.scores import log_softmax_over
from ..fusion.trust import PerTeacher
from . import calibration as calibrating
from .calibration import AsIs, Calibration, calibrated_on

MOST_UNLABELLED = 100_000
"""Rows that a fusion without labels is shown."""


def unseen(teachers: Sequence[Teacher], row: np.ndarray, *, seen_ok: bool = False) -> np.ndarray:
    """The rows that no teacher was trained on; all of them when told that it does not matter.

    A teacher that does not know what it was trained on (`seen` is None) is trusted not to have seen
    validation rows; `flag_seen` tests that trust.
    """
    kept = row
    for teacher in () if seen_ok else teachers:
        if teacher.seen is not None:
            kept = kept[~np.isin(kept, teacher.seen)]
    return kept


def learn(
    source: SignalSource,
    fusion: Fusion,
    batch: Batch,
    *,
    calibrated: bool = True,
    calibrations: Sequence[Calibration] = (),
    taught: Batch | None = None,
) -> tuple[tuple[Calibration, ...], Fusion]:
    """Calibrations per teacher and the fitted fusion, from held-out labelled rows.

    Args:
        source: signals of the teachers.
        fusion: fitted or not; one that needs no fitting comes back as it is.
        batch: held-out rows with labels; inputs may be empty.
        calibrated: whether teachers' scores are calibrated; votes always become probabilities.
        calibrations: fitted on these rows before; fitted here unless given.
        taught: all rows that the teachers were asked about, for fusions that look at no labels; their labels are not
            shown, and of more than 100,000 rows every so many-th. The held-out rows unless given. Where teachers answer
            rows that they were trained on, they agree more than elsewhere and seem better than they are.

    Raises:
        LeakageError: the fusion has to be fitted and there is no labelled row.
    """
    if isinstance(fusion, PerTeacher):
        fusion = fusion.bound(source.names)
    signals = source.gather(batch.row, batch.view)
    found: tuple[Calibration, ...] = tuple(calibrations) or tuple(AsIs() for _ in signals.names)
    if calibrated and not calibrations and len(batch):
        found = calibrated_on(signals.answers, batch)
    if not isinstance(fusion, Fittable) or fusion.fitted:
        return found, fusion
    if isinstance(fusion, Unlabelled):
        return found, _without_labels(source, fusion, batch if taught is None else taught, found)
    if not len(batch) or not bool(batch.labelled.any()):
        raise LeakageError(
            f"fusion {fusion.name!r} learns from labelled rows that the teachers have not been trained on, and "
            "there is none: give validation rows, let tutelage train the teachers out of fold, choose a fusion that "
            "needs no labels (mean, soft_vote, entropy), or say seen_ok=True"
        )
    shown = calibrating.apply(found, signals).stacked()
    return found, fusion.fit(shown, batch.target, batch.labelled)


def _without_labels(
    source: SignalSource, fusion: Fittable, batch: Batch, calibrations: tuple[Calibration, ...]
) -> Fusion:
    rows = slice(None, None, -(-len(batch) // MOST_UNLABELLED) or None)
    found = source.gather(batch.row[rows], batch.view[rows])
    shown = calibrating.apply(calibrations, found).stacked()
    return fusion.fit(shown, torch.zeros_like(batch.target[rows]), torch.zeros_like(batch.labelled[rows]))


def calibrated(source: SignalSource, heldout: Batch, asked: Batch) -> Signals:
    """Signals about the rows `asked`, calibrated on the rows `heldout`."""
    found = source.gather(heldout.row, heldout.view)
    return calibrating.apply(calibrated_on(found.answers, heldout), source.gather(asked.row, asked.view))


def flag_seen(answer_train: Any, answer_heldout: Any, train: Batch, heldout: Batch) -> str | None:
    """Why a teacher seems to have been trained on the training rows, or None.

    It is flagged when its loss there is lower than on held-out rows by more than three standard errors
    of the difference.
    """
    inside, outside = (
        loss[known] for loss, known in (row_loss(answer_train, train), row_loss(answer_heldout, heldout))
    )
    if len(inside) < 5 or len(outside) < 5:
        return None
    gap = float(outside.mean() - inside.mean())
    error = float((inside.var() / len(inside) + outside.var() / len(outside)).sqrt())
    if gap <= 3.0 * max(error, 1e-9):
        return None
    return (
        f"its loss is {float(inside.mean()):.3f} on training rows and {float(outside.mean()):.3f} on held-out rows "
        f"({gap / max(error, 1e-9):.0f} standard errors apart): it has probably been trained on them, unless "
        "training rows are easier for everybody, as earlier times may be"
    )


def row_loss(answer: Any, batch: Batch) -> tuple[Tensor, Tensor]:
    """Loss of an answer per row, float64 [B], and where it could be taken (a label and an answer), bool [B].

    Cross-entropy for classes and of the relevant candidates of rankings, its mean over labels for labels, squared
    error averaged over columns for values.
    """
    ready = AsIs().apply(answer)
    if ready.kind_of_space == "classes":
        target = batch.target.clamp(0, ready.scores.shape[-1] - 1)
        known = batch.labelled & ready.valid & ready.coverage[target]
        logs = ready.log_probs().gather(-1, target.unsqueeze(-1)).squeeze(-1)
        return -logs.masked_fill(~known, 0.0).double(), known
    if ready.kind_of_space == "scores":
        return _ranking_loss(ready, batch)
    entry = batch.labelled & ready.valid
    if ready.kind_of_space == "labels":
        truth = batch.target.to(ready.logits)
        losses = torch.nn.functional.binary_cross_entropy_with_logits(ready.logits, truth, reduction="none")
    else:
        losses = (ready.mean - batch.target).square()
    total = losses.masked_fill(~entry, 0.0).double().sum(-1)
    return total / entry.sum(-1).clamp_min(1), entry.any(-1)


def _ranking_loss(answer: Scores, batch: Batch) -> tuple[Tensor, Tensor]:
    """Over all candidates of a row, those that are not listed standing last, so that short lists have no advantage."""
    real, known = answer.item >= 0, batch.labelled & answer.valid
    last = answer.score.masked_fill(~answer.listed, torch.inf).amin(-1, keepdim=True)
    score = torch.where(answer.listed, answer.score, torch.where(known.unsqueeze(-1), last, 0.0)).double()
    grade = batch.target.double().clamp_min(0.0).masked_fill(~real, 0.0)
    logs = log_softmax_over(score, real).masked_fill(~real, 0.0)
    total = grade.sum(-1)
    return -(grade * logs).sum(-1) / torch.where(total > 0, total, 1.0), known & (total > 0)
