"""The job of `sources.py` written by hand, once in plain Polars and once in plain DuckDB SQL.

Each is the fastest exact way that was found: of three ways to keep bad lines in Polars a loop with orjson is cheaper
than `json_path_match` and `json_decode`; of those in DuckDB raw lines with `json_valid` and `json_transform`.
"""

from __future__ import annotations

import io
import json
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import polars as pl
import torch
from adbc_driver_sqlite import dbapi
from dirty_shop import CUT, Shop

END = CUT + timedelta(days=14)
NUMBERS = ("clicks", "carts", "dwell", "days", "orders", "spend", "price")
LOGS, WORDS = ("clicks", "carts", "orders", "spend", "price"), ("category", "brand")
NOT_JSON, NO_TIME = "is no JSON", "ts is no time"


@dataclass(frozen=True)
class Answer:
    """What the student gets, and what was kept of the bad lines.

    Args:
        x: numbers, float32 [N, 7].
        codes: of category and brand, int64 [N, 2].
        y: whether the pair was bought, bool [N].
        name: user * 2**20 + item, int64 [N]; rows come in any order.
        bad: line number and text of each bad line.
    """

    x: torch.Tensor
    codes: torch.Tensor
    y: torch.Tensor
    name: np.ndarray
    bad: list[tuple[int, str]]

    def sums(self) -> dict[str, float]:
        """Checksums that do not depend on the order of rows."""
        x, weight = self.x.double().numpy(), (self.name % 1009).astype(float)
        found: dict[str, float] = {"rows": len(x), "bought": float(self.y.sum()), "sum of |x|": float(np.abs(x).sum())}
        found |= {name: float((x[:, place] * weight).sum()) for place, name in enumerate(NUMBERS)}
        found |= {word: float((self.codes.numpy()[:, place] * weight).sum()) for place, word in enumerate(WORDS)}
        return found | {"who bought": float((self.y.numpy() * weight).sum())}


def catalogue(path: Path) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {"item": [], "category": [], "brand": [], "price": []}
    for _, element in ET.iterparse(path):
        if element.tag == "product":
            price = element.findtext("price")
            found["item"].append(int(element.attrib["id"]))
            found["category"].append(element.findtext("category"))
            found["brand"].append(element.findtext("brand"))
            found["price"].append(None if price is None else float(price))
            element.clear()
    return found


def keep(path: Path, bad: list[tuple[int, str, str]], source: Path) -> list[tuple[int, str]]:
    """Writes the quarantine: source, line, text, reason."""
    with open(path, "w", encoding="ascii") as file:
        for line, text, why in sorted(bad):
            file.write(
                json.dumps({"source": "clicks", "file": str(source), "line": line, "raw": text, "rule": why}) + "\n"
            )
    return [(line, text) for line, text, _ in sorted(bad)]


def vocabulary(words: pl.Series) -> dict[str, int]:
    """Codes by how often a word comes among training rows; 0 is missing, 1 unseen."""
    counted = words.drop_nulls().value_counts(name="n").sort("n", words.name, descending=[True, False])
    return {word: code for code, word in enumerate(counted[words.name].to_list(), 2)}


def finished(table: pl.DataFrame, bad: list[tuple[int, str]]) -> Answer:
    """Imputed, log, z-score by training rows, codes, tensors."""
    train = table.filter(pl.col("user") % 5 != 0)
    table = table.with_columns(pl.col("price").fill_null(train["price"].median()))
    table = table.with_columns(pl.col(name).cast(pl.Float64).log1p() for name in LOGS)
    known = table.filter(pl.col("user") % 5 != 0)
    scaled = [
        ((pl.col(name) - known[name].mean()) / known[name].std(ddof=0)).cast(pl.Float32).alias(name) for name in NUMBERS
    ]
    coded = [pl.col(w).replace_strict(vocabulary(train[w]), default=1, return_dtype=pl.Int64) for w in WORDS]
    coded = [
        pl.when(pl.col(w).is_null()).then(0).otherwise(code).alias(w) for w, code in zip(WORDS, coded, strict=True)
    ]
    done = table.with_columns(*scaled, *coded)
    x, codes, y = done.select(NUMBERS).to_torch(), done.select(WORDS).to_torch(), done["bought"].to_torch()
    return Answer(x, codes, y, (done["user"] * 2**20 + done["item"]).to_numpy(), bad)


