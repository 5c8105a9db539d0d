"""Reviews of women's clothing: does the customer recommend the garment?

The rating nearly is the answer, so that nobody sees it. The text says nearly all; the table of customer and garment
says little, and a mean that trusts both alike is worse than the text alone.

| teacher | kind | sees |
|---|---|---|
| words | linear model | TF-IDF of words and pairs of words |
| letters | linear model | TF-IDF of pieces of words |
| table | boosted trees | age, feedback, division, department, class |
| sent back | rule | says no where the garment went back; else abstains |
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..core import InputError, Teacher
from ..data import Recipe, Rows
from ..data.record import DataRecord
from ..data.sources import Csv
from ..data.split import Split, stratified_split
from ..data.steps import Codes, Impute, OneHot, Scale, TfIdf
from ..nets import MLP
from ..tasks import Classification
from ..teachers import RuleTeacher
from ._tables import STUDENT, Lesson, Turns, prepared_rows, tables_of, taught, trees
from ._texts import linear_letters, linear_words

NAMES = ("no", "yes")
FOLDER = "multimodal-clothing-reviews"
TEXT, TABLE = "text", "table"
COUNTS = ("Age", "Positive Feedback Count")
KINDS = ("Division Name", "Department Name", "Class Name")
BLOCKS = {STUDENT: (TEXT,), TABLE: (*COUNTS, *KINDS)}
PUBLIC = (
    "val.csv (or train.csv) and test.csv with the columns of "
    "https://www.kaggle.com/datasets/nicapotato/womens-ecommerce-clothing-reviews"
)
BACK = re.compile(r"\b(?:return(?:ed|ing)|(?:sent|sending|went|going) (?:it |this |them )?back)\b", re.IGNORECASE)


def case(folder: Path, labelled: float, run: Path | None) -> Turns:
    """The question; the file of test rows is tested under every seed."""
    table, yes, parts, record = read_reviews(folder, run)
    return Turns(
        "Reviews of clothing: text and table, a student on the words",
        lambda seed: make_rows(table, yes, parts, record, labelled),
        lambda seed, rows: make_teachers(rows, seed),
        lambda width: MLP(width, 2, (16,)),
    )


def read_reviews(folder: Path, run: Path | None) -> tuple[dict[str, np.ndarray], np.ndarray, Split, DataRecord]:
    """Columns [N], whether each was recommended [N], the split, and what was counted."""
    own = next((name for name in ("train.csv", "val.csv") if (folder / name).is_file()), None)
    if own is None or not (folder / "test.csv").is_file():
        raise InputError(f"{folder} lacks files of the reviews: give --data a folder with {PUBLIC}")
    tables, record = tables_of([Csv("reviews", folder / own), Csv("test", folder / "test.csv")], run)
    train, test = tables["reviews"], tables["test"]
    table = {name: np.concatenate([train[name], test[name]]) for name in (*COUNTS, *KINDS, "Title", "Review Text")}
    yes = np.concatenate([train["Recommended IND"], test["Recommended IND"]]).astype(np.int64)
    pairs = zip(table.pop("Title"), table.pop("Review Text"), strict=True)
    table[TEXT] = np.array([f"{title or ''} . {text or ''}" for title, text in pairs], dtype=object)
    first = len(train["Age"])
    inner = stratified_split(yes[:first], shares=(0.1, 0.0))
    parts = Split(inner.train, inner.validation, np.arange(first, len(yes)), np.zeros(0, np.int64))
    return table, yes, parts, record


def reviews_recipe(blocks: Mapping[str, tuple[str, ...]]) -> Recipe:
    """Words to TF-IDF; numbers scaled, one column per word of the table."""
    if STUDENT in blocks:
        return Recipe((TfIdf((TEXT,), most=1000, min_count=5, sublinear=True),), blocks)
    return Recipe((Impute(COUNTS), Scale(COUNTS), Codes(KINDS, min_count=10), OneHot(KINDS)), blocks)


def make_rows(
    table: Mapping[str, np.ndarray], yes: np.ndarray, parts: Split, record: DataRecord, labelled: float = 1.0
) -> Rows:
    """All rows; nine in ten recommend, so that the area under the curve decides."""
    said = np.where(yes == 1, NAMES[1], NAMES[0])
    task = Classification(NAMES, headline="roc_auc")
    more: dict[str, Any] = {"names": NAMES, "task": task, "labelled": labelled, "record": record}
    return prepared_rows(table, said, reviews_recipe, BLOCKS, parts, **more)


def make_teachers(rows: Rows, seed: int) -> tuple[Teacher, ...]:
    """Three models that answer out of fold, and a rule."""
    lessons = (
        Lesson("words", lambda: linear_words(True, seed), (TEXT,)),
        Lesson("letters", lambda: linear_letters(True, seed), (TEXT,)),
        Lesson("table", trees(num_leaves=7), (TABLE,)),
    )
    rule = RuleTeacher(sent_back, reads=(TEXT,), classes=NAMES, name="sent back", seen=np.zeros(0, np.int64))
    return (*taught(lessons, rows, seed), rule)


def sent_back(row: dict[str, Any]) -> str | None:
    """What went back to the shop is seldom recommended."""
    return "no" if BACK.search(row[TEXT]) else None
