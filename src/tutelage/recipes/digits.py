"""Handwritten digits: five teachers of five kinds, 200 labels, one small student.

The data are the 1797 digits bundled with scikit-learn (8 x 8 pixels; Alpaydin and Kaynak 1998). 397 test rows are
the same for ever. Under each seed the other 1400 are dealt anew: 700 to the teachers, 200 labelled and 500 unlabelled
ones to the student; nobody sees another's rows.

| teacher | kind | sees |
|---|---|---|
| net | torch conv net | the right five columns, 500 rows |
| svm | scikit-learn SVM | the left five columns, 500 rows |
| trees | LightGBM | zone densities, row and column profiles, 500 rows |
| onnx | ONNX file, written by a scikit-learn converter | the lower half, 60 rows: deliberately weak |
| holes | Python rule | abstains unless it sees a hole or a hook |
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ..core import Classes, Fusion, Space, Teacher, require
from ..data import Rows, Sealed
from ..nets import ConvNet
from ..report import Report
from ..search import distill
from ..teachers import OnnxTeacher, RuleTeacher
from ..train import Training, fit_teacher, task_of
from ..train.contest import Progress

TEST, POOL, LABELLED, VALIDATION = 397, 700, 200, 40
NAMES = tuple(str(digit) for digit in range(10))


def digits(
    *,
    seeds: int = 5,
    epochs: int = 40,
    fusion: Fusion | None = None,
    run: Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """Distils five teachers into a conv net of about 3,000 parameters.

    Args:
        seeds: number of paired seeds.
        epochs: passes of each student over its 660 rows.
        fusion: how teachers are combined; chosen on the 200 labelled rows unless given.
        run: folder of the run.
        progress: told what happens.
    """
    folder = Path(tempfile.mkdtemp(prefix="tutelage-")) if run is None else run
    return distill(
        make_student,
        make_rows,
        lambda seed, rows: make_teachers(seed, rows, folder),
        fusion=fusion,
        training=Training(epochs=epochs, lr=5e-3),
        seeds=range(seeds),
        run=run,
        title="Handwritten digits: five teachers, 200 labels",
        progress=progress,
    )


def make_student() -> ConvNet:
    """2,962 parameters."""
    return ConvNet(1, 10, widths=(12, 24))


def make_rows(seed: int) -> Rows:
    """The table and this seed's deal. The teachers' pool is in no split; `pool` gives it."""
    images, target = _load()
    order = _deal(target, seed)
    labelled = order[POOL : POOL + LABELLED]
    known = np.zeros(len(target), dtype=bool)
    known[labelled] = True
    columns = {"image": images, "right": np.ascontiguousarray(images[:, :, 3:]), "profile": _profile(images)}
    columns |= {"left": images[:, :, :5].reshape(-1, 40), "lower": images[:, 4:].reshape(-1, 32)}
    train = np.concatenate([labelled[VALIDATION:], order[POOL + LABELLED :]])
    return Rows(
        columns,
        ("image",),
        target,
        Space(Classes, NAMES),
        known,
        train,
        labelled[:VALIDATION],
        Sealed(_test(target)),
    )


def pool(rows: Rows, seed: int) -> np.ndarray:
    """Row numbers of the teachers' own labelled rows."""
    return _deal(rows.target, seed)[:POOL]


def make_teachers(seed: int, rows: Rows, folder: Path) -> tuple[Teacher, ...]:
    """Five teachers, fitted on parts of the pool."""
    svm = require("sklearn.svm", extra="sklearn", why="train the SVM teacher")
    lightgbm = require("lightgbm", extra="gbm", why="train the boosted trees")
    own, task = pool(rows, seed), task_of(rows)

    def fitted(name: str, make: Any, row: np.ndarray, reads: str, epochs: int = 1) -> Teacher:
        training = Training(epochs=epochs, lr=1e-2, seed=seed)
        return fit_teacher(make, rows, row, task, name=name, seed=seed, training=training, reads=(reads,))

    trees = {"n_estimators": 60, "num_leaves": 15, "n_jobs": 1, "verbosity": -1, "deterministic": True}
    return (
        fitted("net", lambda: ConvNet(1, 10, widths=(24, 48)), own[:500], "right", 25),
        fitted("svm", lambda: svm.SVC(C=10.0, gamma=0.1), own[100:600], "left"),
        fitted("trees", lambda: lightgbm.LGBMClassifier(**trees), own[200:], "profile"),
        _onnx(rows, own[-60:], folder / "teachers" / f"lower-half-{seed}.onnx"),
        RuleTeacher(holes, reads="image", classes=NAMES, name="holes", seen=np.zeros(0, dtype=np.int64)),
    )


def holes(row: dict[str, Any]) -> str | None:
    """Zero has a hole in the middle and full sides; seven a full top and nothing below on the right."""
    image = row["image"]
    hole, left, right = image[3:5, 3:5].mean(), image[2:6, 1:3].mean(), image[2:6, 5:7].mean()
    if hole < 0.15 and left > 0.35 and right > 0.35:
        return "0"
    if image[:2].mean() > 0.35 and image[4:, 5:].mean() < 0.12 and image[6:, :3].mean() < 0.25:
        return "7" if image[2:4, 5:7].mean() > 0.3 else None
    return None


def _onnx(rows: Rows, row: np.ndarray, path: Path) -> Teacher:
    """A model that reaches us only as a file."""
    linear = require("sklearn.linear_model", extra="sklearn", why="fit the model behind the ONNX file")
    convert = require("skl2onnx", extra="onnx", why="write the ONNX file")
    types = require("skl2onnx.common.data_types", extra="onnx", why="write the ONNX file")
    model = linear.LogisticRegression(max_iter=500).fit(rows.columns["lower"][row], rows.target[row])
    shape = [("lower", types.FloatTensorType([None, 32]))]
    content = convert.convert_sklearn(model, name="lower_half", initial_types=shape, options={"zipmap": False})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.SerializeToString())
    return OnnxTeacher(path, reads="lower", name="onnx", classes=NAMES, seen=row)


def _load() -> tuple[np.ndarray, np.ndarray]:
    datasets = require("sklearn.datasets", extra="sklearn", why="load its handwritten digits")
    found = datasets.load_digits()
    return (found.images / 16.0).astype(np.float32), found.target.astype(np.int64)


def _profile(images: np.ndarray) -> np.ndarray:
    zones = images.reshape(-1, 4, 2, 4, 2).mean((2, 4)).reshape(-1, 16)
    return np.concatenate([zones, images.mean(1), images.mean(2)], axis=1)


def _test(target: np.ndarray) -> np.ndarray:
    return np.sort(np.random.default_rng(397).permutation(len(target))[:TEST])


def _deal(target: np.ndarray, seed: int) -> np.ndarray:
    rest = np.setdiff1d(np.arange(len(target)), _test(target))
    return np.random.default_rng((seed, 1400)).permutation(rest)
