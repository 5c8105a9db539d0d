"""Sessions of a web shop: will this one end in a purchase?

The table of the UCI set "Online Shoppers Purchasing Intention" is three sources in one: what the visitor did, what the
web analytics say of the pages seen, and who came when and how. A fifth of its rows is tested, the same for all seeds.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from ..core import Teacher
from ..data import Recipe, Rows
from ..data.engines import Engine
from ..data.quarantine import Quarantine
from ..data.record import StepRecord
from ..data.sources import Csv
from ..data.split import stratified_split
from ..data.steps import Codes, Log, OneHot, Scale
from ..nets import MLP
from ..teachers import RuleTeacher
from ._shop_case import NAMES, Case, Who, prepared, taught_by
from ._tables import STUDENT, Lesson, linear, read_all, trees

FILE = "online_shoppers_intention.csv"
PAGES = ("Administrative", "Informational", "ProductRelated")
BEHAVIOUR = (*PAGES, *(f"{name}_Duration" for name in PAGES))
RATES = ("BounceRates", "ExitRates")
ANALYTICS = (*RATES, "PageValues")
KINDS = ("Month", "VisitorType", "Weekend", "OperatingSystems", "Browser", "Region", "TrafficType")
CONTEXT = ("SpecialDay", *KINDS)


BLOCKS = {
    "behaviour": BEHAVIOUR,
    "analytics": ANALYTICS,
    "context": CONTEXT,
    STUDENT: (*BEHAVIOUR, *ANALYTICS, *CONTEXT),
}


def sessions_recipe(blocks: Mapping[str, tuple[str, ...]]) -> Recipe:
    """Counts and durations on a scale of logarithms, one column per category."""
    counts = (*BEHAVIOUR, "PageValues")
    steps = (Log(counts), Scale((*counts, *RATES, "SpecialDay")), Codes(KINDS), OneHot(KINDS))
    return Recipe(steps, blocks)


def sessions(folder: Path, engine: Engine, quarantine: Quarantine, who: Who, labelled: float) -> Case:
    """The case of a folder with `online_shoppers_intention.csv`, the public file or a part of it."""
    frames, record = read_all([Csv("sessions", folder / FILE)], engine, quarantine)
    words = [nw.col(name).cast(nw.String) for name in KINDS]
    whole = frames["sessions"].with_columns(*words).unique().sort(*BEHAVIOUR, *ANALYTICS, *CONTEXT)
    table = engine.collect(whole)
    kept, copies = len(table["Month"]), "the same session again"
    record = record.adding(
        StepRecord("rows", ("sessions",), every := record.rows_of("sessions") or 0, kept, {copies: every - kept})
    )
    yes = table.pop("Revenue").astype(bool)
    rows = prepared(table, yes, sessions_recipe, BLOCKS, stratified_split(yes, shares=(0.1, 0.2)), labelled, record)
    return Case(
        "Sessions of a shop: behaviour, analytics and context, one student",
        rows,
        lambda: MLP(rows.columns[STUDENT].shape[1], 2, (32,)),
        lambda seed: make_teachers(rows, seed, who),
    )


def make_teachers(rows: Rows, seed: int, who: Who) -> tuple[Teacher, ...]:
    """One model per source, two of the whole table, and a rule that abstains."""
    sources = (
        Lesson("behaviour", trees(), ("behaviour",)),
        Lesson("analytics", trees(), ("analytics",)),
        Lesson("context", linear(), ("context",)),
    )
    table = (Lesson("table trees", trees(), (STUDENT,)), Lesson("table linear", linear(), (STUDENT,)))
    nobody = np.zeros(0, np.int64)
    rule = RuleTeacher(left_at_once, reads=("ProductRelated", "PageValues"), classes=NAMES, seen=nobody)
    return (*taught_by(sources, table, who, rows, seed), rule)


def left_at_once(row: dict[str, Any]) -> str | None:
    """Nobody buys who saw at most two products and no page that ever led to a purchase."""
    return "no" if row["ProductRelated"] <= 2 and row["PageValues"] == 0 else None
