"""Coupons of a grocer: will a household that gets a campaign redeem any of its coupons?

Complete Journey joins purchases, coupons sent and redeemed, campaigns, products and demographics. Each row is a
household and a campaign that it received; every feature is from strictly before the campaign begins. Campaigns that
began before August 2017 and were over by the eighth of it train, those of August and September validate, later ones
are tested: no label of a part was still open when the next began.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from ..core import Teacher
from ..data import Recipe, Rows
from ..data.aggregates import Count, Distinct, Mean, Recency, Sum
from ..data.audit import Audited, Finished, Joining, Learning, Records
from ..data.engines import Engine
from ..data.quarantine import Quarantine
from ..data.record import DataRecord
from ..data.sources import Csv
from ..data.split import Split
from ..data.steps import Codes, Impute, Log, OneHot, Scale
from ..data.windows import windows
from ..nets import MLP
from ..teachers import Binding, RuleTeacher
from ._shop_case import NAMES, Case, Who, prepared, taught_by
from ._tables import STUDENT, Lesson, linear, read_all, trees

VALIDATE, TEST = np.datetime64("2017-08-08"), np.datetime64("2017-10-01")
LENGTHS = ("28d", "84d")
BOUGHT = tuple(
    f"buy_{what}_{length}"
    for what in ("count", "distinct_basket_id", "sum_sales_value", "mean_retail_disc")
    for length in LENGTHS
)
PURCHASES = (*BOUGHT, "buy_recency_84d")
ASKED = ("sent", "redeemed", "coupon_sum_coupon_disc_84d")
FITTING = ("match_count_84d", "match_sum_sales_value_84d", "products", "coupons")
CAMPAIGN = ("campaign_type", "days")
PEOPLE = ("age", "income", "home_ownership", "marital_status", "household_size", "household_comp", "kids_count")
WORDS = ("campaign_type", *PEOPLE)
BLOCKS = {
    "purchases": PURCHASES,
    "coupons": (*ASKED, *CAMPAIGN),
    "catalogue": (*FITTING, *CAMPAIGN),
    "people": (*PEOPLE, *CAMPAIGN),
    "whole": (*PURCHASES, *ASKED, *FITTING, *CAMPAIGN, *PEOPLE),
    STUDENT: (*PURCHASES, *ASKED, *FITTING, *CAMPAIGN),
}


def coupons_recipe(blocks: Mapping[str, tuple[str, ...]]) -> Recipe:
    """Sums and counts on a scale of logarithms, gaps filled by the median, one column per category."""
    used = list(dict.fromkeys(name for block in blocks.values() for name in block))
    words, gaps = tuple(name for name in used if name in WORDS), [name for name in used if name in _GAPS]
    numbers = tuple(name for name in used if name not in WORDS)
    counts = tuple(name for name in numbers if name not in _GAPS and name != "days")
    return Recipe((Impute(tuple(gaps)), Log(counts), Scale(numbers), Codes(words), OneHot(words)), blocks)


_GAPS = ("buy_mean_retail_disc_28d", "buy_mean_retail_disc_84d", "buy_recency_84d")


def coupons(folder: Path, engine: Engine, quarantine: Quarantine, who: Who, labelled: float) -> Case:
    """The case of a folder with the tables of Complete Journey: `transactions`, or a `transactions_sample`."""
    frames, record = read_journey(folder, engine, quarantine)
    table = coupons_table(engine, frames)
    made = prepared(table, table["redeemed_it"] > 0, coupons_recipe, BLOCKS, split_in_time(table), labelled, record)
    return Case(
        "Coupons of a grocer: purchases, coupons, catalogue and people, one student",
        made,
        lambda: MLP(made.columns[STUDENT].shape[1], 2, (32,)),
        lambda seed: make_teachers(made, seed, who),
    )


def read_journey(
    folder: Path, engine: Engine, quarantine: Quarantine
) -> tuple[dict[str, nw.LazyFrame[Any]], DataRecord]:
    """The tables, under the names of the public package; campaigns with their dates are one, `sent`."""
    names = ("transactions", "coupons", "coupon_redemptions", "campaigns", "campaign_descriptions", "demographics")
    frames, record = read_all([Csv(name, table_file(folder, name)) for name in names], engine, quarantine)
    sent = frames.pop("campaigns").join(frames.pop("campaign_descriptions"), on="campaign_id")
    return {name: engine.keep(frame) for name, frame in {**frames, "sent": sent}.items()}, record


def audited(folder: Path, engine: Engine, quarantine: Quarantine) -> Audited:
    """What of the coupons can be audited: purchases, redemptions and campaigns, from two days on replaced by others."""
    tables, _ = read_journey(folder, engine, quarantine)
    times = {"transactions": "transaction_timestamp", "coupon_redemptions": "redemption_date", "sent": "start_date"}
    records = {name: Records(frame, times.get(name)) for name, frame in tables.items()}
    table = coupons_table(engine, tables)

    def build(changed: dict[str, Any]) -> Any:
        made = coupons_table(engine, changed)
        return engine.table({name: c.tolist() if c.dtype == object else c for name, c in made.items()})

    joining = Joining(
        build,
        records,
        (VALIDATE, TEST),
        "sent",
        ("household_id", "campaign_id"),
        ("redeemed_it", "end_date", "days"),
        1e-9,
    )
    recipe = coupons_recipe({STUDENT: BLOCKS[STUDENT]})
    raw = {name: table[name] for name in recipe.reads}
    learning = Learning(recipe.fit, raw, split_in_time(table).train, "student's recipe")
    return Audited((joining,), (learning,), (Finished(raw, table["redeemed_it"], name="columns of the student"),))


def split_in_time(table: Mapping[str, np.ndarray]) -> Split:
    """Campaigns that were over train, then come those of two months, then the others; the rest is unused."""
    at, end = table["start_date"], table["end_date"]
    parts = ((at < VALIDATE) & (end < VALIDATE), (at >= VALIDATE) & (at < TEST), at >= TEST)
    unused = ~np.logical_or.reduce(parts)
    return Split(*(np.flatnonzero(part) for part in parts), unused=np.flatnonzero(unused))


def coupons_table(engine: Engine, frames: Mapping[str, nw.LazyFrame[Any]]) -> dict[str, np.ndarray]:
    """One row per household and campaign that it received, from the tables of `read_journey`."""
    pair, time = ("household_id", "campaign_id"), ("start_date", "transaction_timestamp")
    spine = frames["sent"]
    spine = engine.keep(spine.with_columns(days=(nw.col("end_date") - nw.col("start_date")).dt.total_minutes() / 1440))
    offers = frames["coupons"].group_by("campaign_id")
    offers = offers.agg(
        nw.col("product_id").n_unique().alias("products"), nw.col("coupon_upc").n_unique().alias("coupons")
    )
    redeemed = frames["coupon_redemptions"].select(*pair).unique().with_columns(redeemed_it=nw.lit(1))
    table = spine.join(offers, on="campaign_id", how="left").join(redeemed, on=list(pair), how="left")
    counts = [nw.col(name).fill_null(0).cast(nw.Float64) for name in ("products", "coupons")]
    table = table.join(frames["demographics"], on="household_id", how="left")
    table = engine.keep(table.with_columns(*counts))
    buys, matches = frames["transactions"], frames["coupons"].select("campaign_id", "product_id").unique()
    matches = engine.keep(buys.join(matches, on="product_id"))
    spent = [Count(), Distinct("basket_id"), Sum("sales_value"), Mean("retail_disc")]
    table = engine.keep(windows(table, buys, "household_id", time, spent, LENGTHS, prefix="buy_"))
    table = engine.keep(windows(table, buys, "household_id", time, [Recency()], ["84d"], prefix="buy_"))
    table = engine.keep(windows(table, buys, "household_id", time, [Sum("coupon_disc")], ["84d"], prefix="coupon_"))
    aggregates = [Count(), Sum("sales_value")]
    table = engine.keep(windows(table, matches, pair, time, aggregates, ["84d"], prefix="match_"))
    earlier = frames["coupon_redemptions"].select("household_id", "redemption_date")
    table = windows(table, earlier, "household_id", ("start_date", "redemption_date"), [Count()], [None], prefix="r_")
    sent = spine.select("household_id", "start_date")
    table = windows(engine.keep(table), sent, "household_id", "start_date", [Count()], [None], prefix="s_")
    found = engine.collect(table.sort("start_date", "campaign_id", "household_id"))
    found |= {"redeemed_it": np.nan_to_num(found["redeemed_it"].astype(np.float64))}
    return found | {"redeemed": found["r_count_ever"], "sent": found["s_count_ever"]}


def make_teachers(rows: Rows, seed: int, who: Who) -> tuple[Teacher, ...]:
    """One model per source, two of the whole table, and a rule that abstains."""
    sources = (
        Lesson("purchases", trees(), ("purchases",), Binding("purchases", present=("buy_count_84d",))),
        Lesson("coupons", linear(), ("coupons",), Binding("coupons", present=("sent",))),
        Lesson("catalogue", trees(), ("catalogue",)),
        Lesson("people", linear(), ("people",), Binding("people", filled=("age",))),
    )
    table = (Lesson("table trees", trees(), ("whole",)), Lesson("table linear", linear(), ("whole",)))
    rule = RuleTeacher(again, reads=("redeemed", "sent"), classes=NAMES, name="again", seen=np.zeros(0, np.int64))
    return (*taught_by(sources, table, who, rows, seed), rule)


def again(row: dict[str, Any]) -> str | None:
    """Who redeemed coupons before redeems again; who got four campaigns and never did will not."""
    if row["redeemed"] >= 3:
        return "yes"
    return "no" if row["sent"] >= 4 and row["redeemed"] == 0 else None


def table_file(folder: Path, name: str) -> Path:
    """The file of a table: plain or packed, whole or a sample."""
    for stem in (name, f"{name}_sample"):
        for end in (".csv", ".csv.gz"):
            if (folder / f"{stem}{end}").exists():
                return folder / f"{stem}{end}"
    return folder / f"{name}.csv"
