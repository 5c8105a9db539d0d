"""One job as a user of each library writes it: three sources to batches, and the same for one record at serving.

Each function is what its user has to write, beside what the library does; `prepared_by_peers.py` counts its lines.
scikit-learn and skrub begin at one table, Hugging Face datasets has neither joins nor fitted statistics: for what they
leave to their users there is plain Polars (`joined`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import polars as pl
import torch
from dirty_shop import CUT, LABEL, Shop
from sources_by_hand import catalogue
from torch.utils.data import DataLoader, TensorDataset

NUMBERS, WORDS = ["clicks", "carts", "dwell", "orders", "spend", "price"], ["category", "brand"]
BATCH = 256


@dataclass(frozen=True)
class Made:
    """What a way gives: rows and bought ones fed, bad lines kept with place and reason, one record, what was seen."""

    rows: int
    bought: int
    kept: int
    one: Callable[[dict[str, Any]], Any] | None
    records: list[dict[str, Any]]


def by_tutelage(shop: Shop) -> Made:
    import narwhals.stable.v2 as nw

    from tutelage.data import Feed, Position, Recipe, rows_of
    from tutelage.data.aggregates import Count, Exists, Mean, Sum
    from tutelage.data.engines import PolarsEngine
    from tutelage.data.sources import JsonLines, SQLite, Xml
    from tutelage.data.steps import Codes, Impute, Log, OneHot, Scale
    from tutelage.data.windows import future, windows

    engine = PolarsEngine()
    clicks = JsonLines("clicks", shop.clicks, time="ts").read(engine)
    orders = SQLite("orders", shop.orders, "orders", time="ts").read(engine).frame
    items = Xml("catalogue", shop.catalogue, "product").read(engine).frame.rename({"@id": "item"})
    looks = clicks.frame.unique(["event"]).with_columns(cart=nw.col("type") == "cart")
    spine = looks.filter(nw.col("ts") < CUT).select("user", "item").unique().with_columns(at=nw.lit(CUT))
    pair, time = ("user", "item"), ("at", "ts")
    table = windows(spine, looks, pair, time, [Count(), Sum("cart"), Mean("dwell")], [None])
    table = windows(table, orders, "user", time, [Count(), Sum("price")], [None], prefix="user_")
    table = future(table, orders, pair, time, [Exists()], LABEL).join(items, on="item", how="left")
    made = ["count_ever", "sum_cart_ever", "mean_dwell_ever", "user_count_ever", "user_sum_price_ever"]
    columns = engine.collect(table.rename(dict(zip(made, NUMBERS, strict=False))).sort(*pair))
    steps = (Impute(("dwell", "price")), Log(tuple(NUMBERS)), Scale(tuple(NUMBERS)), Codes(tuple(WORDS)))
    recipe = Recipe((*steps, OneHot(tuple(WORDS), known=True)), {"x": (*NUMBERS, *WORDS)})
    train = np.flatnonzero(columns["user"] % 5)
    fitted = recipe.fit(columns, train)
    rows = rows_of(fitted.apply(columns), np.where(columns[f"future_exists_{LABEL}"], "yes", "no"), train=train)
    fed = [batch.target for _, batch in Feed(rows, np.arange(len(rows.target)), BATCH).epoch(Position())]
    records = [{name: columns[name][row] for name in (*NUMBERS, *WORDS)} for row in range(100)]
    bought = torch.cat(fed)
    return Made(len(bought), int((bought == 1).sum()), len(clicks.rejected), fitted.one, records)


def joined(shop: Shop) -> pl.DataFrame:
    good: list[bytes] = []
    with open(shop.clicks, "rb") as file:
        for line in file:
            try:
                orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            good.append(line)
    clicks = pl.read_ndjson(b"".join(good), infer_schema_length=None)
    form = "%Y-%m-%dT%H:%M:%S"
    clicks = clicks.with_columns(pl.col("ts").str.to_datetime(form, strict=False)).drop_nulls("ts").unique("event")
    orders = pl.read_database_uri("SELECT * FROM orders", f"sqlite:///{shop.orders}", engine="adbc")
    orders = orders.with_columns(pl.col("ts").str.to_datetime(form))
    pairs = clicks.filter(pl.col("ts") < CUT).group_by("user", "item")
    cart = (pl.col("type") == "cart").sum()
    pairs = pairs.agg(pl.len().alias("clicks"), cart.alias("carts"), pl.col("dwell").mean())
    spent = orders.filter(pl.col("ts") < CUT).group_by("user")
    spent = spent.agg(pl.len().alias("orders"), pl.col("price").sum().alias("spend"))
    after = orders.filter(pl.col("ts").is_between(CUT, CUT + timedelta(days=14), closed="left"))
    after = after.select("user", "item").unique().with_columns(bought=pl.lit(True))
    table = pairs.join(spent, on="user", how="left").join(
        pl.DataFrame(catalogue(shop.catalogue)), on="item", how="left"
    )
    table = table.join(after, on=["user", "item"], how="left").sort("user", "item")
    return table.with_columns(pl.col("orders", "spend").fill_null(0), pl.col("bought").fill_null(False))


def by_sklearn(shop: Shop) -> Made:
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

    table = joined(shop)
    log = FunctionTransformer(np.log1p, feature_names_out="one-to-one")
    numbers = make_pipeline(SimpleImputer(strategy="median"), log, StandardScaler())
    hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    model = ColumnTransformer([("numbers", numbers, NUMBERS), ("words", hot, WORDS)])
    model.fit(table.filter(pl.col("user") % 5 != 0))
    x = torch.from_numpy(np.asarray(model.transform(table), dtype=np.float32))
    loader = DataLoader(TensorDataset(x, table["bought"].to_torch()), BATCH, shuffle=True)
    bought = torch.cat([y for _, y in loader])
    records = table.select(*NUMBERS, *WORDS).head(100).to_dicts()
    return Made(len(bought), int(bought.sum()), 0, lambda record: model.transform(pl.DataFrame([record])), records)


def by_skrub(shop: Shop) -> Made:
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler
    from skrub import TableVectorizer  # pyright: ignore[reportMissingImports]

    table = joined(shop)
    log = FunctionTransformer(np.log1p, feature_names_out="one-to-one")
    numbers = make_pipeline(SimpleImputer(strategy="median"), log, StandardScaler())
    model = TableVectorizer(numeric=numbers, cardinality_threshold=1000)
    model.fit(table.filter(pl.col("user") % 5 != 0).select(*NUMBERS, *WORDS))
    x = torch.from_numpy(np.asarray(model.transform(table.select(*NUMBERS, *WORDS)), dtype=np.float32))
    loader = DataLoader(TensorDataset(x, table["bought"].to_torch()), BATCH, shuffle=True)
    bought = torch.cat([y for _, y in loader])
    records = table.select(*NUMBERS, *WORDS).head(100).to_dicts()
    return Made(len(bought), int(bought.sum()), 0, lambda record: model.transform(pl.DataFrame([record])), records)


def by_datasets(shop: Shop) -> Made:
    from datasets import Dataset  # pyright: ignore[reportMissingImports]

    table = joined(shop)
    train = table.filter(pl.col("user") % 5 != 0)
    middle = {name: train[name].median() for name in ("dwell", "price")}
    logs = train.with_columns(pl.col(n).fill_null(v) for n, v in middle.items()).select(pl.col(NUMBERS).log1p())
    shift, width = logs.mean().to_numpy()[0], logs.std(ddof=0).to_numpy()[0]
    places = {word: {v: n for n, v in enumerate(train[word].drop_nulls().unique().sort())} for word in WORDS}

    def prepared(rows: dict[str, list[Any]]) -> dict[str, Any]:
        raw = [[middle.get(n) if v is None else v for v in rows[n]] for n in NUMBERS]
        x = (np.log1p(np.array(raw, dtype=float).T) - shift) / width
        for word, place in places.items():
            code = np.array([place.get(value, -1) for value in rows[word]])
            x = np.column_stack([x, code[:, None] == np.arange(len(place))])
        return {"x": x.astype(np.float32), "y": rows["bought"]} if "bought" in rows else {"x": x.astype(np.float32)}

    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "rows.arrow")
        data = Dataset.from_polars(table)
        data = data.map(prepared, batched=True, remove_columns=table.columns, cache_file_name=file)
        loader = DataLoader(data.with_format("torch"), BATCH, shuffle=True)  # pyright: ignore[reportArgumentType]
        bought = torch.cat([batch["y"] for batch in loader])
    records = table.select(*NUMBERS, *WORDS).head(100).to_dicts()
    return Made(len(bought), int(bought.sum()), 0, lambda r: prepared({n: [v] for n, v in r.items()})["x"], records)
