"""Feeding batches to torch, and serving one row through a saved preparation.

Feeding: a table of 16 float32 and a class lies on disk; batches of 4096 rows in a new order each epoch, as tensors.
Beside it the stock `DataLoader(TensorDataset)` on the same table in memory. Serving: one record of 8 numbers and
2 categories, some missing, is filled, scaled and coded; beside it scikit-learn's ColumnTransformer on a frame of one
row, and the same in plain NumPy by hand. Figures are CPU time on one thread.

    python benchmarks/feed.py [--rounds 15] [--rows 1000000] [--records 2000] [--smoke]
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import claims
import harness
import numpy as np
import torch

import tutelage as tl
from tutelage.data.feed import Feed, Position
from tutelage.data.fitted import FittedRecipe
from tutelage.data.recipe import Recipe
from tutelage.data.shards import ShardWriter, read_shards
from tutelage.data.steps import Codes, Impute, OneHot, Scale

WIDTH, BATCH, EPOCHS = 16, 4096, 4
NUMBERS = tuple(f"x{number}" for number in range(8))
WORDS = ("colour", "shop")


def table(rows: int) -> dict[str, np.ndarray]:
    chance = np.random.default_rng(0)
    return {"x": chance.random((rows, WIDTH), dtype=np.float32), "y": chance.integers(0, 2, rows)}


def on_disk(rows: int, folder: str, block: int | None = None) -> Feed:
    ShardWriter(folder).append(table(rows))
    held = tl.rows_of({"x": read_shards(folder)["x"]}, read_shards(folder)["y"], train=np.arange(rows))
    return Feed(held, held.train, BATCH, block=block)


def fed(rows: int, block: int | None) -> harness.Work:
    folder = tempfile.TemporaryDirectory()
    feed, done = on_disk(rows, folder.name, block), [0]

    def work(_: Any = folder) -> None:
        for _ in range(EPOCHS):
            done[0] += 1
            assert sum(len(batch) for _, batch in feed.epoch(Position(done[0]))) == rows

    return work


def resumed(rows: int) -> harness.Work:
    folder = tempfile.TemporaryDirectory()
    feed = on_disk(rows, folder.name)

    def work(_: Any = folder) -> None:
        for epoch in range(EPOCHS):
            next(feed.epoch(Position(epoch, len(feed) - 1)))

    return work


def stock(rows: int) -> harness.Work:
    columns = {name: torch.from_numpy(column) for name, column in table(rows).items()}
    data = torch.utils.data.TensorDataset(columns["x"], columns["y"])
    loader = torch.utils.data.DataLoader(data, BATCH, shuffle=True)

    def work() -> None:
        assert sum(len(x) for x, _ in loader) == rows

    return work


def raw(rows: int) -> dict[str, np.ndarray]:
    chance = np.random.default_rng(0)
    found: dict[str, Any] = {name: chance.normal(5.0, 2.0, rows) for name in NUMBERS}
    for column in found.values():
        column[chance.random(rows) < 0.05] = np.nan
    found |= {name: np.array(chance.choice(list("abcdefgh"), rows), dtype=object) for name in WORDS}
    return found


def records(count: int) -> list[dict[str, Any]]:
    columns = raw(count)
    return [{name: column[row] for name, column in columns.items()} for row in range(count)]


def fitted(folder: Path) -> FittedRecipe:
    steps = (Impute(NUMBERS), Scale(NUMBERS), Codes(WORDS), OneHot(WORDS, known=True))
    Recipe(steps, {"features": (*NUMBERS, *WORDS)}).fit(raw(5000)).save(folder)
    return FittedRecipe.load(folder)


def served(count: int) -> harness.Work:
    with tempfile.TemporaryDirectory() as folder:
        ready = fitted(Path(folder))
    given = records(count)

    def work() -> None:
        for record in given:
            ready.one(record)

    return work


def by_hand(count: int) -> harness.Work:
    with tempfile.TemporaryDirectory() as folder:
        ready = fitted(Path(folder))
    fill, scale, codes = (ready.states[n] for n in range(3))
    places = [{value: n for n, value in enumerate(codes[name])} for name in WORDS]
    width = sum(map(len, places))
    given = records(count)

    def work() -> None:
        for record in given:
            x = np.array([record[name] for name in NUMBERS])
            x = (np.where(np.isnan(x), fill["fill"], x) - scale["shift"]) / scale["width"]
            hot, start = np.zeros(width), 0
            for name, place in zip(WORDS, places, strict=True):
                if record[name] in place:
                    hot[start + place[record[name]]] = 1.0
                start += len(place)
            np.concatenate([x, hot]).astype(np.float32)

    return work


def transformed(count: int) -> harness.Work:
    import polars
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    model = ColumnTransformer([("numbers", numbers, list(NUMBERS)), ("words", hot, list(WORDS))])
    train = raw(5000)
    model.fit(polars.DataFrame({name: column.tolist() for name, column in train.items()}))
    given = records(count)
    with tempfile.TemporaryDirectory() as folder:
        ready = fitted(Path(folder))
    for record in given[:5]:
        row = np.asarray(model.transform(polars.DataFrame([record])))[0]
        assert np.allclose(np.sort(row), np.sort(ready.one(record)["features"][0]), atol=1e-5)

    def work() -> None:
        for record in given:
            model.transform(polars.DataFrame([record]))

    return work


def main() -> None:
    given = harness.arguments(__doc__, rows=1_000_000, records=2000)
    rows, count = (20_000, 20) if given.smoke else (given.rows, given.records)
    few, seldom = max(rows // 10, 1), max(count // 20, 1)
    setups: dict[str, harness.Setup] = {
        "feed": partial(fed, rows, None),
        "blocks": partial(fed, rows, BATCH),
        "resume": partial(resumed, rows),
        "stock": partial(stock, few),
        "one": partial(served, count),
        "hand": partial(by_hand, count),
        "sklearn": partial(transformed, seldom),
    }
    times = harness.measure(setups, given.rounds, apart=not given.smoke)
    each = {
        "feed": rows * EPOCHS,
        "blocks": rows * EPOCHS,
        "stock": few,
        "one": count,
        "hand": count,
        "sklearn": seldom,
    }
    spent = {name: np.array(times[name].cpu) / number for name, number in each.items()}
    speed = f"{1e-6 / np.median(spent['feed']):.1f} M rows per CPU-s, stock {1e-6 / np.median(spent['stock']):.2f} M"
    figures = [
        claims.figure("feeding a million rows", spent["feed"] * 1e6, 1 / 3, " s", speed),
        claims.figure("feeding, against the stock DataLoader(TensorDataset)", spent["feed"] / spent["stock"], 1 / 20),
        claims.figure("feeding a million rows, shuffled in blocks", spent["blocks"] * 1e6, 1 / 3, " s"),
        claims.figure(
            "going on at the last batch of an epoch", np.array(times["resume"].cpu) / EPOCHS * 1e3, None, " ms"
        ),
        claims.figure("serving one row", spent["one"] * 1e3, 0.05, " ms"),
        claims.figure("serving one row, against NumPy by hand", spent["one"] / spent["hand"], None),
        claims.figure("serving one row, against ColumnTransformer", spent["one"] / spent["sklearn"], None),
    ]
    claims.show("Feeding and serving", figures, given)


if __name__ == "__main__":
    main()
