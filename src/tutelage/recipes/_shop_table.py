"""From the shop's sources to one table: read, repair, resolve, join without looking ahead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import narwhals.stable.v2 as nw
import numpy as np

from ..data import DataRecord, Recipe
from ..data.aggregates import Aggregate, Count, Distinct, Exists, Mean, Recency
from ..data.asof import asof
from ..data.engines import Engine, choose_engine
from ..data.quarantine import Quarantine
from ..data.record import DriftRecord, MatchRecord, StepRecord
from ..data.recording import count_rows, drift_between, matched, source_parts
from ..data.resolve import Priority, resolve_records
from ..data.sources import Json, JsonLines, Source, SQLite, Xml
from ..data.steps import Codes, Impute, Log, OneHot, Scale
from ..data.windows import future, windows
from ._bazaar import NAMESPACE

STUDENT = "features"
LOOKED_DAYS, LABEL_DAYS, LONGEST_DWELL = 14, 14, 600.0
"""How long a look makes a candidate and a purchase counts; seconds above which a dwell time was in milliseconds."""
CLICKED = ("click_count_1d", "click_count_14d", "click_mean_dwell_14d", "click_recency_14d")
CARTED = ("cart_count_14d", "cart_recency_14d")
BUSY = ("user_count_3d", "user_distinct_item_14d")
INPUTS = (*CLICKED, *CARTED, *BUSY, "price", "category")
ORDERS = ("bought_before", "user_orders", "user_orders_14d", "item_orders_14d", "item_orders")
SEARCHES = ("searched", "searches_14d")


def shop_recipe() -> Recipe:
    """What the student reads."""
    counts = (CLICKED[0], CLICKED[1], CARTED[0], *BUSY, "price")
    gaps = (CLICKED[2], CLICKED[3], CARTED[1])
    steps = (
        Impute(gaps, "median", indicator=True),
        Log(counts),
        Scale((*counts, *gaps)),
        Codes(("category",)),
        OneHot(("category",)),
    )
    return Recipe(steps, {STUDENT: (*counts, *gaps, *(f"{name}_missing" for name in gaps), "category")})


def read_shop(
    folder: Path,
    days: Sequence[datetime],
    last: datetime,
    engine: Literal["auto", "polars", "duckdb"] | Engine,
    quarantine: Path,
) -> tuple[dict[str, np.ndarray], DataRecord]:
    """One row per user, item they looked at in the last 14 days, and spine day; and what was counted on the way.

    Args:
        folder: with the files.
        days: spine days.
        last: up to when orders are complete.
        engine: see `choose_engine`.
        quarantine: folder for rejected records.
    """
    chosen, frames, record = read_sources(folder, last, engine, quarantine)
    table, items, spine = shop_frames(chosen, frames | {"days": days_frame(chosen, days)}, last)
    columns = chosen.collect(table.sort("at", "user", "item"))
    columns |= items_of(items, columns)
    return columns, record.adding(spine, *_item_parts(items, record), *_matches(columns, items))


def read_sources(
    folder: Path, last: datetime, engine: Literal["auto", "polars", "duckdb"] | Engine, quarantine: Path
) -> tuple[Engine, dict[str, nw.LazyFrame[Any]], DataRecord]:
    """The tables of the shop by name, on an engine, and their counts; arguments as in `read_shop`."""
    sources: tuple[Source, ...] = (
        JsonLines("clicks", folder / "clicks.jsonl", key=("event",), time="ts"),
        JsonLines("searches", folder / "searches.jsonl", time="ts"),
        SQLite("orders", folder / "shop.db", "orders", key=("id",), time="ts"),
        SQLite("prices", folder / "shop.db", "prices", time="since"),
        Xml("catalogue", folder / "catalogue.xml", "c:product", {"c": NAMESPACE}),
        Json("partner", folder / "partner.json", key=("item",)),
    )
    chosen, why = choose_engine(engine, files=sorted(folder.iterdir()))
    record, frames = DataRecord(remarks=(why,)), dict[str, nw.LazyFrame[Any]]()
    for source in sources:
        loaded = source.read(chosen, now=last)
        Quarantine(quarantine).put(source.name, loaded.rejected)
        record = record.adding(*source_parts(source, loaded))
        frames[source.name] = loaded.frame
    return chosen, frames, record


Items = Mapping[str, Mapping[str, np.ndarray]]
"""The two catalogues, and what is known once they are put together (`known`)."""


def days_frame(engine: Engine, days: Sequence[datetime]) -> nw.LazyFrame[Any]:
    """The spine days (`at`), and from when on what was looked at counts (`since`)."""
    at = np.array(days, dtype="datetime64[us]")
    return engine.table({"at": at, "since": at - np.timedelta64(LOOKED_DAYS, "D")})


def shop_frames(
    engine: Engine, frames: Mapping[str, nw.LazyFrame[Any]], last: datetime
) -> tuple[nw.LazyFrame[Any], Items, StepRecord]:
    """The rows with all that engines compute, what is known of items, and how clicks became rows.

    Args:
        engine: of the frames.
        frames: the sources and the `days`, by name.
        last: up to when orders are complete.
    """
    spine, step = _spine(engine, frames["clicks"], frames["days"])
    return _featured(engine, spine, frames, last), _items(engine, frames), step


def _spine(engine: Engine, clicks: nw.LazyFrame[Any], days: nw.LazyFrame[Any]) -> tuple[nw.LazyFrame[Any], StepRecord]:
    """User, item, day: what was looked at in the fortnight before the day."""
    pairs = clicks.select("event", "user", "item", "ts").join(days, how="cross")
    pairs = pairs.filter(nw.col("ts") < nw.col("at"), nw.col("ts") >= nw.col("since"))
    pairs = engine.keep(pairs.select("event", "user", "item", "at"))
    spine = engine.keep(pairs.select("user", "item", "at").unique())
    every, used, seen, rows = map(count_rows, (clicks, pairs.select("event").unique(), pairs, spine))
    lost = {"looked at in no fortnight before a Monday": every - used, "the same user, item and Monday": seen - rows}
    return spine, StepRecord(
        "rows", ("clicks",), every, rows, lost, {"in the fortnight of a second Monday": seen - used}
    )


def _featured(
    engine: Engine, spine: nw.LazyFrame[Any], frames: Mapping[str, nw.LazyFrame[Any]], last: datetime
) -> nw.LazyFrame[Any]:
    """Everything that engines compute."""
    pair, time = ("user", "item"), ("at", "ts")
    dwell = nw.col("dwell")
    told = nw.when(dwell > LONGEST_DWELL).then(dwell).otherwise(dwell * 1000)
    whole = told.round().cast(nw.Int64)  # milliseconds: sums of whole numbers do not depend on their order
    clicks = frames["clicks"].with_columns(whole.alias("dwell"))
    carts, orders, searches = clicks.filter(nw.col("type") == "cart"), frames["orders"], frames["searches"]
    looks: tuple[tuple[Any, Any, list[Aggregate], list[Any], str], ...] = (
        (clicks, pair, [Count(), Mean("dwell"), Recency()], ["1d", "14d"], "click_"),
        (carts, pair, [Count(), Recency()], ["14d"], "cart_"),
        (clicks, "user", [Count(), Distinct("item")], ["3d", "14d"], "user_"),
        (orders, pair, [Count()], [None], "pair_orders_"),
        (orders, "user", [Count()], [None, "14d"], "user_orders_"),
        (orders, "item", [Count()], [None, "14d"], "item_orders_"),
        (searches, "user", [Count()], ["14d"], "search_"),
    )
    table = spine
    for right, on, aggregates, lengths, prefix in looks:
        table = windows(table, right, on, time, aggregates, lengths, prefix=prefix)
    table = asof(table, searches, "user", time, columns=["query"], tolerance="14d")
    table = asof(table, frames["prices"], "item", ("at", "since"), columns=["price"])
    return future(table, orders, pair, time, [Exists()], f"{LABEL_DAYS}d", until=last)


def _items(engine: Engine, frames: Mapping[str, nw.LazyFrame[Any]]) -> Items:
    """Item and category as each catalogue has them, and together."""
    told = engine.collect(frames["catalogue"].sort("@id"))
    sources = {
        "catalogue": {"item": told["@id"].astype(np.int64), "category": told["category"]},
        "partner": engine.collect(frames["partner"].select("item", "category").sort("item")),
    }
    known, _ = resolve_records(sources, "item", {"category": Priority(("catalogue", "partner"))})
    return sources | {"known": known}


def items_of(items: Items, columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What is known of each row's item and of what its user searched for, under the names that models read."""
    known = items["known"]
    place = np.minimum(np.searchsorted(known["item"], columns["item"]), len(known["item"]) - 1)
    there = known["item"][place] == columns["item"]
    category = known["category"][place].astype(object)
    category[~there] = None
    pairs = zip(columns["query"].tolist(), category.tolist(), strict=True)
    asked = [query is not None and kind is not None and kind in query for query, kind in pairs]
    return {
        "category": category,
        "confidence": np.where(there, known["category_confidence"][place], 1.0),
        "bought": columns[f"future_exists_{LABEL_DAYS}d"],
        "bought_before": columns["pair_orders_count_ever"],
        "looked": columns["click_count_14d"],
        "user_orders": np.log1p(columns["user_orders_count_ever"]),
        "user_orders_14d": np.log1p(columns["user_orders_count_14d"]),
        "item_orders": np.log1p(columns["item_orders_count_ever"]),
        "item_orders_14d": np.log1p(columns["item_orders_count_14d"]),
        "searched": np.array(asked, dtype=np.float64),
        "searches_14d": np.log1p(columns["search_count_14d"]),
    }


