"""A shop as it comes: clicks as JSON lines with damage, orders in SQLite, a catalogue as XML.

Of the lines of clicks 0.2 % are no JSON (cut off, or not even begun), 0.2 % have a date that is none, 3 % have no
dwell time, 0.5 % have one in milliseconds instead of seconds, and 2 % come twice.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

START, DAYS = datetime(2025, 1, 1), 60
CUT = START + timedelta(days=45)
"""Features come from before it, the label from the fortnight after it."""
LABEL = "14d"
KINDS, DEVICES = ("view", "view", "view", "cart"), ("mobile", "desktop", "tablet")
PIECE = 1_000_000


@dataclass(frozen=True)
class Shop:
    """Where the files are, and what is wrong with them."""

    folder: Path
    lines: int
    bad: int

    @property
    def clicks(self) -> Path:
        return self.folder / "clicks.jsonl"

    @property
    def orders(self) -> Path:
        return self.folder / "shop.db"

    @property
    def catalogue(self) -> Path:
        return self.folder / "catalogue.xml"


def make_shop(folder: Path, events: int, seed: int = 0) -> Shop:
    """Writes the three files for about so many clicks."""
    folder.mkdir(parents=True, exist_ok=True)
    users, items = max(events // 50, 20), max(min(events // 200, 5000), 20)
    lines = bad = 0
    with open(folder / "clicks.jsonl", "wb") as file:
        for number, first in enumerate(range(0, events, PIECE)):
            chance = np.random.default_rng((seed, number))
            texts, wrong = _clicks(chance, first, min(PIECE, events - first), users, items)
            texts.to_frame().write_csv(file, include_header=False, quote_style="never", separator="\x01")
            lines, bad = lines + len(texts), bad + wrong
    _orders(np.random.default_rng((seed, 1, 1)), folder / "shop.db", events // 10, users, items)
    _catalogue(np.random.default_rng((seed, 2, 2)), folder / "catalogue.xml", items)
    return Shop(folder, lines, bad)


def _clicks(chance: np.random.Generator, first: int, count: int, users: int, items: int) -> tuple[pl.Series, int]:
    dwell = np.round(chance.lognormal(3.0, 1.0, count), 2)
    dwell = np.where(chance.random(count) < 0.005, dwell * 1000, dwell)
    seconds = chance.integers(0, DAYS * 86400, count)
    user = chance.integers(0, users, count)
    favourite = (user * 7 + chance.integers(0, 12, count)) % items
    parts = pl.DataFrame(
        {
            "event": np.arange(first, first + count),
            "user": user,
            "item": np.where(chance.random(count) < 0.8, favourite, chance.integers(0, items, count)),
            "ts": np.datetime64(START, "us") + seconds * np.timedelta64(1_000_000, "us"),
            "type": np.array(KINDS)[chance.integers(0, len(KINDS), count)],
            "dwell": pl.Series(dwell).set(pl.Series(chance.random(count) < 0.03), None),
            "device": np.array(DEVICES)[chance.integers(0, len(DEVICES), count)],
            "chance": chance.random(count),
            "cut": chance.integers(1, 60, count),
        }
    )
    text = pl.col("ts").dt.to_string("%Y-%m-%dT%H:%M:%S")
    bad_date = pl.when(pl.col("event") % 2 == 0).then(pl.lit("2025-02-30T12:00:00")).otherwise(pl.lit("yesterday"))
    date = pl.when(pl.col("chance").is_between(0.002, 0.004, closed="left")).then(bad_date).otherwise(text)
    pieces = ['{"event":', "event", ',"user":', "user", ',"item":', "item", ',"ts":"', date, '","type":"', "type"]
    pieces += ['","dwell":', pl.col("dwell").cast(pl.String).fill_null("null"), ',"device":"', "device", '"}']
    shown = [
        pl.lit(p) if isinstance(p, str) and not p.isalpha() else pl.col(p) if isinstance(p, str) else p for p in pieces
    ]
    line = pl.concat_str(shown)
    cut = pl.when(pl.col("event") % 4 == 0).then(pl.lit("502 Bad Gateway")).otherwise(line.str.slice(0, "cut"))
    made = parts.select(pl.when(pl.col("chance") < 0.002).then(cut).otherwise(line).alias("line"), "chance")
    twice = made.filter(pl.col("chance") >= 0.98)
    order = chance.permutation(count + len(twice))
    return pl.concat([made, twice])[order]["line"], int((made["chance"] < 0.004).sum())


def _orders(chance: np.random.Generator, path: Path, count: int, users: int, items: int) -> None:
    path.unlink(missing_ok=True)
    user = chance.integers(0, users, count)
    item = (user * 7 + chance.integers(0, 12, count)) % items
    seconds, price = chance.integers(0, DAYS * 86400, count), np.round(chance.lognormal(3.0, 0.7, count), 2)
    times = np.datetime_as_string(np.datetime64(START, "s") + seconds.astype("timedelta64[s]"))
    rows = zip(range(count), user.tolist(), item.tolist(), times.tolist(), price.tolist(), strict=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE orders (id INTEGER, user INTEGER, item INTEGER, ts TEXT, price REAL)")
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?)", rows)
        connection.commit()


def _catalogue(chance: np.random.Generator, path: Path, items: int) -> None:
    price, category = np.round(chance.lognormal(3.0, 0.7, items), 2), chance.integers(0, 12, items)
    brand = np.minimum(chance.zipf(1.3, items), 200)
    with open(path, "w", encoding="utf-8") as file:
        file.write("<catalogue>\n")
        for item in range(items):
            listed = f"<price>{price[item]}</price>" if item % 20 else ""
            named = f"<category>c{category[item]}</category><brand>b{brand[item]}</brand>"
            file.write(f'<product id="{item}">{named}{listed}</product>\n')
        file.write("</catalogue>\n")