def by_polars(shop: Shop, quarantine: Path) -> Answer:
    loads, broken = orjson.loads, orjson.JSONDecodeError
    good: list[bytes] = []
    bad: list[tuple[int, str, str]] = []
    with open(shop.clicks, "rb") as file:
        for number, line in enumerate(file, 1):
            try:
                loads(line)
            except broken as error:
                bad.append((number, line.rstrip(b"\n").decode(), f"{NOT_JSON}: {error}"))
                continue
            good.append(line)
    broken_lines = np.array([number for number, _, _ in bad])
    numbers = np.setdiff1d(np.arange(1, len(good) + len(bad) + 1), broken_lines, assume_unique=True)
    schema: Any = {"event": pl.Int64, "user": pl.Int64, "item": pl.Int64, "ts": pl.String}
    schema |= {"type": pl.String, "dwell": pl.Float64, "device": pl.String}
    clicks = pl.read_ndjson(io.BytesIO(b"".join(good)), schema=schema)
    times = clicks["ts"].str.to_datetime("%Y-%m-%dT%H:%M:%S", time_unit="us", strict=False)
    wrong = (times.is_null() & clicks["ts"].is_not_null()).arg_true().to_list()
    bad += [(int(numbers[place]), good[place].rstrip(b"\n").decode(), NO_TIME) for place in wrong]
    kept = keep(quarantine, bad, shop.clicks)
    clicks = clicks.with_columns(times).filter(pl.col("ts").is_not_null()).unique("event", keep="any")
    train = clicks.filter(pl.col("user") % 5 != 0, pl.col("ts") < CUT)["dwell"]
    filled = train.fill_null(train.median())
    low, high = (filled.quantile(share, "linear") for share in (0.01, 0.99))
    looks = (
        clicks.lazy().filter(pl.col("ts") < CUT).with_columns(pl.col("dwell").fill_null(train.median()).clip(low, high))
    )
    pairs = looks.group_by("user", "item").agg(
        pl.len().alias("clicks"),
        (pl.col("type") == "cart").sum().alias("carts"),
        pl.col("dwell").mean(),
        ((CUT - pl.col("ts").max()).dt.total_microseconds() / 86_400_000_000).alias("days"),
    )
    with dbapi.connect(f"file:{shop.orders}?mode=ro") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT user, item, ts, price FROM orders")
        fetched: Any = cursor.fetch_arrow()
        orders = pl.DataFrame(fetched).with_columns(pl.col("ts").str.to_datetime("%Y-%m-%dT%H:%M:%S"))
    before = orders.lazy().filter(pl.col("ts") < CUT)
    spent = before.group_by("user").agg(pl.len().alias("orders"), pl.col("price").sum().alias("spend"))
    after = orders.lazy().filter(pl.col("ts") >= CUT, pl.col("ts") < END).select("user", "item").unique()
    items = pl.DataFrame(catalogue(shop.catalogue)).lazy()
    table = pairs.join(spent, on="user", how="left").join(items, on="item", how="left")
    table = table.join(after.with_columns(pl.lit(True).alias("bought")), on=["user", "item"], how="left")
    gaps = [pl.col("orders", "spend").fill_null(0), pl.col("bought").fill_null(False)]
    return finished(table.with_columns(*gaps).collect(), kept)


def by_duckdb(shop: Shop, quarantine: Path) -> Answer:
    import duckdb

    db = duckdb.connect()
    kinds = '{"event":"BIGINT","user":"BIGINT","item":"BIGINT","ts":"VARCHAR","type":"VARCHAR","dwell":"DOUBLE"}'
    how = "columns = {'text': 'VARCHAR'}, delim = chr(1), quote = '', escape = '', header = false, auto_detect = false"
    db.execute(f"""
        CREATE TABLE lines AS SELECT line, text, ok, CASE WHEN ok THEN json_transform(text, '{kinds}') END AS j
        FROM (SELECT row_number() OVER () AS line, text, json_valid(text) AS ok FROM read_csv('{shop.clicks}', {how}));
        CREATE TABLE typed AS SELECT line, j.*, try_cast(j.ts AS TIMESTAMP) AS moment FROM lines WHERE ok;
        CREATE TABLE clicks AS SELECT DISTINCT ON (event) * FROM typed WHERE moment IS NOT NULL""")
    bad: list[Any] = db.execute(f"""
        SELECT line, text, '{NOT_JSON}' FROM lines WHERE NOT ok
        UNION ALL SELECT line, text, '{NO_TIME}' FROM typed JOIN lines USING (line)
        WHERE moment IS NULL AND typed.ts IS NOT NULL
        """).fetchall()
    kept = keep(quarantine, bad, shop.clicks)
    with dbapi.connect(f"file:{shop.orders}?mode=ro") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT user, item, ts, price FROM orders")
        fetched: Any = cursor.fetch_arrow()
        bought = pl.DataFrame(fetched)
    items = pl.DataFrame(catalogue(shop.catalogue))
    assert not bought.is_empty()
    assert not items.is_empty()
    cut, end = f"TIMESTAMP '{CUT}'", f"TIMESTAMP '{END}'"
    train = f'"user" % 5 != 0 AND moment < {cut}'
    return finished(
        db.sql(f"""
        WITH middle AS (SELECT median(dwell) AS m FROM clicks WHERE {train}),
        limits AS (SELECT m, quantile_cont(coalesce(dwell, m), [0.01, 0.99]) AS q
                   FROM clicks, middle WHERE {train} GROUP BY m),
        pairs AS (SELECT "user", item, count(*) AS clicks, count(*) FILTER (type = 'cart') AS carts,
                         avg(greatest(least(coalesce(dwell, m), q[2]), q[1])) AS dwell,
                         (epoch_us({cut}) - epoch_us(max(moment))) / 86400000000 AS days
                  FROM clicks, limits WHERE moment < {cut} GROUP BY "user", item),
        orders AS (SELECT "user", item, CAST(ts AS TIMESTAMP) AS moment, price FROM bought),
        spent AS (SELECT "user", count(*) AS orders, sum(price) AS spend FROM orders
                  WHERE moment < {cut} GROUP BY "user"),
        after AS (SELECT DISTINCT "user", item, true AS bought FROM orders WHERE moment >= {cut} AND moment < {end})
        SELECT pairs."user", pairs.item, clicks, carts, dwell, days, coalesce(orders, 0) AS orders,
               coalesce(spend, 0) AS spend, price, category, brand, coalesce(bought, false) AS bought
        FROM pairs LEFT JOIN spent USING ("user") LEFT JOIN items USING (item) LEFT JOIN after USING ("user", item)
        """).pl(),
        kept,
    )
