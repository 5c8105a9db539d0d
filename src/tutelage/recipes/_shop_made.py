"""The shop that is made up from a seed: who has looked at an item, will they buy it within two weeks?

Each row is a user, an item that they looked at in the last 14 days, and a Monday. Teachers learn the first weeks, each
from its own source, and abstain where a row lacks it: nobody searched, nothing was ordered. The student learns later
weeks, of which few are labelled; validation and test come after, each with a gap as long as the label. It sees clicks,
price and category only: orders and searches reach it through its teachers.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..core import InputError, Teacher
from ..data import DataRecord, Rows, rows_of
from ..data.audit import Audited, Finished, Joining, Learning, Records
from ..data.record import StepRecord
from ..data.split import time_split
from ..nets import MLP
from ..teachers import Binding, RuleTeacher, bound
from ._bazaar import DAYS, START, make_bazaar
from ._shop_case import NAMES, Case, Who, taught_by
from ._shop_table import (
    INPUTS,
    LABEL_DAYS,
    ORDERS,
    SEARCHES,
    STUDENT,
    days_frame,
    items_of,
    read_shop,
    read_sources,
    shop_frames,
    shop_recipe,
)
from ._tables import Lesson, linear, trees

FIRST, POOL = 30, 5
"""The first spine day, and how many weeks are the teachers'."""
CLICKS, BOUGHT = Binding("clicks", present=("click_count_14d",)), Binding("orders", present=("user_orders",))
SEARCHED = Binding("searches", present=("searches_14d",))
"""What shows that a row has a source: a look at the item, an order of the user, a search in the last fortnight."""


def made_up(
    data: Path | None,
    folder: Path,
    engine: Literal["auto", "polars", "duckdb"],
    who: Who,
    labelled: float,
    users: int,
) -> Case:
    """The case of a shop that is made up, or of files of the same form.

    Args:
        data: folder with the files; they are made up unless given.
        folder: of the run: quarantine, and the files that are made up.
        engine: where tables are read and joined.
        who: who teaches.
        labelled: share of the student's training rows that are labelled.
        users: of the shop that is made up.
    """
    if data is None:
        data = folder / "shop"
        make_bazaar(data, users=users)
    mondays = spine_days()
    table, record = read_shop(data, mondays, START + timedelta(days=DAYS), engine, folder / "quarantine")
    rows, pool = make_rows(table, mondays, labelled, record)
    return Case(
        "Shop: teachers of several sources, one student that sees clicks",
        rows,
        partial(make_student, rows),
        lambda seed: make_teachers(seed, rows, pool, who),
    )


