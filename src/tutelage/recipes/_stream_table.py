"""The table of a market: half-hours in time order, what was said before as columns, and two rules that look at it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..core import InputError
from ..data import DataRecord, Recipe, Rows
from ..data.sources import Csv
from ..data.split import Split
from ..data.steps import Cyclic, Scale
from ._tables import STUDENT, prepared_rows, tables_of

NAMES = ("DOWN", "UP")
DAY, WEEK = 48, 336
MARKET = ("nswprice", "nswdemand", "vicprice", "vicdemand", "transfer")
AGO = {"last": 1, "before": 2, "yesterday": DAY, "last_week": WEEK}
"""Columns with an earlier label (1: UP, 0: DOWN), and how many half-hours earlier."""
CLOCK = ("day_sin", "day_cos", "period_sin", "period_cos")
BLOCKS = {STUDENT: (*CLOCK, *MARKET, *AGO)}
WARM = 4 * WEEK
"""Rows that only teachers learn from, before they answer."""


def read_table(folder: Path, run: Path | None) -> tuple[dict[str, np.ndarray], DataRecord]:
    """The columns of the file in time order, and those that say what was before.

    Raises:
        InputError: the rows are not in order of time, or there are other classes.
    """
    tables, record = tables_of([Csv("electricity", folder / "electricity.csv")], run)
    table = tables["electricity"]
    moment = np.round(np.asarray(table["period"], np.float64) * (DAY - 1)).astype(np.int64)
    if ((np.diff(moment) % DAY) != 1).any():
        gap = int(np.flatnonzero((np.diff(moment) % DAY) != 1)[0])
        raise InputError(
            f"row {gap + 1} is not the half-hour after row {gap}: electricity.csv has one row per half-hour, in order"
        )
    strange = sorted(set(np.unique(table["class"]).tolist()) - set(NAMES))
    if strange:
        raise InputError(f"column 'class' holds {strange[:5]}: it has {NAMES[0]} and {NAMES[1]} only")
    up = (table["class"] == NAMES[1]).astype(np.float32)
    table |= {name: ago(up, rows) for name, rows in AGO.items()}
    table["usual"] = usual(up)
    return table, record


def ago(up: np.ndarray, rows: int) -> np.ndarray:
    """The label so many rows earlier, float32 [N]; 0.5 where there is none."""
    return np.concatenate([np.full(min(rows, len(up)), 0.5, np.float32), up[: max(len(up) - rows, 0)]])


def usual(up: np.ndarray, days: int = 28) -> np.ndarray:
    """Share of UP at this half-hour on so many days before, float32 [N], drawn to a half by one day of each."""
    found = [ago(up, DAY * day) for day in range(1, days + 1)]
    return (1.0 + np.sum(found, axis=0)).astype(np.float32) / (days + 2.0)


def market_recipe(blocks: Mapping[str, tuple[str, ...]]) -> Recipe:
    """Day and half-hour as points on circles; prices and demands scaled by the first part of the stream."""
    return Recipe((Cyclic(("day",), 7.0), Cyclic(("period",), 1.0), Scale(MARKET)), blocks)


def make_rows(table: Mapping[str, np.ndarray], first: float, record: DataRecord | None = None) -> Rows:
    """The first part of the stream to train on, of which the last eighth validates, and all other rows to test on.

    Args:
        table: see `read_table`.
        first: share of the rows in the first part.
        record: what was counted.

    Raises:
        InputError: the first part is too short to learn from, or nothing is left to test on.
    """
    count = len(table["class"])
    cut = round(first * count) // DAY * DAY
    if cut < WARM + 8 * DAY or count - cut < DAY:
        raise InputError(
            f"--first {first} of {count} rows are {cut}: the first part has at least {WARM + 8 * DAY} rows, "
            f"and at least {DAY} are left to test on"
        )
    watched = cut - (cut - WARM) // 8
    none = np.zeros(0, np.int64)
    parts = Split(np.arange(WARM, watched), np.arange(watched, cut), np.arange(cut, count), none)
    return prepared_rows(table, table["class"], market_recipe, BLOCKS, parts, names=NAMES, record=record)


def change_of_market(table: Mapping[str, np.ndarray]) -> int:
    """The row in which the market of Victoria joined: its price, until then filled in, is no longer the same."""
    price = table["vicprice"]
    return int(np.argmax(price != price[0]))


def no_change(columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """As half an hour ago."""
    return np.where(columns["last"] > 0.5, "UP", "DOWN")


def time_of_day(columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """As often UP as at this half-hour in the last four weeks."""
    share = np.asarray(columns["usual"], np.float64)
    return np.stack([1.0 - share, share], axis=1)
