"""Tables of numbers: seven classical teachers and one small MLP (64-64), and whether the verdict is right.

A cell is a table and a split (70 % training, 15 % validation, 15 % test; 50, 35 and 15 % of the small tables wine and
breast cancer). Teachers are fitted out of fold on the labelled training rows; students take three seeds. The verdict
is decided on validation rows; it is right when it says no on wine and yes on digits (15 % labelled) and on breast
cancer, where teachers help the log loss: the test rows of all splits, printed beside it, say the same.

    python benchmarks/tables.py --data FOLDER --results tables.jsonl [--splits 20] [--jobs 2] [--autogluon PYTHON]

Housing needs the folder of public data sets; `--autogluon` names an interpreter that has AutoGluon, whose `distill`
then gets the same splits.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import claims
import harness
import numpy as np
import tabular
import torch
from claims import Claim
from results import compute, one_thread

import tutelage as tl
from tutelage import fusion as f
from tutelage.train import task_of, worth_it

FUSIONS: dict[str, Any] = {"mean": f.Mean(), "weighted": f.Performance(), "stacking": f.Stacking()}
VALUES: dict[str, Any] = FUSIONS | {"weighted": f.Performance("inv_mse")}
TRUTH = {"wine": False, "digits 15 %": True, "breast cancer": True}
SEEDS, MOST_EPOCHS = 3, 200
FEW = 5
"""Splits of the tables without a verdict."""
FIRST = 200
"""Number of the first split: the rule of the verdict was made looking at splits below 200."""


@dataclass(frozen=True)
class Cell:
    """One table and split."""

    table: str
    split: int
    steps: int
    data: Path | None
    autogluon: str

    @property
    def key(self) -> str:
        """What it is called in the file of results."""
        return f"{self.table}/{self.split}/{self.steps}/{'autogluon' if self.autogluon else 'ours'}"


def solve(cell: Cell) -> dict[str, Any]:
    """The line of one cell."""
    start, rows = time.process_time(), tabular.split_of(cell.table, cell.split, cell.data)
    test = rows.test.open("benchmark")
    line: dict[str, Any] = {"key": cell.key, "table": cell.table, "split": cell.split}
    if cell.autogluon:
        return line | {"autogluon": tabular.ask(cell.autogluon, rows, test), "seconds": 0.0}
    task, values = task_of(rows), rows.space.kind == "values"
    taught = [
        tl.train_models(rows, make, 1, name=name, seed=cell.split)[0] for name, make in tabular.makers(values).items()
    ]
    teachers = [tl.aligned(teacher, rows.space) for teacher in taught]
    source = tl.Memory.of(teachers, rows.columns)
    steps = min(cell.steps, MOST_EPOCHS * -(-len(rows.train) // 64))
    held = np.union1d(rows.labelled_train, rows.validation)
    choice = tl.auto(tabular.maker(rows), rows, teachers, source, held, training=tabular.training(rows, steps))
    fusions = (VALUES if values else FUSIONS) | {"chosen": choice.fusion}
    targets = {name: tl.generate_distillation_targets(source, rows, fusion) for name, fusion in fusions.items()}
    students = _students(targets, rows, steps)
    few = replace(rows, train=rows.labelled_train)
    students |= _students({"labels only": tl.generate_distillation_targets(None, few, f.Mean())}, few, steps)
    look, check = rows.batch(rows.validation, truth=True), rows.batch(test, truth=True)
    found: dict[str, dict[str, float]] = {}
    for name, own in students.items():
        each = [task.metrics(_answer(task, student, check), check.target, check.labelled) for student in own]
        found[f"student: {name}"] = _mean(each)
    asked = _asked(rows, test)
    for name, target in targets.items():
        whole = tl.Ensemble("all", tuple(teachers), target.fusion, target.calibrations, rows.space)
        found[f"ensemble: {name}"] = task.metrics(whole.answer(asked), check.target, check.labelled)
    sides = [[_answer(task, student, look) for student in students[name]] for name in ("chosen", "labels only")]
    worth = worth_it(sides[0], sides[1], [look] * SEEDS, task)
    single = [teacher.models[0] for teacher in taught if isinstance(teacher, tl.OutOfFold)]
    first = students["mean"][0]
    cost = {
        "student": _cost(lambda: _answer(task, first, check), len(test)),
        "teachers": _cost(lambda: [model.answer(asked) for model in single], len(test)),
    }
    return line | {"found": found, "worth": worth.yes, "said": str(worth), "gains": worth.gains,
                   "chosen": choice.fusion.name, "why": choice.why, "cost": cost,
                   "seconds": time.process_time() - start}  # fmt: skip


def _students(targets: dict[str, Any], rows: tl.Rows, steps: int) -> dict[str, list[Any]]:
    """The students of each target, one per seed; fewer rows get more epochs, so that all take the same steps."""
    lanes = [tl.Lane(f"{name}|{seed}", target, seed) for name, target in targets.items() for seed in range(SEEDS)]
    swept = tl.sweep(tabular.maker(rows), lanes, rows, tabular.training(rows, steps))
    found: dict[str, list[Any]] = {name: [] for name in targets}
    for lane, fitted in zip(lanes, swept.fitted, strict=True):
        found[lane.name.split("|")[0]].append(fitted.student.eval())
    return found


def _answer(task: Any, student: Any, batch: tl.Batch) -> Any:
    with torch.no_grad():
        return task.answer(student, batch)


def _mean(each: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([one[name] for one in each])) for name in each[0]}


def _asked(rows: tl.Rows, row: np.ndarray) -> dict[str, np.ndarray]:
    return {name: rows.columns[name][row] for name in rows.inputs}


def _cost(work: Callable[[], Any], row: int) -> float:
    """CPU microseconds per row, asked in one batch; the least of some turns."""
    spent: list[float] = []
    for _ in range(5):
        turns, start = 0, time.process_time()
        while time.process_time() - start < 0.02:
            work()
            turns += 1
        spent.append((time.process_time() - start) / turns)
    return 1e6 * min(spent) / row


def show(lines: Sequence[dict[str, Any]], given: Any) -> None:
    """Prints the tables and keeps the figures."""
    ours = [line for line in lines if "found" in line]
    figures: list[Claim] = []
    for table in dict.fromkeys(line["table"] for line in ours):
        some = [line for line in ours if line["table"] == table]
        names = list(some[0]["found"])
        metrics = [m for m in ("accuracy", "cross_entropy", "rmse", "r2") if m in some[0]["found"][names[0]]]
        print(f"### {table}, {len(some)} splits\n\n| | {' | '.join(metrics)} |\n|---|{'---|' * len(metrics)}")
        values = {(n, m): np.array([line["found"][n][m] for line in some]) for n in names for m in metrics}
        for name in names:
            print(f"| {name} | {' | '.join(f'{values[name, m].mean():.4f}' for m in metrics)} |")
        print(flush=True)
        main = "r2" if "r2" in metrics else "accuracy"
        rivals = [name for name in names if name.startswith("ensemble")]
        best = max(rivals, key=lambda name: values[name, main].mean())
        taught = [name for name in names if name.startswith("student") and name != "student: labels only"]
        student = max(taught, key=lambda name: values[name, main].mean())
        mean = "ensemble: mean"
        for one, rival, limit in (("student: chosen", mean, 0.5), ("student: mean", mean, 0.5), (student, best, None)):
            lost = 100 * (values[rival, main] - values[one, main])
            figures.append(claims.figure(f"{table}: {one} behind {rival}, {main}", lost, limit, " points"))
        costs = [line["cost"]["student"] / line["cost"]["teachers"] for line in some]
        figures.append(claims.figure(f"{table}: CPU of the student against one fit of each teacher", costs, 0.01))
        if table in TRUTH:
            wrong = float(sum(line["worth"] != TRUTH[table] for line in some))
            gain = "log loss of labels only less that of the student on all test rows"
            lost = values["student: labels only", "cross_entropy"] - values["student: chosen", "cross_entropy"]
            note = f"it has to say {'yes' if TRUTH[table] else 'no'}"
            figures.append(claims.exact(f"{table}: wrong verdicts of {len(some)}", wrong, 0.2 * len(some), note=note))
            figures.append(claims.figure(f"{table}: {gain}", lost, unit=" nats"))
    claims.show("Seven classical teachers, one MLP 64-64 (medians over splits)", figures, given)
    tabular.show_peer([line for line in lines if "autogluon" in line])


def main() -> None:
    one_thread()
    given = harness.arguments(
        __doc__, data=os.environ.get("TUTELAGE_DATA", ""), results="", splits=20, steps=3000, jobs=2, autogluon="",
        first=FIRST, tables="", tables_only=False,
    )  # fmt: skip
    data = Path(given.data).resolve() if given.data else None
    names = ["wine", "digits 15 %", "breast cancer", "digits", *(["housing"] if data else [])]
    if given.smoke:
        given.splits, given.steps, names = 2, 20, ["wine"]
    if given.tables:
        names = given.tables.split(",")
    splits = range(given.first, given.first + given.splits)
    wanted = [(name, split) for split in splits for name in names if name in TRUTH or split < given.first + FEW]
    cells = [Cell(name, split, given.steps, data, "") for name, split in wanted]
    if given.autogluon:
        cells += [replace(cell, autogluon=given.autogluon) for cell in cells if cell.table in TRUTH]
    show(compute(solve, cells, given), given)


if __name__ == "__main__":
    main()
