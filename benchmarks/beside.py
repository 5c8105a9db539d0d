"""Fusions and terms that learn beside the student, against the plain mean, on digits with teachers that differ.

    python benchmarks/beside.py --results beside.jsonl [--seeds 10] [--labels 100] [--jobs 2] [--tables-only]

Scenarios as in `benchmarks/scenarios.py`: `corrupted` (three good teachers, one with its classes rotated, one that
guesses) and `uneven` (trained on 600, 60 and 30 rows). An MLP 64-32-10 learns from 700 rows, of which some are
labelled, in 600 steps; accuracy is that of the last epoch on 497 rows. Seeds are paired and change the split, teachers
and student.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import claims
import harness
import numpy as np
import quality
import results
import scenarios
import torch
from claims import Claim

import tutelage as tl
from tutelage import fusion as f
from tutelage.report import interval, paired
from tutelage.teaching import terms
from tutelage.train import task_of

MEAN, LABELS = "mean", "labels only"
PLACES = ("corrupted", "uneven")


def kl() -> tl.Objective:
    """What all but MEAL are compared by."""
    return tl.Objective((terms.KL(2.0),), soft=0.9)


def meal() -> tl.Objective:
    """KL and a discriminator, as MEAL has it."""
    return tl.Objective((terms.KL(2.0), terms.Adversarial(classes=10)), weights=(1.0, 0.3), soft=0.9)


WAYS: dict[str, tuple[Any, Callable[[], tl.Objective]]] = {
    MEAN: (f.Mean(), kl),
    "MetaWeights": (f.MetaWeights(), kl),
    "MetaWeights with a gate": (f.MetaWeights(gate=8), kl),
    "MTKDRL": (f.MTKDRL(), kl),
    "RLKD": (f.RLKD(), kl),
    "mean and discriminator": (f.Mean(), meal),
    "MEAL: one teacher per batch, discriminator": (f.RandomTeacher(), meal),
}


@dataclass(frozen=True)
class Cell:
    """One scenario, number of labelled rows, and seed."""

    place: str
    labels: int
    seed: int
    steps: int

    @property
    def key(self) -> str:
        """What it is called in the file of results."""
        return f"{self.place}/{self.labels}/{self.seed}/{self.steps}"


def solve(cell: Cell) -> dict[str, Any]:
    """The line of one cell: accuracy by way."""
    start, drawn = time.process_time(), scenarios.draw("digits", cell.place, cell.seed, None)
    assert drawn is not None
    rows = drawn.rows(cell.labels)
    source, task = drawn.source(rows), task_of(rows)
    plain = quality.training(len(rows.train), quality.Cell("", "", cell.seed, cell.steps, None))
    batch, found = rows.batch(drawn.test, truth=True), dict[str, float]()
    targets = {
        name: tl.generate_distillation_targets(source, rows, fusion, goal()) for name, (fusion, goal) in WAYS.items()
    }
    for name, target in (targets | {LABELS: tl.generate_distillation_targets(None, rows, f.Mean())}).items():
        torch.manual_seed(cell.seed)
        student = tl.fit(tl.MLP(64, 10, (32,)), target, rows, plain).student.eval()
        with torch.no_grad():
            found[name] = task.metrics(task.answer(student, batch), batch.target, batch.labelled)["accuracy"]
    return {"key": cell.key, "place": cell.place, "labels": cell.labels, "seed": cell.seed, "found": found,
            "seconds": time.process_time() - start}  # fmt: skip


def show(done: Sequence[dict[str, Any]], given: Any) -> None:
    """Accuracy, and its difference to the plain mean, per scenario and number of labels."""
    columns: dict[str, list[dict[str, float]]] = {}
    for line in sorted(done, key=lambda line: line["seed"]):
        columns.setdefault(f"{line['place']}, {line['labels']} labels", []).append(line["found"])
    for column, found in columns.items():
        scored = {name: [100 * one[name] for one in found] for name in (*WAYS, LABELS)}
        figures: list[Claim] = []
        for name, values in scored.items():
            gain, half = paired(values, scored[MEAN]) if name != MEAN else interval(values)
            what, unit = (f"{name}, against the mean", " points") if name != MEAN else (name, " %")
            level = f"{np.mean(values):.1f} %" if name != MEAN else ""
            figures.append(Claim(what, gain, gain - half, gain + half, None, unit, level))
        claims.show(f"Learning beside the student: {column}, {len(found)} paired seeds", figures, given)


def main() -> None:
    results.one_thread()
    given = harness.arguments(
        __doc__, results="", seeds=10, labels="100", places=",".join(PLACES), steps=600, jobs=2, tables_only=False
    )
    if given.smoke:
        given.seeds, given.labels, given.steps = 2, "100", 10
    labels = [int(number) for number in given.labels.split(",")]
    wanted = [
        Cell(place, number, seed, given.steps)
        for seed in range(given.seeds)
        for place in given.places.split(",")
        for number in labels
    ]
    show(results.compute(solve, wanted, given), given)


if __name__ == "__main__":
    main()
