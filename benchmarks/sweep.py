"""A sweep against one student: 15 fusions and 5 seeds of a small MLP as one batched network.

Digits; three classical teachers fitted here, 700 rows of which 30 keep their labels, KL, MLP 64-32-10, batch 64, last
epoch. Every variant learns from the same stored signals, whose statistics are computed beforehand, on one thread.

    python benchmarks/sweep.py [--rounds 15] [--epochs 40]
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import claims
import harness
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

import tutelage as tl
from tutelage.fusion import (
    Confidence,
    Entropy,
    GeometricMean,
    HardVote,
    Mean,
    MeanLogits,
    Median,
    Performance,
    SoftVote,
    Stacking,
    Trimmed,
    Weighted,
)
from tutelage.teaching import terms
from tutelage.teaching.heldout import learn
from tutelage.teaching.teach import teach
from tutelage.train import Training

FUSIONS = (
    Mean(),
    MeanLogits(),
    GeometricMean(),
    Median(),
    Trimmed(),
    SoftVote(),
    HardVote(),
    Entropy(),
    Entropy(form="softmax", tau=0.2),
    Confidence(),
    Performance(),
    Stacking(),
    Weighted((2.0, 1.0, 1.0)),
    Weighted((1.0, 2.0, 1.0)),
    Weighted((1.0, 1.0, 2.0)),
)
TRAINED, ROWS, WATCHED, LABELLED = 600, 700, 200, 30


def make() -> torch.nn.Module:
    return tl.MLP(64, 10, (32,))


def prepared() -> tuple[tl.Rows, list[Any], Any]:
    """Rows, one target per fusion from one store, and the folder of the store, which goes when nobody holds it."""
    folder = tempfile.TemporaryDirectory()
    features, digit = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(digit))
    seen, train, watched, test = np.split(order, np.cumsum([TRAINED, ROWS, WATCHED]))
    columns, names = {"x": (features / 16).astype(np.float32)}, tuple(map(str, range(10)))
    rows = tl.rows_of(columns, digit.astype(str), names=names, train=train, validation=watched, test=test)
    rows = rows.with_labels(np.concatenate([train[:LABELLED], watched]))
    linear = LogisticRegression(max_iter=2000)
    models: tuple[Any, ...] = (linear, RandomForestClassifier(50, random_state=0), KNeighborsClassifier())
    teachers: list[Any] = []
    for model in models:
        model.fit(columns["x"][seen], digit[seen].astype(str))
        teachers.append(tl.EstimatorTeacher(model, reads=("x",), name=type(model).__name__, seen=seen))
    source: Any = teach(
        [tl.aligned(t, rows.space) for t in teachers], rows.columns, rows.taught, tl.Store(Path(folder.name))
    )
    heldout, task = rows.batch(watched, inputs=False), tl.Classification(names)
    goal, targets = tl.Objective((terms.KL(2.0),)), list[Any]()
    for fusion in FUSIONS:
        calibrations, fitted = learn(source, fusion, heldout)
        target = tl.Distillation(source, fitted, goal, task, calibrations)
        targets.append(target.prepared(rows.batches(rows.taught, 4096, inputs=False)))
    return rows, targets, folder


def one(epochs: int) -> harness.Work:
    rows, targets, folder = prepared()

    def work(_: Any = folder) -> None:
        torch.manual_seed(0)
        tl.fit(make(), targets[0], rows, Training(epochs, threads=1))

    return work


def many(epochs: int, fusions: int, seeds: int) -> harness.Work:
    rows, targets, folder = prepared()
    chosen = list(enumerate(targets[:fusions]))
    lanes = [tl.Lane(f"{number}, seed {seed}", target, seed) for number, target in chosen for seed in range(seeds)]

    def work(_: Any = folder) -> None:
        swept = tl.sweep(make, lanes, rows, Training(epochs, threads=1))
        assert all(swept.batched), swept.why

    return work


def main() -> None:
    given = harness.arguments(__doc__, epochs=40)
    epochs = 1 if given.smoke else given.epochs
    setups: dict[str, harness.Setup] = {"one": partial(one, epochs), "15": partial(many, epochs, 15, 1)}
    setups["75"] = partial(many, epochs, 15, 5)
    times = harness.measure(setups, given.rounds, apart=not given.smoke)
    single = np.array(times["one"].cpu)
    figures = [
        claims.ratio("sweep of 15 fusions x 5 seeds, against one fit", times["75"], times["one"], 15.0),
        claims.ratio("sweep of 15 fusions x 1 seed, against one fit", times["15"], times["one"], None),
        claims.figure("75 single fits, one of them measured, against the sweep", 75 * single / times["75"].cpu, None),
    ]
    claims.show("Sweeps", figures, given)


if __name__ == "__main__":
    main()
