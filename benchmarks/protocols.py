"""The six protocols of the quality benchmark: what the teachers know, what the student may see.

few          three good teachers that saw all classes (SVM, forest, neighbours) on digits
noisy        the same, one with five classes rotated, one trained on 80 % random labels
specialists  three teachers of disjoint classes, who are sure of themselves elsewhere too
views        four teachers that each see one quadrant of the image
mfeat        six teachers that each see one description of the same handwritten digit
heart        four teachers, each trained in one hospital

Teachers learn from 600 rows (40 % of mfeat and heart), the student from 700 (30 %) of which a few are labelled. The
last two protocols need the folder of public data sets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import tutelage as tl

TREES, LABELLED = 60, 30
HOSPITALS = ("cleveland", "hungarian", "switzerland", "va")
HEART = tuple(re.findall(r"\w+", "age sex cp trestbps chol fbs restecg thalach exang oldpeak slope ca thal"))
VIEWS, WORDS = ("fac", "fou", "kar", "mor", "pix", "zer"), ("cp", "restecg", "slope", "thal")


@dataclass(frozen=True)
class Draw:
    """One seed of a protocol.

    Attributes:
        columns: of all rows; the student reads `inputs`, filled and scaled when `prepare`.
        transfer: rows the student may learn from, in random order; the first ones are labelled.
        test: all rows that neither teachers nor student saw.
    """

    columns: Mapping[str, np.ndarray]
    inputs: tuple[str, ...]
    target: np.ndarray
    transfer: np.ndarray
    test: np.ndarray
    teachers: tuple[tl.Teacher, ...]
    prepare: bool = False

    def rows(self, labelled: int = LABELLED, transfer: int | None = None) -> tl.Rows:
        """The table with this many labelled rows among this many rows to learn from; everything unless given."""
        train = self.transfer[:transfer]
        shown = np.isin(np.arange(len(self.target)), train[:labelled])
        options: dict[str, Any] = {"inputs": self.inputs, "labelled": shown, "prepare": self.prepare}
        none = np.zeros(0, dtype=np.int64)
        return tl.rows_of(self.columns, self.target, train=train, validation=none, test=self.test, **options)

    def source(self, rows: tl.Rows) -> tl.Memory:
        """What the teachers say about every row, each asked once."""
        return tl.Memory.of([tl.aligned(teacher, rows.space) for teacher in self.teachers], rows.columns)


def draw(protocol: str, seed: int, data: Path | None = None) -> Draw:
    """A split, teachers and rows of their own for this seed."""
    if protocol == "mfeat":
        return _mfeat(seed, _folder(data))
    return _heart(seed, _folder(data)) if protocol == "heart" else _digits(protocol, seed)


def _digits(protocol: str, seed: int) -> Draw:
    digits: Any = load_digits()
    images, target = digits.data, digits.target
    chance = np.random.default_rng(seed)
    own, transfer, test = np.split(chance.permutation(len(target)), [600, 1300])
    squares = (images / 16.0).astype(np.float32).reshape(-1, 8, 8)
    columns = {"features": squares.reshape(-1, 64)}
    for place, (top, left) in enumerate([(0, 0), (0, 4), (4, 0), (4, 4)]):
        columns[f"corner{place}"] = squares[:, top : top + 4, left : left + 4].reshape(-1, 16)
    teachers = _DIGITS[protocol](columns, target, own, chance, seed)
    return Draw(columns, ("features",), target, transfer, test, tuple(teachers))


def _few(columns: Any, target: Any, own: np.ndarray, chance: Any, seed: int) -> list[Any]:
    return [_fitted(name, model, columns, "features", target, own) for name, model in three(seed)]


def _noisy(columns: Any, target: Any, own: np.ndarray, chance: Any, seed: int) -> list[Any]:
    turned = np.where(target < 5, (target + 1) % 5, target)
    noise = np.where(chance.random(len(target)) < 0.8, chance.integers(0, 10, len(target)), target)
    bad = [("rotated", _svm(), turned), ("noise", ExtraTreesClassifier(TREES, random_state=seed), noise)]
    more = [_fitted(name, model, columns, "features", wrong, own) for name, model, wrong in bad]
    return _few(columns, target, own, chance, seed) + more


def _specialists(columns: Any, target: Any, own: np.ndarray, chance: Any, seed: int) -> list[Any]:
    groups = np.array_split(chance.permutation(10), 3)
    parts = [own[np.isin(target[own], group)] for group in groups]
    models = zip(three(seed), parts, strict=True)
    return [_fitted(name, model, columns, "features", target, part) for (name, model), part in models]


def _views(columns: Any, target: Any, own: np.ndarray, chance: Any, seed: int) -> list[Any]:
    models = [*three(seed), ("trees", ExtraTreesClassifier(TREES, random_state=seed))]
    return [_fitted(n, m, columns, f"corner{place}", target, own) for place, (n, m) in enumerate(models)]


_DIGITS: dict[str, Callable[..., list[Any]]] = {
    "few": _few,
    "noisy": _noisy,
    "specialists": _specialists,
    "views": _views,
}
PROTOCOLS = (*_DIGITS, "mfeat", "heart")


def _mfeat(seed: int, data: Path) -> Draw:
    views, target = _mfeat_tables(data)
    order = np.random.default_rng(seed).permutation(len(target))
    own, transfer, test = np.split(order, [int(0.4 * len(order)), int(0.7 * len(order))])
    scaled = [StandardScaler().fit(table[transfer]).transform(table) for table in views]
    columns = {name: np.asarray(table, dtype=np.float32) for name, table in zip(VIEWS, scaled, strict=True)}
    models = [*three(seed), *three(seed + 1)]
    found = [
        _fitted(f"{view}_{name}", model, columns, view, target, own)
        for view, (name, model) in zip(VIEWS, models, strict=True)
    ]
    return Draw(columns, VIEWS, target, transfer, test, tuple(found))


def _heart(seed: int, data: Path) -> Draw:
    table, hospital = heart_table(data)
    target = (table[:, -1] > 0).astype(np.int64)
    chance = np.random.default_rng(seed)
    parts: list[list[np.ndarray]] = [[], [], []]
    for kind in np.unique(hospital * 2 + target):
        row = chance.permutation(np.flatnonzero(hospital * 2 + target == kind))
        for part, piece in zip(parts, np.split(row, [round(0.4 * len(row)), round(0.7 * len(row))]), strict=True):
            part.append(piece)
    own, transfer, test = (chance.permutation(np.concatenate(part)) for part in parts)
    columns: dict[str, np.ndarray] = {"record": table[:, :-1]}
    for place, name in enumerate(HEART):
        column = table[:, place]
        words = np.array([None if np.isnan(v) else f"{v:g}" for v in column], dtype=object)
        columns[name] = words if name in WORDS else column
    found = [
        _fitted(name, _filled_forest(seed), columns, "record", target, own[hospital[own] == place])
        for place, name in enumerate(HOSPITALS)
    ]
    return Draw(columns, tuple(HEART), target, transfer, test, tuple(found), prepare=True)


def three(seed: int) -> list[tuple[str, Any]]:
    """Three good models of different kinds, not fitted."""
    forest = RandomForestClassifier(TREES, random_state=seed)
    return [("svm", _svm()), ("forest", forest), ("neighbours", KNeighborsClassifier(5, weights="distance"))]


def _svm() -> Any:
    options: dict[str, Any] = {"ensemble": False, "cv": 3}
    return CalibratedClassifierCV(make_pipeline(StandardScaler(), SVC(C=10)), **options)


def _filled_forest(seed: int) -> Any:
    fill = SimpleImputer(strategy="median", keep_empty_features=True)
    return make_pipeline(fill, RandomForestClassifier(TREES, min_samples_leaf=3, random_state=seed))


def _fitted(name: str, model: Any, columns: Any, reads: str, target: np.ndarray, row: np.ndarray) -> Any:
    return tl.EstimatorTeacher(model.fit(columns[reads][row], target[row]), reads=reads, name=name, seen=row)


def _folder(data: Path | None) -> Path:
    if data is None or not data.is_dir():
        raise tl.InputError(f"mfeat and heart need the folder of public data sets: --data FOLDER (got {data})")
    return data


@cache
def _mfeat_tables(data: Path) -> tuple[Sequence[np.ndarray], np.ndarray]:
    files = [data / "multiview-mfeat" / f"mfeat-{view}.csv" for view in VIEWS]
    tables = [np.loadtxt(file, delimiter=",", skiprows=1) for file in files]
    return [table[:, :-1] for table in tables], tables[0][:, -1].astype(np.int64)


@cache
def heart_table(data: Path) -> tuple[np.ndarray, np.ndarray]:
    files = [data / "medical-heart4" / f"processed.{hospital}.data" for hospital in HOSPITALS]
    tables = [np.genfromtxt(file, delimiter=",", skip_header=1, missing_values="?") for file in files]
    tables[HOSPITALS.index("switzerland")][:, HEART.index("chol")] = np.nan
    return np.concatenate(tables), np.repeat(np.arange(len(tables)), [len(table) for table in tables])
