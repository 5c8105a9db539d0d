"""From the shop's sources to one table: read, repair, resolve, join without looking ahead."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import narwhals.stable.v2 as nw
import numpy as np

from ..data import Recipe
from ..data.aggregates import Aggregate, Count, Distinct, Exists, Mean, Recency
from ..data.asof import asof
from ..data.engines import Engine, choose_engine
from ..data.quarantine import Quarantine
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
) -> tuple[dict[str, np.ndarray], list[str]]:
    """One row per user, item they looked at in the last 14 days, and spine day; and what has to be told.

    Args:
        folder: with the files.
        days: spine days.
        last: up to when orders are complete.
        engine: see `choose_engine`.
        quarantine: folder for rejected records.
    """
    sources: tuple[Source, ...] = (
        JsonLines("clicks", folder / "clicks.jsonl", key=("event",), time="ts"),
        JsonLines("searches", folder / "searches.jsonl", time="ts"),
        SQLite("orders", folder / "shop.db", "orders", key=("id",), time="ts"),
        SQLite("prices", folder / "shop.db", "prices", time="since"),
        Xml("catalogue", folder / "catalogue.xml", "c:product", {"c": NAMESPACE}),
        Json("partner", folder / "partner.json", key=("item",)),
    )
    chosen, why = choose_engine(engine, files=sorted(folder.iterdir()))
    said, frames = [why], dict[str, nw.LazyFrame[Any]]()
    for source in sources:
        loaded = source.read(chosen, now=last)
        Quarantine(quarantine).put(source.name, loaded.rejected)
        counts = loaded.counts
        said.append(f"{source.name}: {counts.read} records, {counts.kept} kept, {counts.rejected} in quarantine")
        frames[source.name] = loaded.frame
    spine = _spine(chosen, frames["clicks"], days)
    table = _featured(chosen, spine, frames, last)
    columns = chosen.collect(table.sort("at", "user", "item"))
    return columns | _items(chosen, frames, columns), said


def _spine(engine: Engine, clicks: nw.LazyFrame[Any], days: Sequence[datetime]) -> nw.LazyFrame[Any]:
    """User, item, day: what was looked at in the fortnight before the day."""
    at = np.array(days, dtype="datetime64[us]")
    looked = engine.table({"at": at, "since": at - np.timedelta64(LOOKED_DAYS, "D")})
    pairs = clicks.select("user", "item", "ts").join(looked, how="cross")
    pairs = pairs.filter(nw.col("ts") < nw.col("at"), nw.col("ts") >= nw.col("since"))
    return engine.keep(pairs.select("user", "item", "at").unique())


def _featured(
    engine: Engine, spine: nw.LazyFrame[Any], frames: dict[str, nw.LazyFrame[Any]], last: datetime
) -> nw.LazyFrame[Any]:
    """Everything that engines compute."""
    pair, time = ("user", "item"), ("at", "ts")
    dwell = nw.col("dwell")
    clicks = frames["clicks"].unique(["event"])
    clicks = clicks.with_columns(nw.when(dwell > LONGEST_DWELL).then(dwell / 1000).otherwise(dwell).alias("dwell"))
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


def _items(
    engine: Engine, frames: dict[str, nw.LazyFrame[Any]], columns: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """What is known of each row's item and of what its user searched for, under the names that models read."""
    told = engine.collect(frames["catalogue"].sort("@id"))
    sources = {
        "catalogue": {"item": told["@id"].astype(np.int64), "category": told["category"]},
        "partner": engine.collect(frames["partner"].select("item", "category").sort("item")),
    }
    known, _ = resolve_records(sources, "item", {"category": Priority(("catalogue", "partner"))})
    place = np.searchsorted(known["item"], columns["item"])
    category = known["category"][place]
    asked = [query is not None and kind in query for query, kind in zip(columns["query"], category, strict=True)]
    return {
        "category": category,
        "confidence": known["category_confidence"][place],
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
