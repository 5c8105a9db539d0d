"""From dirty sources to training rows, against the same job written by hand on the same engine.

A million clicks as JSON lines (broken lines, dates that are none, gaps, duplicates, values 1000 times too large),
orders in SQLite and a catalogue in XML become tensors: bad lines are kept with their place and reason, events come
once, dwell times are filled and clipped by the training users, user-item pairs get what was known before a cut-off and
the label of the fortnight after it, then log1p, z-scores and codes by the training rows. By hand: `sources_by_hand.py`,
in plain Polars and in plain DuckDB. With one cut-off, clicks are rolled up; the same with `windows` for every feature,
which take any number of cut-offs, is shown beside it. Before anything is timed, all have to give the same checksums and
the same bad lines.

    python benchmarks/sources.py [--rounds 15] [--events 1000000] [--smoke]
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import harness
import narwhals.stable.v2 as nw
import numpy as np
import torch
from claims import exact, figure, ratio, show
from dirty_shop import CUT, LABEL, Shop, make_shop
from sources_by_hand import LOGS, NUMBERS, WORDS, Answer, by_duckdb, by_polars

from tutelage.data import Recipe
from tutelage.data.aggregates import Count, Exists, Mean, Recency, Sum
from tutelage.data.contract import Field, Schema
from tutelage.data.engines import DuckDBEngine, Engine, PolarsEngine
from tutelage.data.quarantine import Quarantine
from tutelage.data.relations import Aggregate, How, Relations
from tutelage.data.sources import JsonLines, SQLite, Xml
from tutelage.data.steps import Clip, Codes, Impute, Log, Scale
from tutelage.data.windows import future, windows

CLICKS = {"event": "integer", "user": "integer", "item": "integer", "ts": "time", "type": "text", "dwell": "number"}
ORDERS = {"user": "integer", "item": "integer", "ts": "time", "price": "number"}
ITEMS = {"@id": "integer", "price": "number", "category": "text", "brand": "text"}
PAIR, TIME = ("user", "item"), ("at", "ts")


def schema(kinds: dict[str, Any]) -> Schema:
    return Schema({name: Field(kind) for name, kind in kinds.items()})


def by_roll_up(engine: Engine, looks: nw.LazyFrame) -> nw.LazyFrame:
    """What is known of each pair: with one cut-off, which `looks` keeps, a plain roll-up."""
    values: dict[str, tuple[str, How]] = {
        "clicks": ("ts", "rows"),
        "carts": ("cart", "sum"),
        "dwell": ("dwell", "mean"),
        "last": ("ts", "max"),
    }
    pairs = Relations({"pairs": Aggregate("looks", PAIR, values)}, "pairs")
    days = (nw.lit(CUT) - nw.col("last")).dt.total_seconds() / 86400
    table = pairs.run({"looks": looks})
    return engine.keep(table.with_columns(days.alias("days"), nw.lit(CUT).cast(nw.Datetime("us")).alias("at")))


def by_windows(engine: Engine, looks: nw.LazyFrame) -> nw.LazyFrame:
    """The same by `windows`, which take any number of cut-offs."""
    looks = engine.keep(looks)
    spine = engine.keep(looks.select(*PAIR).unique().with_columns(nw.lit(CUT).cast(nw.Datetime("us")).alias("at")))
    table = windows(spine, looks, PAIR, TIME, [Count(), Sum("cart"), Mean("dwell"), Recency()], [None])
    names = {"count_ever": "clicks", "sum_cart_ever": "carts", "mean_dwell_ever": "dwell", "recency_ever": "days"}
    return table.rename(names)


def ours(engine: Engine, shop: Shop, quarantine: Path, *, every: bool = False) -> Answer:
    """The job by tutelage; with `windows` for every feature, or just where times differ from row to row."""
    read = [
        JsonLines("clicks", shop.clicks, time="ts", schema=schema(CLICKS)).read(engine),
        SQLite("orders", shop.orders, "orders", time="ts", schema=schema(ORDERS)).read(engine),
        Xml("catalogue", shop.catalogue, "product", schema=schema(ITEMS)).read(engine),
    ]
    Quarantine(quarantine).put("clicks", read[0].rejected)
    events, orders, items = (loaded.frame for loaded in read)
    events = engine.keep(events.unique(["event"]))
    trained = nw.col("user") % 5 != 0
    cleaning = Recipe((Impute(("dwell",)), Clip(("dwell",), "quantile", 0.01)), {"dwell": ("dwell",)})
    cleaned = cleaning.fit(events, trained & (nw.col("ts") < CUT)).apply_frame(events, [*PAIR, "ts", "type"])
    looks = cleaned.filter(nw.col("ts") < CUT).with_columns((nw.col("type") == "cart").alias("cart"))
    table = by_windows(engine, looks) if every else by_roll_up(engine, looks)
    table = windows(table, orders, "user", TIME, [Count(), Sum("price")], [None], prefix="user_")
    table = future(table, orders, PAIR, TIME, [Exists()], LABEL)
    table = table.join(items.select(nw.col("@id").alias("item"), "price", *WORDS), on="item", how="left")
    bought = {"user_count_ever": "orders", "user_sum_price_ever": "spend", f"future_exists_{LABEL}": "y"}
    columns = engine.collect(table.rename(bought).select(*PAIR, *NUMBERS, *WORDS, "y"))
    steps = (Impute(("price",)), Log(LOGS), Scale(NUMBERS), Codes(WORDS))
    recipe = Recipe(steps, {"x": NUMBERS, **dict(zip(WORDS, WORDS, strict=True))})
    made = recipe.fit(columns, np.flatnonzero(columns["user"] % 5)).apply(columns)
    codes = torch.from_numpy(np.column_stack([made[word] for word in WORDS]))
    bad = [(record.line, record.raw) for record in read[0].rejected]
    name = columns["user"] * 2**20 + columns["item"]
    return Answer(torch.from_numpy(made["x"]), codes, torch.from_numpy(columns["y"]), name, bad)


def by_ours(kind: type, every: bool, shop: Shop, quarantine: Path) -> Answer:
    return ours(kind(), shop, quarantine.with_suffix(""), every=every)


WAYS = {
    "ours on Polars": partial(by_ours, PolarsEngine, False),
    "windows on Polars": partial(by_ours, PolarsEngine, True),
    "by hand in Polars": by_polars,
    "ours on DuckDB": partial(by_ours, DuckDBEngine, False),
    "windows on DuckDB": partial(by_ours, DuckDBEngine, True),
    "by hand in DuckDB": by_duckdb,
}


def job(name: str, shop: Shop) -> Callable[[], Answer]:
    """One way, ready to be timed; everything imported and run once."""
    way = WAYS[name]

    def work() -> Answer:
        with tempfile.TemporaryDirectory() as folder:
            return way(shop, Path(folder) / "bad.jsonl")

    return work


def compare(shop: Shop) -> tuple[dict[str, float], int]:
    """The checksums and the number of bad lines kept, if all ways agree on the sums and on the lines."""
    answers = {name: job(name, shop)() for name in WAYS}
    first, *others = (answer.sums() for answer in answers.values())
    for sums in others:
        assert sums.keys() == first.keys()
        for name, value in first.items():
            assert np.isclose(sums[name], value, rtol=1e-6, atol=1e-3), (name, sums[name], value)
    bad = {name: sorted(answer.bad) for name, answer in answers.items()}
    assert all(lines == bad["by hand in Polars"] for lines in bad.values())
    return first, len(bad["by hand in Polars"])


def main() -> None:
    given = harness.arguments(__doc__, events=1_000_000)
    events = 20_000 if given.smoke else given.events
    with tempfile.TemporaryDirectory() as folder:
        shop = make_shop(Path(folder), events)
        sums, kept = compare(shop)
        setups = {name: partial(job, name, shop) for name in WAYS}
        times = harness.measure(setups, given.rounds, apart=not given.smoke)
    note = f"{sums['rows']:,.0f} rows, {sums['bought']:,.0f} bought; all ways agree"
    figures = [
        ratio("Polars, tutelage / by hand", times["ours on Polars"], times["by hand in Polars"], 1.2, note),
        ratio("DuckDB, tutelage / by hand", times["ours on DuckDB"], times["by hand in DuckDB"], 1.2, note),
        exact("bad lines planted, less those kept", abs(shop.bad - kept), 0, note=f"{kept} of {shop.lines:,} lines"),
        *(
            ratio(f"{e}, `windows` for every feature / by hand", times[f"windows on {e}"], times[f"by hand in {e}"])
            for e in ("Polars", "DuckDB")
        ),
        *(figure(name, times[name].cpu, None, " s") for name in WAYS),
        *(exact(f"{name}, resident memory grown", times[name].grown, None, " MB") for name in WAYS),
    ]
    show(f"From dirty sources to tensors: {events:,} clicks", figures, given)


if __name__ == "__main__":
    main()
