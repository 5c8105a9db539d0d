"""Advice on rows it never saw: students trained as advised, judged once on the sealed test rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..report import Sheet, interval, paired
from ..report.numbers import Estimate, decimals, estimate_text, fixed, metric_name
from ..train.evaluate import answers, quality
from .ground import Ground
from .proxy import Candidate, train_candidates

SEEDS = 5
"""Students per candidate at least: the intervals of two or three seeds are too wide to say anything."""


@dataclass(frozen=True)
class Checked:
    """One candidate on test rows: its headline per seed."""

    name: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class Check:
    """What the advice came to on sealed test rows, opened once for it.

    Attributes:
        metric: the headline.
        higher: whether more of it is better.
        rows: how many test rows.
        advised: name of what was advised.
        reference: name of what it is compared with.
        found: all candidates.
    """

    metric: str
    higher: bool
    rows: int
    advised: str
    reference: str
    found: tuple[Checked, ...]

    def gain(self) -> tuple[float, float]:
        """Advised minus reference, positive where the advice is better, with the half width of its 95 % interval."""
        values = {one.name: one.values for one in self.found}
        mean, half = paired(values[self.advised], values[self.reference])
        return (mean if self.higher else -mean), half


def check_advice(
    ground: Ground,
    candidates: Sequence[Candidate],
    advised: str,
    reference: str,
    seeds: Sequence[int],
    why: str,
) -> Check:
    """Trains a student per candidate and seed on all training rows and judges it on the sealed test rows.

    Args:
        ground: rows and teachers.
        candidates: who is judged.
        advised: name of the one that was advised.
        reference: name of the one that it is compared with.
        seeds: of the students, paired; more are added up to five.
        why: noted down with the opening of the test rows.
    """
    trained = train_candidates(ground, ground.rows, ground.trial.heldout, candidates, enough(seeds))
    return check_trained(ground, trained, advised, reference, why)


def enough(seeds: Sequence[int]) -> tuple[int, ...]:
    """These seeds, and others up to five."""
    more = [seed for seed in range(SEEDS + len(seeds)) if seed not in seeds]
    return (*seeds, *more[: max(0, SEEDS - len(seeds))])


def check_trained(
    ground: Ground, trained: Mapping[str, Sequence[Any]], advised: str, reference: str, why: str
) -> Check:
    """Judges trained students, one per seed for each name, on the sealed test rows, which are opened for this."""
    rows, task = ground.rows, ground.task
    row = rows.test.open(why)
    found: list[Checked] = []
    for name, students in trained.items():
        values: list[float] = []
        for student in students:
            answer, batch = answers(student.cpu(), rows, row, task)
            values.append(float(quality(task, answer, batch)[task.headline]))
        found.append(Checked(name, tuple(values)))
    return Check(task.headline, task.higher_is_better[task.headline], len(row), advised, reference, tuple(found))


def check_sheet(check: Check) -> Sheet:
    """A table of the candidates on test rows, best first."""
    values = {one.name: one.values for one in check.found}
    digits = decimals(Estimate(*_bounds(one)) for one in values.values())
    order = sorted(values, key=lambda name: float(np.mean(values[name])), reverse=check.higher)
    rows = [
        (
            f"{name}{' (advised)' if name == check.advised else ''}",
            estimate_text(Estimate(*_bounds(values[name])), digits),
            "" if name == check.reference else _difference(values[name], values[check.reference], digits),
        )
        for name in order
    ]
    count = len(check.found[0].values)
    note = f"{check.rows} sealed test rows, opened for this; ± is the 95 % half width over {count} seeds."
    title = "Checked on rows that the advice never saw"
    return Sheet(title, ("student of", metric_name(check.metric), f"against {check.reference}"), tuple(rows), note)


def _bounds(values: Sequence[float]) -> tuple[float, float, float]:
    mean, half = interval(list(values))
    return mean, mean - half, mean + half


def _difference(values: Sequence[float], reference: Sequence[float], digits: int) -> str:
    mean, half = paired(list(values), list(reference))
    return fixed(mean, digits, sign=True) + (f" ±{fixed(half, digits)}" if np.isfinite(half) else "")
