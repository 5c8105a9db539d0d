"""Views: what answered augmentation is worth, where the student has few rows and where it has more.

Digits (8 x 8 pixels, scikit-learn), wdbc and heart (tables, `--data`), TREC questions (`--data`). Teachers (a forest
and a linear model; for texts two linear models) learn from 600 rows of their own, 40 % of a small table; the student
(MLP D-32-C, 600 steps, last epoch) from 100 or 400 others, 30 of them labelled, or from 30 % of a small table. Views
are answered by the plain mean, with KL. Accuracy on rows that nobody saw; seeds are paired and change split, teachers
and student; differences are against the same student without views.

    python benchmarks/views.py --data FOLDER [--seeds 20] [--sets digits,wdbc,heart,trec]
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import claims
import harness
import numpy as np
import torch
from claims import Claim
from protocols import HEART, heart_table
from results import one_thread
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import tutelage as tl
from tutelage.data.recipe import Recipe
from tutelage.data.steps import TfIdf
from tutelage.data.views import Augmentation, Crop, CutMix, Gibbs, Mixup, Munge, Views, WordDropout
from tutelage.fusion import Mean
from tutelage.report import interval, paired
from tutelage.teaching import terms

OWN, SIZES, LABELLED = 0.4, (100, 400), 30


@dataclass(frozen=True)
class Table:
    """A data set: columns of all rows, classes, what teachers and student read, and which augmentations suit it."""

    columns: Mapping[str, np.ndarray]
    target: np.ndarray
    models: Callable[[int], Mapping[str, Any]]
    steps: Mapping[str, Augmentation]
    recipe: Recipe | None = None


def digits(folder: Path | None) -> Table:
    data: Any = load_digits()
    flat = FunctionTransformer(_flat)

    def models(seed: int) -> dict[str, Any]:
        forest = RandomForestClassifier(60, random_state=seed)
        return {
            "forest": make_pipeline(flat, forest),
            "linear": make_pipeline(flat, LogisticRegression(C=0.1, max_iter=500)),
        }

    at = ("image",)
    steps = {"crop": Crop(at, pad=1), "mixup": Mixup(at), "cutmix": CutMix(at), "munge": Munge(at), "gibbs": Gibbs(at)}
    return Table({"image": (data.images / 16).astype("float32")}, data.target, models, steps)


def _flat(image: np.ndarray) -> np.ndarray:
    return image.reshape(len(image), -1)


def _table(columns: Mapping[str, np.ndarray], target: np.ndarray) -> Table:
    def models(seed: int) -> dict[str, Any]:
        fill = SimpleImputer(strategy="median", keep_empty_features=True)
        forest = RandomForestClassifier(60, min_samples_leaf=3, random_state=seed)
        linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
        return {"forest": make_pipeline(fill, forest), "linear": make_pipeline(fill, linear)}

    names = tuple(columns)
    return Table(columns, target, models, {"mixup": Mixup(names), "munge": Munge(names), "gibbs": Gibbs(names)})


def wdbc(folder: Path) -> Table:
    table = np.loadtxt(folder / "medical-breast" / "wdbc.csv", delimiter=",", skiprows=1)
    return _table({f"v{place}": column for place, column in enumerate(table[:, :-1].T)}, table[:, -1].astype(np.int64))


def heart(folder: Path) -> Table:
    table, _ = heart_table(folder)
    return _table(dict(zip(HEART, table[:, :-1].T, strict=True)), (table[:, -1] > 0).astype(np.int64))


def trec(folder: Path) -> Table:
    lines = (folder / "text-trec6" / "TREC.train").read_text("latin-1").splitlines()[:2000]
    text = np.array([line.split(" ", 1)[1] for line in lines], dtype=object)
    target = np.unique([line.split(":", 1)[0] for line in lines], return_inverse=True)[1]

    def models(seed: int) -> dict[str, Any]:
        words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
        signs = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True)
        linear = [LogisticRegression(C=20, max_iter=500) for _ in range(2)]
        return {"words": make_pipeline(words, linear[0]), "signs": make_pipeline(signs, linear[1])}

    at = ("text",)
    steps = {"a tenth of the words lost": WordDropout(at), "three tenths": WordDropout(at, 0.3)}
    recipe = Recipe((TfIdf(at, most=500, min_count=2),), {"features": at})
    return Table({"text": text}, target, models, steps, recipe)


SETS: dict[str, Callable[[Any], Table]] = {"digits": digits, "wdbc": wdbc, "heart": heart, "trec": trec}


def scores(table: Table, seed: int, size: int, steps: int) -> dict[str, float]:
    """Accuracy of each variant on the test rows, in per cent."""
    order = np.random.default_rng(seed).permutation(len(table.target))
    own, free = np.split(order, [min(600, int(OWN * len(order)))])
    pool, test = np.array_split(free, 2)
    train = pool[:size]
    inputs = tuple(table.columns)
    options: dict[str, Any] = {} if table.recipe or inputs == ("image",) else {"prepare": True}
    columns, preparation = table.columns, None
    if table.recipe is not None:
        preparation = table.recipe.fit(columns, train)
        columns, inputs = {**columns, **preparation.apply(columns)}, preparation.outputs
    shown = np.isin(np.arange(len(order)), train[:LABELLED])
    none = np.zeros(0, dtype=np.int64)
    rows = tl.rows_of(columns, table.target, inputs=inputs, labelled=shown, train=train, validation=none,
                      test=test, **options)  # fmt: skip
    rows = rows if preparation is None else replace(rows, preparation=preparation)
    teachers = [tl.aligned(teacher, rows.space) for teacher in _taught(table, own, seed)]
    width = sum(int(np.prod(rows.columns[name].shape[1:])) for name in rows.inputs)
    epochs = max(1, round(steps / -(-len(train) // 32)))
    training = tl.Training(epochs, 32, lr=0.01, seed=seed, threads=1)
    variants: dict[str, Views | None] = {"no views": None}
    for name, step in table.steps.items():
        variants |= {f"{name}, {count} views": Views(step, count) for count in (2, 8)}
    found: dict[str, float] = {}
    for name, views in variants.items():
        seen = rows.with_views(views)
        source = tl.Memory.of(teachers, seen.columns, seen.views)
        target = tl.generate_distillation_targets(source, seen, Mean(), tl.Objective((terms.KL(2.0),), soft=0.9))
        torch.manual_seed(seed)
        student = tl.fit(tl.MLP(width, len(rows.space.names), (32,)), target, seen, training).student
        batch = rows.batch(test, truth=True)
        with torch.no_grad():
            said = target.task.answer(student.eval(), batch)
        found[name] = 100 * target.task.metrics(said, batch.target, batch.labelled)["accuracy"]
    return found


def _taught(table: Table, own: np.ndarray, seed: int) -> list[tl.EstimatorTeacher]:
    names = tuple(table.columns)
    reads: Any = names[0] if len(names) == 1 else names
    given = table.columns[names[0]] if len(names) == 1 else np.column_stack([table.columns[name] for name in names])
    return [
        tl.EstimatorTeacher(model.fit(given[own], table.target[own]), reads=reads, name=name, seen=own)
        for name, model in table.models(seed).items()
    ]


def main() -> None:
    one_thread()
    given = harness.arguments(
        __doc__, data=os.environ.get("TUTELAGE_DATA", ""), seeds=20, steps=600, sets=",".join(SETS)
    )
    folder = Path(given.data).resolve() if given.data else None
    sets = given.sets.split(",") if folder else ["digits"]
    seeds, steps = (2, 5) if given.smoke else (given.seeds, given.steps)
    for name in sets[:1] if given.smoke else sets:
        table = SETS[name](folder)
        for size in SIZES:
            runs = [scores(table, seed, size, steps) for seed in range(seeds)]
            values = {variant: [run[variant] for run in runs] for variant in runs[0]}
            plain, half = interval(values["no views"])
            figures = [Claim("no views, accuracy", plain, plain - half, plain + half, None, " %")]
            for variant in list(values)[1:]:
                gain, half = paired(values[variant], values["no views"])
                note = f"accuracy {np.mean(values[variant]):.1f} %"
                figures.append(Claim(variant, gain, gain - half, gain + half, None, " points", note))
            claims.show(f"Views on {name}: up to {size} rows, {seeds} seeds, against no views", figures, given)


if __name__ == "__main__":
    main()
