"""Quality: which fusion, which objective, on six protocols with 30 labelled rows each, over paired seeds.

One cell is a protocol and a seed: a new split, new teachers, a new student (MLP D-32-C, 600 steps, last epoch); all
lanes of a cell share them. Cells are appended to `--results` as they are done, so that a killed run continues; the
tables are printed from that file alone.

    python benchmarks/quality.py --data FOLDER --results quality.jsonl [--seeds 40] [--jobs 2] [--tables-only]

`--part grid` runs every fusion with every objective; `--part auto` every fusion but the slow ones, with KL; `--part
sizes` varies the rows; `--part all` runs grid and sizes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import evidence
import harness
import numpy as np
import protocols
import results
import torch

import tutelage as tl
from tutelage import fusion as f
from tutelage.teaching import terms
from tutelage.train import best_single, task_of
from tutelage.train.homes import at_home

FUSIONS: dict[str, Any] = {
    "mean": f.Mean(),
    "geometric mean": f.GeometricMean(),
    "soft vote": f.SoftVote(),
    "hard vote": f.HardVote(),
    "winner of the vote": f.HardVote("winner"),
    "median": f.Median(),
    "trimmed mean": f.Trimmed(),
    "entropy": f.Entropy(),
    "sharp entropy": f.Entropy("softmax", tau=0.2),
    "confidence": f.Confidence(),
    "confidence, softmax": f.Confidence("softmax"),
    "performance": f.Performance(),
    "performance, correct": f.Performance("correct"),
    "dynamic performance": f.DynamicPerformance(),
    "difference": f.Difference(),
    "stacking": f.Stacking(),
}
OBJECTIVES: dict[str, Any] = {"KL": terms.KL(2.0), "DKD": terms.DKD(), "DIST": terms.DIST(), "LSKD": terms.LSKD()}
PLAIN = {"KL": OBJECTIVES["KL"]}
FULL = 20
"""Seeds below this see every objective; the others see KL alone, which is what rules are compared with."""
SLOW = ("dynamic performance", "random drop")
"""Rules whose students are trained one by one or that look at them in every epoch: with KL only, and 30 labels only."""
LABELLED, TRANSFER = (10, 100, 300, 700), (100, 300)
SIZED = ("few", "specialists", "views")


@dataclass(frozen=True)
class Cell:
    """One protocol and seed: of the grid, or with other numbers of rows."""

    part: str
    protocol: str
    seed: int
    steps: int
    data: Path | None

    @property
    def key(self) -> str:
        """What it is called in the file of results."""
        return f"{self.part}/{self.protocol}/{self.seed}/{self.steps}"


def solve(cell: Cell) -> dict[str, Any]:
    """The line of one cell."""
    start, draw = time.process_time(), protocols.draw(cell.protocol, cell.seed, cell.data)
    runs: list[dict[str, Any]] = []
    quick = {name: fusion for name, fusion in FUSIONS.items() if name not in SLOW}
    if cell.part == "auto":
        runs.append(contest(draw, draw.rows(), cell, PLAIN, quick))
    elif cell.part == "grid":
        runs.append(contest(draw, draw.rows(), cell, OBJECTIVES if cell.seed < FULL else PLAIN, FUSIONS))
    else:
        sizes = [(n, len(draw.transfer)) for n in LABELLED] + [(protocols.LABELLED, n) for n in TRANSFER]
        runs += [contest(draw, draw.rows(*size), cell, PLAIN, quick) | {"size": size} for size in sizes]
    return {"key": cell.key, "protocol": cell.protocol, "seed": cell.seed, "seconds": time.process_time() - start,
            "part": "grid" if cell.part == "auto" else cell.part, "runs": runs}  # fmt: skip


def contest(
    draw: protocols.Draw,
    rows: tl.Rows,
    cell: Cell,
    objectives: Mapping[str, Any],
    fusions: Any,
    make: Any = None,
    deciding: bool = True,
) -> Any:
    """What every rule achieves on the test rows with every objective, and on what share of rows it acted.

    The student is what `make` gives, an MLP of 32 hidden units unless given. `deciding` adds `auto`.
    """
    task, source = task_of(rows), draw.source(rows)
    held = rows.batch(rows.labelled_train, inputs=False)
    signals = source.gather(held.row, held.view)
    single = best_single(signals, task, held)
    size = sum(int(np.prod(rows.columns[name].shape[1:])) for name in rows.inputs)

    def student() -> Any:
        torch.manual_seed(cell.seed)
        return tl.MLP(size, len(rows.space.names), (32,)) if make is None else make()

    settings = training(len(rows.train), cell)
    teachers = tuple(tl.aligned(teacher, rows.space) for teacher in draw.teachers)
    home, _ = at_home(teachers, rows, signals)
    more: dict[str, Any] = {"single": f.Mean(), "pseudo-labels": f.PseudoLabels(f.SoftVote())}
    choice = None
    if deciding:
        choice = tl.auto(student, rows, teachers, source, rows.labelled_train, training=settings, seed=cell.seed)
        more["auto"] = choice.fusion
    more |= {} if home is None else {"at home": home}
    lanes: list[tl.Lane] = []
    refused = ["at home"] if home is None else []
    for name, fusion in (fusions | more).items():
        asked = source.only(single) if name == "single" else source
        for term in objectives if name in fusions and name not in SLOW else ("KL",):
            objective = tl.Objective((OBJECTIVES[term],), soft=0.9)
            try:
                target = tl.generate_distillation_targets(asked, rows, fusion, objective)
            except tl.InputError:
                refused.append(name)
                break
            lanes.append(tl.Lane(f"{name}|{term}", target, cell.seed))
    swept = tl.sweep(student, lanes, rows, settings)
    few = tl.Lane("scratch|KL", tl.generate_distillation_targets(None, rows, f.Mean()), cell.seed)
    own = replace(rows, train=rows.labelled_train)
    scratch = tl.fit(student(), few.target, own, training(len(own.train), cell))
    batch = rows.batch(draw.test, truth=True)
    found: dict[str, Any] = {}
    for lane, fitted in zip((*lanes, few), (*swept.fitted, scratch), strict=True):
        batch = batch.to(next(fitted.student.parameters()).device)
        with torch.no_grad():
            values = task.metrics(task.answer(fitted.student.eval(), batch), batch.target, batch.labelled)
        acted = fitted.history[-1].acted
        found[lane.name] = {key: round(value, 6) for key, value in values.items()} | {"acted": round(acted, 4)}
    if choice is not None and choice.how == "declined":
        found["auto|KL"] = found["scratch|KL"]
    return {"found": found, "refused": refused, "single": single} | (
        {} if choice is None else {"auto": choice.to_json()}
    )


def training(rows: int, cell: Cell) -> tl.Training:
    """So many epochs that a student takes the planned number of steps; looked at in the last alone."""
    epochs = max(1, round(cell.steps / max(1, -(-rows // 64))))
    return tl.Training(epochs=epochs, watch_every=epochs, seed=cell.seed, lr=0.01, threads=1)


def cells(given: Any) -> list[Cell]:
    """What has to be computed."""
    data = Path(given.data).resolve() if given.data else None
    names = [name for name in given.protocols.split(",") if data or name not in ("mfeat", "heart")]
    grid = [Cell("grid", name, seed, given.steps, data) for seed in range(given.seeds) for name in names]
    sized = [name for name in SIZED if name in names]
    sizes = [Cell("sizes", name, seed, given.steps, data) for seed in range(given.size_seeds) for name in sized]
    chosen = [replace(cell, part="auto") for cell in grid]
    return {"grid": grid, "auto": chosen, "sizes": sizes, "all": grid + sizes}[given.part]


def main() -> None:
    results.one_thread()
    given = harness.arguments(
        __doc__, data=os.environ.get("TUTELAGE_DATA", ""), results="", seeds=40, size_seeds=20, steps=600, jobs=2,
        protocols=",".join(protocols.PROTOCOLS), part="all", tables_only=False,
    )  # fmt: skip
    if given.smoke:
        given.seeds, given.size_seeds, given.steps, given.protocols = 2, 0, 10, "specialists"
    evidence.show(results.compute(solve, cells(given), given), given)


if __name__ == "__main__":
    main()
