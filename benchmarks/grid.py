"""Grid: every fusion with every objective in every scenario, on three data sets, over paired seeds.

A cell is a data set, a scenario and a seed: a new split, new teachers, a new student (MLP D-32-C, 600 steps, last
epoch), a hundred labels (60 on heart); all fusions and objectives of a cell are trained as one batched sweep. Cells are
appended to `--results` as they are done, so that a killed run continues; the tables are printed from that file alone.

    python benchmarks/grid.py --data FOLDER --results grid.jsonl [--seeds 20] [--jobs 2] [--tables-only] [--first 0]

`--first` leaves earlier seeds out: on seeds from 9 on `auto` is judged that was made on those before.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import evidence
import harness
import quality
import results
import scenarios
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from tutelage import fusion as f
from tutelage.teaching import terms

LABELLED = {"digits": 100, "mfeat": 100, "heart": 60}
FUSIONS: dict[str, Any] = {
    "mean": f.Mean(),
    "geometric mean": f.GeometricMean(),
    "soft vote": f.SoftVote(),
    "hard vote": f.HardVote(),
    "median": f.Median(),
    "trimmed mean": f.Trimmed(),
    "entropy": f.Entropy(),
    "sharp entropy": f.Entropy("softmax", tau=0.2),
    "confidence": f.Confidence(),
    "performance": f.Performance(),
    "difference": f.Difference(),
    "top 1": f.TopK(1),
    "elected": f.Elected(),
    "union": f.Union(),
    "one coin": f.OneCoin(),
    "Dawid-Skene": f.DawidSkene(),
    "GLAD": f.GLAD(),
    "AEKD": f.AEKD(),
    "gate": f.Gate(),
    "attention": f.Attention(),
    "neural": f.NeuralFusion(),
    "stacking": f.Stacking(),
    "meta: logistic": f.MetaModel(LogisticRegression(max_iter=500)),
    "meta: forest": f.MetaModel(RandomForestClassifier(100, min_samples_leaf=3, random_state=0)),
    "blend": f.Blend((f.Mean(), f.Median(), f.Difference())),
    "random drop": f.RandomDrop(),
}
OBJECTIVES: dict[str, Any] = {"KL": terms.KL(2.0), "DKD": terms.DKD(), "DIST": terms.DIST(), "LSKD": terms.LSKD()}


def solve(cell: quality.Cell) -> dict[str, Any]:
    """The line of one cell; no runs where a scenario does not exist."""
    start, (data, scenario) = time.process_time(), cell.protocol.split("/")
    drawn = scenarios.draw(data, scenario, cell.seed, cell.data)
    runs: list[Any] = []
    if drawn is not None:
        runs.append(quality.contest(drawn, drawn.rows(LABELLED[data]), cell, OBJECTIVES, FUSIONS))
    return {"key": cell.key, "protocol": cell.protocol, "seed": cell.seed, "seconds": time.process_time() - start,
            "part": "grid", "runs": runs}  # fmt: skip


def cells(given: Any) -> list[quality.Cell]:
    """What has to be computed; all cells of a seed come before those of the next."""
    folder = Path(given.data).resolve() if given.data else None
    names = [f"{data}/{scenario}" for data in given.sets.split(",") for scenario in given.scenarios.split(",")]
    return [
        quality.Cell("table", name, seed, given.steps, folder)
        for seed in range(given.first, given.seeds)
        for name in names
    ]


def main() -> None:
    results.one_thread()
    given = harness.arguments(
        __doc__, data=os.environ.get("TUTELAGE_DATA", ""), results="", seeds=20, first=0, steps=600, jobs=2,
        sets=",".join(scenarios.DATA), scenarios=",".join(scenarios.SCENARIOS), tables_only=False,
    )  # fmt: skip
    if given.smoke:
        given.seeds, given.steps, given.sets, given.scenarios = 1, 5, "digits", "uneven"
    elif not given.data:
        given.sets = "digits"
    done = [
        line for line in results.compute(solve, cells(given), given) if line["runs"] and line["seed"] >= given.first
    ]
    for data in given.sets.split(","):
        print(f"## {data}\n")
        own = [
            line | {"protocol": line["protocol"].split("/")[1]} for line in done if line["protocol"].startswith(data)
        ]
        evidence.show(own, given)


if __name__ == "__main__":
    main()
