"""Frozen: `auto` on four data sets that it was not made on, 30 labelled rows each, over paired seeds.

They were first run after `auto` had been committed; the table is printed whatever it says.

breast      30 measurements of cells; four teachers see the means, the errors, the worst values, or all
accidents   severity of road accidents, three classes, 85 % slight; a forest and a linear model weighted by class, and
            neighbours that see the driver only
questions   TREC; words, characters, and rules on question words that abstain
pneumonia   chest X-rays of 14 x 14 dots; an SVM, a forest, neighbours, and two models of one lung side each

    python benchmarks/frozen.py --data FOLDER --results frozen.jsonl [--seeds 20] [--jobs 2] [--tables-only]
"""

from __future__ import annotations

import csv
import os
import re
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import evidence
import harness
import numpy as np
import protocols
import quality
import results
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC

import tutelage as tl

NAMES = ("mean", "geometric mean", "soft vote", "hard vote", "median", "entropy", "performance", "difference")
FUSIONS = {name: quality.FUSIONS[name] for name in NAMES}
DRIVER = ("Age_band_of_driver", "Sex_of_driver", "Educational_level", "Vehicle_driver_relation", "Driving_experience")
LEFT_OUT = ("Accident_severity", "Casualty_severity", "Time")
QUESTION = {
    r"^(who|whose)\b": "HUM",
    r"^where\b|\b(city|country|state|river|mountain)\b": "LOC",
    r"^how (many|much|far|long|old|fast|tall|big)\b|^when\b|\bwhat (year|date|day)\b": "NUM",
    r"stand for|abbreviation|acronym": "ABBR",
    r"^why\b|^how (do|does|did|can)\b|^what (is|are) \w+ \?$": "DESC",
}


def draw(name: str, seed: int, data: Path | None) -> protocols.Draw:
    """A split, teachers and rows of their own for this seed."""
    if data is None and name != "breast":
        raise tl.InputError(f"{name} needs the folder of public data sets: --data FOLDER")
    return SETS[name](seed, data)


def _split(seed: int, target: np.ndarray, shares: tuple[float, float]) -> list[np.ndarray]:
    order = np.random.default_rng(seed).permutation(len(target))
    return np.split(order, [int(shares[0] * len(order)), int(sum(shares) * len(order))])


def _taught(name: str, model: Any, columns: Mapping[str, np.ndarray], reads: str, target: Any, row: Any) -> Any:
    return tl.EstimatorTeacher(model.fit(columns[reads][row], target[row]), reads=reads, name=name, seen=row)


def _forest(seed: int, **options: Any) -> Any:
    return RandomForestClassifier(60, random_state=seed, **options)


def _svm() -> Any:
    return CalibratedClassifierCV(make_pipeline(StandardScaler(), SVC(C=10)), cv=3)


def _breast(seed: int, data: Path | None) -> protocols.Draw:
    if data is None:  # scikit-learn brings the same table
        cells: Any = load_breast_cancer()
        target, numbers = 1 - cells.target, cells.data
    else:
        table = np.loadtxt(data / "medical-breast" / "wdbc.csv", delimiter=",", skiprows=1)
        target, numbers = table[:, -1].astype(np.int64) - 1, table[:, :-1]
    own, transfer, test = _split(seed, target, (0.4, 0.3))
    scaled = np.asarray(StandardScaler().fit(numbers[transfer]).transform(numbers), dtype=np.float32)
    columns = {"all": scaled, "means": scaled[:, :10], "errors": scaled[:, 10:20], "worst": scaled[:, 20:]}
    models = [("means", _svm()), ("errors", _forest(seed)), ("worst", KNeighborsClassifier(5)), ("all", _forest(seed))]
    teachers = [_taught(f"{reads}", model, columns, reads, target, own) for reads, model in models]
    return protocols.Draw(columns, ("all",), target, transfer, test, tuple(teachers))


@cache
def _accident_table(data: Path) -> tuple[dict[str, np.ndarray], np.ndarray]:
    with (data / "accident-severity-addis" / "accidents.csv").open() as file:
        lines = list(csv.DictReader(file))
    target = np.array([line["Accident_severity"] for line in lines])
    words = {name: np.array([line[name] or "unknown" for line in lines], dtype=object) for name in lines[0]
             if name not in LEFT_OUT}  # fmt: skip
    return words, np.unique(target, return_inverse=True)[1]