def audited(data: Path | None, users: int, engine: Literal["auto", "polars", "duckdb"], cuts: int) -> Audited:
    """What of the shop can be audited: its joins, what the student's recipe learns, and its rows.

    Args:
        data: folder with the files of a shop; one is made up unless given.
        users: of the shop that is made up.
        engine: where tables are read and joined.
        cuts: Mondays from which on everything is scrambled: clicks, searches, orders and prices, users and items too.
    """
    folder = Path(tempfile.mkdtemp(prefix="tutelage-"))
    if data is None:
        data = folder / "shop"
        make_bazaar(data, users=users)
    last, mondays = START + timedelta(days=DAYS), spine_days()
    chosen, frames, _ = read_sources(data, last, engine, folder / "quarantine")
    frames = {name: chosen.keep(frame) for name, frame in frames.items()} | {"days": days_frame(chosen, mondays)}

    def build(tables: dict[str, Any]) -> Any:
        table, items, _ = shop_frames(chosen, tables, last)
        columns = chosen.collect(table)
        columns |= items_of(items, columns)
        return chosen.table({name: c.tolist() if c.dtype == object else c for name, c in columns.items()})

    times = {"clicks": "ts", "searches": "ts", "orders": "ts", "prices": "since", "days": "at"}
    records = {name: Records(frame, times.get(name)) for name, frame in frames.items()}
    columns = chosen.collect(build(frames).sort("at", "user", "item"))
    rows, _ = make_rows(columns, mondays, 0.1)
    ahead = ("bought", f"future_exists_{LABEL_DAYS}d")
    picked = tuple(mondays[len(mondays) * (place + 1) // (cuts + 1)] for place in range(cuts))
    read = {name: columns[name] for name in (*INPUTS, *ORDERS, *SEARCHES)}
    return Audited(
        (Joining(build, records, picked, "days", ("user", "item", "at"), ahead),),
        (Learning(shop_recipe().fit, {name: columns[name] for name in INPUTS}, rows.train, "student's recipe"),),
        (Finished(read, columns["bought"], name="columns of students and teachers"),),
    )


def spine_days() -> list[datetime]:
    """The Mondays, from the first on for which there is a month of history to the last whose label is known."""
    return [START + timedelta(days=day) for day in range(FIRST, DAYS - LABEL_DAYS + 1, 7)]


def make_student(rows: Rows) -> MLP:
    """One hidden layer of 32."""
    return MLP(rows.columns[STUDENT].shape[1], 2, (32,))


def make_rows(
    table: dict[str, np.ndarray], mondays: list[datetime], labelled: float, record: DataRecord | None = None
) -> tuple[Rows, np.ndarray]:
    """The rows of the student, and the row numbers of the teachers' own weeks.

    Args:
        table: all rows.
        mondays: their days.
        labelled: share of the student's training rows that are labelled.
        record: what was counted on the way to the table.

    Raises:
        InputError: a share of labels is none, or a part of the split has no row.
    """
    if not 0.0 < labelled <= 1.0:
        raise InputError(f"labelled is a share of rows in (0, 1], got {labelled}")
    at = table["at"].astype("datetime64[s]")
    days = np.array(mondays, dtype="datetime64[s]")
    pool = np.flatnonzero(at < days[POOL])
    later = np.flatnonzero(at >= days[POOL])
    gap = np.timedelta64(LABEL_DAYS, "D")
    parts = time_split(at[later], starts=(days[-3], days[-1]), gap=gap)
    train, validation, test = (later[part] for part in (parts.train, parts.validation, parts.test))
    shown = np.zeros(len(at), dtype=bool)
    shown[np.random.default_rng(0).permutation(train)[: max(2, int(labelled * len(train)))]] = True
    shown[validation] = True
    fitted = shop_recipe().fit({name: table[name] for name in INPUTS}, train)
    used = len(pool) + len(train) + len(validation) + len(test)
    lost = {f"within {LABEL_DAYS} days of the next part": len(at) - used}
    split = StepRecord("split", () if record is None else ("rows",), len(at), used, lost)
    rows = rows_of(
        table | fitted.apply({name: table[name] for name in INPUTS}),
        np.where(table["bought"], "yes", "no"),
        inputs=(STUDENT,),
        names=NAMES,
        train=train,
        validation=validation,
        test=test,
        labelled=shown,
        weight=table["confidence"],
        record=(record or DataRecord()).adding(split),
    )
    return replace(rows, preparation=fitted), pool


def make_teachers(seed: int, rows: Rows, pool: np.ndarray, who: Who = "sources") -> tuple[Teacher, ...]:
    """Models fitted on the teachers' weeks, each on rows that have its own source or on the whole table, and a rule."""
    whole = (STUDENT, *ORDERS, *SEARCHES)
    sources = (
        Lesson("behaviour", trees(), (STUDENT,), CLICKS),
        Lesson("purchases", linear(), ORDERS, BOUGHT),
        Lesson("searches", linear(), SEARCHES, SEARCHED),
    )
    table = (Lesson("table trees", trees(), whole), Lesson("table linear", linear(), whole))
    row = np.unique(np.random.default_rng((seed, 5)).choice(pool, len(pool)))
    seen = np.zeros(0, np.int64)
    rule = RuleTeacher(again, reads=("bought_before", "looked"), classes=NAMES, name="again", seen=seen)
    return (*taught_by(sources, table, who, rows, seed, row=row, folds=1), bound(rule, BOUGHT))


def again(row: dict[str, Any]) -> str | None:
    """What was bought before and looked at twice this week will be bought again."""
    return "yes" if row["bought_before"] >= 1 and row["looked"] >= 2 else None
