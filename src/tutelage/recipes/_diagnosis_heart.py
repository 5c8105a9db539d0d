"""Patients of four hospitals with their own gaps: each hospital in turn is the one that nobody has learnt from.

Under seed s hospital s modulo 4 is tested, so that one contest holds the whole leave-one-hospital-out table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..core import Teacher
from ..data import DataRecord, Recipe, Rows
from ..data.dealing import deal
from ..data.sources import Csv
from ..data.split import Split
from ..data.steps import Codes, Impute, OneHot, Scale
from ..nets import MLP
from ..report import Report
from ..report.chapters import Chapter, Sheet
from ..report.stats import interval
from ..tasks import Classification
from ..teachers import RuleTeacher, bound
from ._tables import STUDENT, Lesson, Turns, linear, prepared_rows, tables_of, taught

HOSPITALS = ("cleveland", "hungarian", "switzerland", "va")
NAMES = ("healthy", "ill")
NUMBERS = ("age", "sex", "trestbps", "chol", "fbs", "thalach", "exang", "oldpeak", "ca")
WORDS = ("cp", "restecg", "slope", "thal")
RAW = (*NUMBERS, *WORDS)
PUBLIC = "processed.HOSPITAL.data of https://archive.ics.uci.edu/dataset/45 with a header line"
MOST_GAPS = 0.5
"""A column that is empty in more of its patients is none that a hospital records."""


def case(folder: Path, task: Classification, without: str, run: Path | None) -> Turns:
    """All hospitals in turn, or one."""
    table, hospital, ill, record = read(folder, run)
    turns = HOSPITALS if without == "all" else (without,)

    def rows(seed: int) -> Rows:
        tested, part = HOSPITALS.index(turns[seed % len(turns)]), seed // len(turns)
        return make_rows(table, hospital, ill, record, tested, part, task)

    return Turns(
        "Heart disease: hospitals that nobody has learnt from" if without == "all" else f"Heart disease: {without}",
        rows,
        lambda seed, found: make_teachers(found, seed, hospital),
        lambda width: MLP(width, len(NAMES), (16,)),
        len(turns),
    )


def read(folder: Path, run: Path | None) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, DataRecord]:
    """Raw columns [N] as numbers with NaN for gaps, the hospital of each row, who is ill, and what was counted."""
    tables, record = tables_of([Csv(name, folder / f"processed.{name}.data") for name in HOSPITALS], run)
    columns = {name: np.concatenate([_numbers(tables[one][name]) for one in HOSPITALS]) for name in (*RAW, "target")}
    hospital = np.repeat(np.arange(len(HOSPITALS)), [len(tables[one]["age"]) for one in HOSPITALS])
    for name in ("chol", "trestbps"):  # nobody alive has none: it was not measured
        columns[name] = np.where(columns[name] == 0, np.nan, columns[name])
    return columns, hospital, columns.pop("target") > 0, record


def _numbers(column: np.ndarray) -> np.ndarray:
    return np.array([np.nan if value is None else float(value) for value in column.tolist()])


def heart_recipe(blocks: Mapping[str, tuple[str, ...]]) -> Recipe:
    """Numbers with their gaps marked where many have one; a gap in a code is a code like any other."""
    filled = tuple(name for name in NUMBERS if name not in ("chol", "ca"))
    steps = (Impute(filled, "mean"), Impute(("chol", "ca"), "mean", indicator=True), Scale(NUMBERS))
    return Recipe((*steps, Codes(WORDS), OneHot(WORDS)), blocks)


def make_rows(
    table: Mapping[str, np.ndarray],
    hospital: np.ndarray,
    ill: np.ndarray,
    record: DataRecord,
    tested: int,
    part: int,
    task: Classification,
) -> Rows:
    """One hospital is tested; of the others a tenth is for validation, as many of each hospital, ill and healthy."""
    rest = np.flatnonzero(hospital != tested)
    watched = deal(2 * hospital[rest] + ill[rest], 10, part) == 0
    parts = Split(rest[~watched], rest[watched], np.flatnonzero(hospital == tested), np.zeros(0, np.int64))
    blocks: dict[str, tuple[str, ...]] = {STUDENT: (*RAW, "chol_missing", "ca_missing")}
    for place, name in enumerate(HOSPITALS):
        own = parts.train[hospital[parts.train] == place]
        if len(own):
            blocks[name] = tuple(column for column in RAW if np.isnan(table[column][own]).mean() <= MOST_GAPS)
    words = np.where(ill, NAMES[1], NAMES[0])
    rows = prepared_rows(table, words, heart_recipe, blocks, parts, names=NAMES, record=record)
    strangers = {f"not_{name}": np.where(hospital == place, np.nan, 1.0) for place, name in enumerate(HOSPITALS)}
    return replace(rows, task=task, columns={**rows.columns, **strangers})


def make_teachers(rows: Rows, seed: int, hospital: np.ndarray) -> tuple[Teacher, ...]:
    """A model per hospital, on the columns that it records, and three rules.

    A hospital's model is asked about strangers only, since at the tested hospital all are: so its calibration, and the
    choice of a fusion, look at how it does away from home.
    """
    found: list[Teacher] = []
    for place, name in enumerate(HOSPITALS):
        own = rows.train[hospital[rows.train] == place]
        if len(own):
            (model,) = taught([Lesson(name, linear(C=0.05), (name,))], rows, seed, row=own)
            found.append(bound(model, name, filled=f"not_{name}"))
    rules = ((exertion, ("exang", "oldpeak")), (defect, ("ca", "thal")), (fit, ("age", "thalach", "exang", "oldpeak")))
    nobody = np.zeros(0, np.int64)
    return (*found, *(RuleTeacher(rule, reads=reads, classes=NAMES, seen=nobody) for rule, reads in rules))


def exertion(row: dict[str, Any]) -> str | None:
    """Angina when exercising together with an ST segment that sinks by 1 mm: too little blood reaches the heart."""
    return "ill" if row["exang"] == 1 and row["oldpeak"] >= 1.0 else None


def defect(row: dict[str, Any]) -> str | None:
    """A narrowed vessel on fluoroscopy, or a defect of the thallium scan that comes with exercise."""
    return "ill" if row["ca"] >= 1 or row["thal"] == 7 else None


def fit(row: dict[str, Any]) -> str | None:
    """Reaches 85 % of the heart rate of the age (220 less the years) without angina or a sunken ST segment."""
    reached = row["thalach"] >= 0.85 * (220 - row["age"])
    return "healthy" if reached and row["exang"] == 0 and row["oldpeak"] < 0.5 else None


def chapter(report: Report) -> Chapter:
    """The leave-one-hospital-out table of a report whose seeds took the hospitals in turn."""
    shown = {"accuracy": "Accuracy", "recall": "Recall: ill patients found", "ece": "Calibration error", "cost": "Cost"}
    sheets = tuple(_sheet(report, metric, title) for metric, title in shown.items())
    lead = "Each hospital is tested by models of the other three; mean and half width of the 95 % interval over seeds."
    return Chapter("hospitals", "Hospital by hospital", lead, "", sheets)


def _sheet(report: Report, metric: str, title: str) -> Sheet:
    lines: list[tuple[str, ...]] = []
    for one in report.contenders:
        values = one.metrics.get(metric, ())
        if len(values) == len(report.seeds):
            cells = [interval(values[place :: len(HOSPITALS)]) for place in range(len(HOSPITALS))]
            whole = sum(mean for mean, _ in cells) / len(cells)
            texts = [f"{mean:.3f}" if np.isnan(half) else f"{mean:.3f} ±{half:.3f}" for mean, half in cells]
            lines.append((one.name, *texts, f"{whole:.3f}"))
    return Sheet(title, ("who", *HOSPITALS, "mean"), tuple(lines))