def _accidents(seed: int, data: Path) -> protocols.Draw:
    words, target = _accident_table(data)
    own, transfer, test = (part[:2000] for part in _split(seed, target, (0.4, 0.3)))
    columns: dict[str, np.ndarray] = dict(words)
    columns["record"] = np.stack(list(words.values()), axis=1)
    columns["driver"] = np.stack([words[name] for name in DRIVER], axis=1)

    def coded(model: Any) -> Any:
        return make_pipeline(OneHotEncoder(handle_unknown="ignore"), model)

    fair: dict[str, Any] = {"class_weight": "balanced"}
    models = [
        ("forest", "record", _forest(seed, min_samples_leaf=3, **fair)),
        ("linear", "record", LogisticRegression(max_iter=1000, **fair)),
        ("driver", "driver", KNeighborsClassifier(25)),
    ]
    teachers = [_taught(name, coded(model), columns, reads, target, own) for name, reads, model in models]
    return protocols.Draw(columns, tuple(words), target, transfer[:700], test, tuple(teachers), prepare=True)


@cache
def _question_table(data: Path) -> tuple[np.ndarray, np.ndarray, int]:
    parts = [
        (data / "text-trec6" / f"TREC.{part}").read_text(encoding="latin-1").splitlines() for part in ("train", "test")
    ]
    split = [line.partition(" ") for part in parts for line in part]
    labels = np.array([label.partition(":")[0] for label, _, _ in split])
    return np.array([text for *_, text in split], dtype=object), labels, len(parts[0])


def _rule(row: Mapping[str, Any]) -> str | None:
    return next((name for shape, name in QUESTION.items() if re.search(shape, row["text"].lower())), None)


def _questions(seed: int, data: Path) -> protocols.Draw:
    text, target, count = _question_table(data)
    own, transfer, _ = _split(seed, target[:count], (0.4, 0.3))
    hashed: Any = HashingVectorizer(n_features=512, alternate_sign=False, ngram_range=(1, 2)).transform(text)
    columns = {"text": text, "hashed": hashed.toarray().astype(np.float32) * 4}
    words = make_pipeline(TfidfVectorizer(), LogisticRegression(C=10, max_iter=1000))
    chars = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), max_features=20_000)
    models = [("words", words), ("characters", make_pipeline(chars, CalibratedClassifierCV(LinearSVC(), cv=3)))]
    taught: list[Any] = [_taught(name, model, columns, "text", target, own) for name, model in models]
    rule = tl.RuleTeacher(_rule, reads="text", classes=np.unique(target), name="question words")
    test = np.arange(count, len(target))
    return protocols.Draw(columns, ("hashed",), target, transfer[:700], test, (*taught, rule))


def _pneumonia(seed: int, data: Path) -> protocols.Draw:
    with np.load(data / "medimg-pneumoniamnist" / "pneumoniamnist.npz") as arrays:
        images = np.concatenate([arrays["train_images"], arrays["test_images"]])
        target = np.concatenate([arrays["train_labels"], arrays["test_labels"]]).ravel().astype(np.int64)
        count = len(arrays["train_images"])
    dots = (images.reshape(-1, 14, 2, 14, 2).mean((2, 4)) / 255.0).astype(np.float32)
    columns = {"all": dots.reshape(len(dots), -1), "left": dots[:, :, :7].reshape(len(dots), -1),
               "right": dots[:, :, 7:].reshape(len(dots), -1)}  # fmt: skip
    own, transfer, *_ = np.split(np.random.default_rng(seed).permutation(count), [600, 1300])
    models = [("svm", "all", _svm()), ("forest", "all", _forest(seed)), ("neighbours", "all", KNeighborsClassifier(5)),
              ("left", "left", _svm()), ("right", "right", _forest(seed))]  # fmt: skip
    teachers = [_taught(name, model, columns, reads, target, own) for name, reads, model in models]
    return protocols.Draw(columns, ("all",), target, transfer, np.arange(count, len(target)), tuple(teachers))


SETS: dict[str, Callable[[int, Any], protocols.Draw]] = {
    "breast": _breast,
    "accidents": _accidents,
    "questions": _questions,
    "pneumonia": _pneumonia,
}


def solve(cell: quality.Cell) -> dict[str, Any]:
    """The line of one cell."""
    start = time.process_time()
    drawn = draw(cell.protocol, cell.seed, cell.data)
    run = quality.contest(drawn, drawn.rows(), cell, quality.PLAIN, FUSIONS)
    return {"key": cell.key, "protocol": cell.protocol, "seed": cell.seed, "seconds": time.process_time() - start,
            "part": "grid", "runs": [run]}  # fmt: skip


def main() -> None:
    results.one_thread()
    given = harness.arguments(
        __doc__, data=os.environ.get("TUTELAGE_DATA", ""), results="", seeds=20, steps=600, jobs=2,
        sets=",".join(SETS), tables_only=False,
    )  # fmt: skip
    if given.smoke:
        given.seeds, given.steps, given.sets = 2, 10, "breast"
    data, names = Path(given.data).resolve() if given.data else None, given.sets.split(",")
    wanted = [quality.Cell("frozen", name, seed, given.steps, data) for seed in range(given.seeds) for name in names]
    evidence.show(results.compute(solve, wanted, given), given)


if __name__ == "__main__":
    main()
