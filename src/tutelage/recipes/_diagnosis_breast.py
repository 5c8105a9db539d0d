"""Cells of the breast: one teacher per group of measurements, trees of all, and rules that abstain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..core import Teacher
from ..data import DataRecord, Recipe, Rows
from ..data.sources import Csv
from ..data.steps import Impute, Scale
from ..nets import MLP
from ..tasks import Classification
from ..teachers import RuleTeacher
from ._tables import STUDENT, Lesson, Turns, fifth, linear, prepared_rows, tables_of, taught, trees

NAMES = ("benign", "malignant")
PUBLIC = "wdbc.csv or breast-w.csv of https://www.openml.org/d/1510 and https://www.openml.org/d/15"
SIZES = ("Cell_Size_Uniformity", "Cell_Shape_Uniformity", "Single_Epi_Cell_Size")
NUCLEI = ("Bare_Nuclei", "Bland_Chromatin", "Normal_Nucleoli", "Mitoses")
BONDS = ("Clump_Thickness", "Marginal_Adhesion")
GROUPS: dict[str, dict[str, tuple[str, ...]]] = {
    "wdbc": {
        "means": tuple(f"V{number}" for number in range(1, 11)),
        "spreads": tuple(f"V{number}" for number in range(11, 21)),
        "worst": tuple(f"V{number}" for number in range(21, 31)),
    },
    "breast-w": {"sizes": SIZES, "nuclei": NUCLEI, "bonds": BONDS},
}
"""Columns of each group; those of `wdbc` are mean, spread and worst of radius, texture, perimeter, area, ..."""


def case(folder: Path, task: Classification, on: Literal["wdbc", "breast-w"], run: Path | None) -> Turns:
    """A fifth is tested under each seed."""
    tables, record = tables_of([Csv(on, folder / f"{on}.csv")], run)
    table = tables[on]
    ill = np.array([str(value) in ("2", "malignant") for value in table.pop("Class").tolist()])
    return Turns(
        f"Breast cancer, {on}",
        lambda seed: make_rows(table, ill, record, seed, on, task),
        lambda seed, rows: make_teachers(rows, seed, on),
        lambda width: MLP(width, len(NAMES), (8,)),
    )


def breast_recipe(blocks: Mapping[str, tuple[str, ...]]) -> Recipe:
    """Gaps filled, everything on one scale."""
    columns = tuple(dict.fromkeys(name for block in blocks.values() for name in block))
    return Recipe((Impute(columns), Scale(columns)), blocks)


def make_rows(
    table: Mapping[str, np.ndarray],
    ill: np.ndarray,
    record: DataRecord,
    seed: int,
    on: Literal["wdbc", "breast-w"],
    task: Classification,
) -> Rows:
    """The rows of a seed."""
    blocks = GROUPS[on] | {STUDENT: tuple(name for group in GROUPS[on].values() for name in group)}
    words, parts = np.where(ill, NAMES[1], NAMES[0]), fifth(ill.astype(np.int64), seed)
    return replace(prepared_rows(table, words, breast_recipe, blocks, parts, names=NAMES, record=record), task=task)


def make_teachers(rows: Rows, seed: int, on: Literal["wdbc", "breast-w"]) -> tuple[Teacher, ...]:
    """A linear model per group, trees of all, and a rule for sure cases."""
    lessons = [Lesson(name, linear(C=0.3), (name,)) for name in GROUPS[on]]
    lessons.append(Lesson("trees", trees(num_leaves=7, min_child_samples=10), (STUDENT,)))
    rule, reads = (nuclei, ("V21", "V28")) if on == "wdbc" else (cells, SIZES)
    nobody = np.zeros(0, np.int64)
    return (*taught(lessons, rows, seed), RuleTeacher(rule, reads=reads, classes=NAMES, seen=nobody))


def nuclei(row: dict[str, Any]) -> str | None:
    """Large nuclei with many dents are malignant, small and smooth ones benign; in between it does not say."""
    radius, dents = row["V21"], row["V28"]
    if radius > 20 and dents > 0.15:
        return "malignant"
    return "benign" if radius < 14 and dents < 0.1 else None


def cells(row: dict[str, Any]) -> str | None:
    """Cells that are all alike are benign, cells of very different sizes and shapes malignant."""
    size, shape = row["Cell_Size_Uniformity"], row["Cell_Shape_Uniformity"]
    if size >= 7 and shape >= 7:
        return "malignant"
    return "benign" if size <= 1 and shape <= 2 else None
