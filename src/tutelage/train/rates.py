"""The learning rate of a student, chosen on validation rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from torch import nn

from ..teaching import Distillation
from .entry import Entry
from .history import Epoch, Fitted
from .settings import Training
from .steps import optimize_model


def best_rate(
    student: Callable[[], nn.Module],
    target: Distillation,
    entry: Entry,
    training: Training,
    told: Callable[[Epoch, int], None],
) -> tuple[Fitted, float | None]:
    """The student of an entry, trained with each of its rates: the one that validation rows like best, and its rate.

    Students that stop early are compared at their best epoch, others at their last. An entry without rates, or a table
    without validation rows, is trained once, as the settings say; its rate is then None.
    """
    if not entry.rates or not len(entry.rows.validation):
        return optimize_model(student(), target, entry.rows, training, told), None
    found: list[tuple[Fitted, float]] = []
    for rate in entry.rates:
        place = None if training.checkpoint is None else training.checkpoint / f"rate-{rate:g}"
        own = replace(training, lr=rate, checkpoint=place)
        found.append((optimize_model(student(), target, entry.rows, own, told), rate))
    early = training.patience is not None
    return min(found, key=lambda one: _watched(one[0], early))


def _watched(fitted: Fitted, early: bool) -> float:
    """What was watched, less being better."""
    values = [epoch.watched for epoch in fitted.history]
    return min(values) if early else values[-1]
