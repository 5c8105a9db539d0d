"""What `tables.py` measures on: tables and their splits, seven classical models, and AutoGluon's `distill` as a peer.

AutoGluon runs in an interpreter of its own (`tables.py --autogluon PYTHON`), which needs `autogluon.tabular`.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sklearn import ensemble as trees
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.svm import SVC, SVR

import tutelage as tl

SHARE = {"digits 15 %": 0.15}
"""Labelled part of the training rows; all of them elsewhere."""
LOOKED = {"wine": 0.35, "breast cancer": 0.35}
"""Part of the rows that decides the verdict: small tables need more of it; 15 % elsewhere, as for the test rows."""
HOUSES, TREES = 8000, 50

INSIDE = """
import json, sys, time, warnings
import numpy as np, pandas as pd
warnings.simplefilter("ignore")
from autogluon.tabular import TabularPredictor
with np.load(sys.argv[1]) as file:
    data = dict(file)
frames = {part: pd.DataFrame(data[part]).assign(label=data[part + "_target"]) for part in ("train", "spare", "test")}
plain = pd.DataFrame(data["unlabelled"]) if len(data["unlabelled"]) else None
start = time.process_time()
one = TabularPredictor("label", path=sys.argv[2], eval_metric="log_loss", verbosity=0)
one.fit(frames["train"], tuning_data=frames["spare"], time_limit=120, num_cpus=1, num_gpus=0,
        hyperparameters={"GBM": {}, "XGB": {}, "RF": {}, "XT": {}, "LR": {}})
students = one.distill(hyperparameters={"GBM": {}, "RF": {}, "NN_TORCH": {}}, time_limit=60, verbosity=0)
found = {}
truth = frames["test"]["label"].to_numpy()
for name in [one.model_best, *students]:
    begin = time.process_time()
    probs = one.predict_proba(frames["test"].drop(columns="label"), model=name)
    spent = time.process_time() - begin
    chance = probs[list(probs.columns)].to_numpy()
    place = np.array([list(probs.columns).index(t) for t in truth])
    loss = -np.log(np.clip(chance[np.arange(len(truth)), place], 1e-15, 1))
    found[name] = {"accuracy": float((chance.argmax(1) == place).mean()), "cross_entropy": float(loss.mean()),
                   "microseconds": 1e6 * spent / len(truth)}
print("FOUND" + json.dumps({"models": found, "seconds": time.process_time() - start}))
"""


def split_of(name: str, split: int, data: Path | None) -> tl.Rows:
    """A split of a table, prepared by its training rows."""
    loaders: dict[str, Any] = {"wine": load_wine, "breast cancer": load_breast_cancer}
    if name == "housing":
        assert data is not None
        table = np.genfromtxt(data / "tabular-housing" / "housing.csv", delimiter=",", names=True)
        table = table[np.random.default_rng(split).permutation(len(table))[:HOUSES]]
        names = [n for n in table.dtype.names or () if n != "median_house_value"]
        features, target = np.stack([table[n] for n in names], 1), table["median_house_value"] / 1e5
    else:
        features, target = loaders.get(name, load_digits)(return_X_y=True)
    order = np.random.default_rng(split).permutation(len(target))
    train, validation, test = np.split(
        order, [int((0.85 - LOOKED.get(name, 0.15)) * len(order)), int(0.85 * len(order))]
    )
    columns = {f"x{i}": features[:, i] for i in range(features.shape[1])}
    rows = tl.rows_of(columns, target, train=train, validation=validation, test=test, prepare=True)
    shown = train[: int(SHARE.get(name, 1.0) * len(train))]
    return rows.with_labels(np.concatenate([shown, validation]))


def makers(values: bool) -> dict[str, Callable[[], Any]]:
    """Seven classical models."""
    from lightgbm import LGBMClassifier, LGBMRegressor

    small: dict[str, Any] = {"n_estimators": TREES, "num_leaves": 8, "n_jobs": 1, "verbose": -1}
    if values:
        return {
            "forest": partial(trees.RandomForestRegressor, TREES),
            "extra trees": partial(trees.ExtraTreesRegressor, TREES),
            "histogram": partial(trees.HistGradientBoostingRegressor, max_iter=60),
            "lightgbm": partial(LGBMRegressor, **small),
            "svm": partial(SVR, C=10),
            "neighbours": partial(KNeighborsRegressor, 5),
            "ridge": Ridge,
        }
    options: dict[str, Any] = {"ensemble": False, "cv": 3}
    return {
        "forest": partial(trees.RandomForestClassifier, TREES),
        "extra trees": partial(trees.ExtraTreesClassifier, TREES),
        "histogram": partial(trees.HistGradientBoostingClassifier, max_iter=30, max_leaf_nodes=8),
        "lightgbm": partial(LGBMClassifier, **small),
        "svm": lambda: CalibratedClassifierCV(SVC(C=10), **options),
        "neighbours": partial(KNeighborsClassifier, 5),
        "logistic": partial(LogisticRegression, max_iter=500),
    }


def ask(python: str, rows: tl.Rows, test: np.ndarray) -> dict[str, Any]:
    """What its best model and its distilled students achieve on the test rows, and the CPU seconds they took.

    Raises:
        RuntimeError: AutoGluon did not finish (gives the end of what it said).
    """
    features, plain = rows.columns["features"], np.setdiff1d(rows.train, rows.labelled_train)
    parts = {"train": rows.labelled_train, "spare": rows.validation, "test": test}
    arrays: dict[str, Any] = {name: features[row] for name, row in parts.items()}
    arrays |= {f"{name}_target": rows.target[row] for name, row in parts.items()}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "split.npz"
        np.savez(file, unlabelled=features[plain], **arrays)
        command = [python, "-c", INSIDE, str(file), f"{folder}/models"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    said = [line for line in done.stdout.splitlines() if line.startswith("FOUND")]
    if not said:
        raise RuntimeError(f"AutoGluon under {python} failed: {done.stderr[-2000:]}")
    return json.loads(said[-1].removeprefix("FOUND"))


def show_peer(lines: Sequence[dict[str, Any]]) -> None:
    """What AutoGluon reached on the same splits: its best model, and the students it distilled from it."""
    for table in dict.fromkeys(line["table"] for line in lines):
        some = [line["autogluon"] for line in lines if line["table"] == table]
        seconds = float(np.mean([one["seconds"] for one in some]))
        print(f"### AutoGluon `distill`, {table}, {len(some)} splits, {seconds:.0f} s CPU each\n")
        print("| | splits | accuracy | cross_entropy | µs/row |\n|---|---|---|---|---|")
        found: dict[str, list[dict[str, float]]] = {}
        for one in some:
            for number, (name, values) in enumerate(one["models"].items()):
                found.setdefault("its best model" if number == 0 else name, []).append(values)
        for name, values in found.items():
            mean = {key: float(np.mean([one[key] for one in values])) for key in values[0]}
            print(f"| {name} | {len(values)} | {mean['accuracy']:.4f} | {mean['cross_entropy']:.4f} | "
                  f"{mean['microseconds']:.0f} |")  # fmt: skip
        print(flush=True)


def maker(rows: tl.Rows) -> Callable[[], tl.MLP]:
    """Makes students for these rows."""
    width = rows.columns["features"].shape[1]
    return lambda: tl.MLP(width, len(rows.space.names), (64, 64))


def training(rows: tl.Rows, steps: int) -> tl.Training:
    """So many epochs that a student takes the planned number of steps."""
    return tl.Training(epochs=max(1, round(steps / -(-len(rows.train) // 64))), threads=1)
