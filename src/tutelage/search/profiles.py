"""Who the teachers are, and how alike: errors, coverage, cost, family, columns, training rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core import Batch, Teacher
from ..teachers.bound import sources_of
from ..train.choose import Fold
from ..train.evaluate import teacher_cost
from ..train.labels import learnt_from
from .ground import Ground

ASKED = 256
"""Rows that a teacher is asked about when its cost is measured."""


@dataclass(frozen=True)
class Profile:
    """A teacher.

    Attributes:
        loss: cross-fitted and calibrated, on all held-out rows; silence costs what knowing nothing costs.
        error: standard error of `loss`.
        answered: share of the held-out rows that it answers.
        classes: share of the classes, labels or values it knows.
        ms: median time of one row asked alone, in milliseconds.
        family: kind of model.
        domain: columns it reads and sources it is bound to.
        rows: how many rows it is known to have been trained on; None when nobody knows.
    """

    name: str
    loss: float
    error: float
    answered: float
    classes: float
    ms: float
    family: str
    domain: tuple[str, ...]
    rows: int | None


def profiles_of(ground: Ground, alone: Sequence[np.ndarray]) -> tuple[Profile, ...]:
    """One profile per teacher; `alone` holds each one's losses per held-out row."""
    said, made = ground.said(), list[Profile]()
    for teacher, answer, losses in zip(ground.trial.teachers, said.answers, alone, strict=True):
        row, valid = ground.trial.heldout[:ASKED], answer_valid(answer)
        trained = trained_on(teacher)
        coverage: Any = getattr(answer, "coverage", None)
        made.append(
            Profile(
                name=teacher.name,
                loss=float(losses.mean()),
                error=float(losses.std(ddof=1)) / len(losses) ** 0.5 if len(losses) > 1 else float("nan"),
                answered=float(valid.mean()),
                classes=1.0 if coverage is None else float(coverage.float().mean()),
                ms=teacher_cost(teacher, ground.rows, row).p50_ms,
                family=family_of(teacher),
                domain=(*sorted(teacher.reads), *(f"source {one}" for one in sources_of(teacher))),
                rows=None if trained is None else len(trained),
            )
        )
    return tuple(made)


def answer_valid(answer: Any) -> np.ndarray:
    """Whether something was said about each row, bool [B]."""
    valid = answer.valid
    return valid.reshape(len(valid), -1).any(1).numpy()


def family_of(teacher: Any) -> str:
    """The kind of model: the estimator's class where there is one, else the kind of teacher."""
    inner = teacher
    for name in ("teacher", "model", "estimator", "module"):
        inner = getattr(inner, name, inner)
    members = getattr(inner, "members", None) or getattr(inner, "models", None)
    if isinstance(members, Sequence) and members:
        return family_of(members[0])
    return type(inner).__name__.removesuffix("Teacher")


def trained_on(teacher: Teacher) -> np.ndarray | None:
    """Row numbers that a teacher was trained on, in any of its folds; None when nobody knows."""
    known = list(learnt_from(teacher))
    return np.unique(np.concatenate(known)) if known else None


def correlations(folds: Sequence[Fold]) -> np.ndarray:
    """Correlation of the teachers' errors over rows that both of two answer, [T, T]; NaN where it is not defined.

    An error is a wrong class, the signed residual of values, or the loss of a row for labels and rankings.
    """
    count = len(folds[0].shown.names)
    errors = [np.concatenate([errors_of(f.shown.answers[i], f.asked) for f in folds]) for i in range(count)]
    found = np.full((count, count), np.nan)
    for i in range(count):
        for j in range(count):
            both = np.isfinite(errors[i]) & np.isfinite(errors[j])
            one, two = errors[i][both], errors[j][both]
            if len(one) > 2 and one.std() > 0 and two.std() > 0:
                found[i, j] = float(np.corrcoef(one, two)[0, 1])
    return found


def errors_of(answer: Any, batch: Batch) -> np.ndarray:
    """The error on each row, float [B]; NaN where nothing was said or the truth is not known."""
    from ..teaching.heldout import row_loss

    loss, known = row_loss(answer, batch)
    if answer.kind_of_space == "classes":
        value = (answer.log_probs().argmax(-1) != batch.target).double()
        known = batch.labelled & answer.valid
    elif answer.kind_of_space == "values":
        value = (answer.mean - batch.target).double().mean(-1)
    else:
        value = loss
    return np.where(known.numpy(), value.numpy(), np.nan)


def diversity(
    place: int,
    chosen: Sequence[int],
    teachers: Sequence[Teacher],
    errors: np.ndarray,
    cards: Mapping[str, Mapping[str, str]] | None = None,
) -> float:
    """How different a teacher is from those already chosen, in [0, 1]: the mean of four differences.

    Of errors ((1 - correlation) / 2), of family (other kind of model), of domain and of training rows (shares that
    are not common). What is not known counts as half. `cards` may say family, domain and data by name.
    """
    if not chosen:
        return 0.5
    return float(np.mean([_apart(place, other, teachers, errors, cards or {}) for other in chosen]))


def _apart(
    i: int,
    j: int,
    teachers: Sequence[Teacher],
    errors: np.ndarray,
    cards: Mapping[str, Mapping[str, str]],
) -> float:
    one, two = teachers[i], teachers[j]
    correlation = errors[i, j]
    parts = [0.5 if np.isnan(correlation) else (1.0 - float(correlation)) / 2]
    said_one, said_two = cards.get(one.name, {}), cards.get(two.name, {})
    found: dict[str, Any] = {
        "family": (family_of(one) != family_of(two)) * 1.0,
        "domain": _uncommon(set(one.reads), set(two.reads)),
        "data": _uncommon(*(None if (t := trained_on(x)) is None else set(t.tolist()) for x in (one, two))),
    }
    for key, value in found.items():
        both = key in said_one and key in said_two
        parts.append(float(said_one[key] != said_two[key]) if both else value)
    return float(np.mean(parts))


def _uncommon(one: set[Any] | None, two: set[Any] | None) -> float:
    if one is None or two is None or not one | two:
        return 0.5
    return 1.0 - len(one & two) / len(one | two)