def _item_parts(items: Items, record: DataRecord) -> tuple[StepRecord | DriftRecord, ...]:
    """Two catalogues into one, and how far their categories are apart."""
    sizes = [record.rows_of(name) or 0 for name in ("catalogue", "partner")]
    rows = len(items["known"]["item"])
    step = StepRecord("items", ("catalogue", "partner"), sum(sizes), rows, {"the same item in both": sum(sizes) - rows})
    return step, drift_between("catalogue", "partner", items["catalogue"], items["partner"], ["category"])


def _matches(columns: Mapping[str, np.ndarray], items: Items) -> Iterator[MatchRecord]:
    """How many rows found something in each source."""
    windows_of = {
        "cart in 14 days": ("clicks", "cart_count_14d"),
        "search in 14 days": ("searches", "search_count_14d"),
        "order of the pair, ever": ("orders", "pair_orders_count_ever"),
        "order of the user, ever": ("orders", "user_orders_count_ever"),
        "order of the item in 14 days": ("orders", "item_orders_count_14d"),
    }
    yield matched("price of the item", "as-of", "rows", "prices", ~np.isnan(columns["price"]))
    yield matched("last query", "as-of", "rows", "searches", columns["query"] != np.array(None))
    for name, (right, column) in windows_of.items():
        yield matched(name, "window", "rows", right, columns[column] > 0)
    yield matched("category of the item", "left", "rows", "items", np.isin(columns["item"], items["known"]["item"]))
