"""Feeding batches to torch.

A table of 16 float32 and a class lies on disk; batches of 4096 rows in a new order each epoch, as tensors. Beside it
the stock `DataLoader(TensorDataset)` on the same table in memory. Figures are CPU time on one thread.

    python benchmarks/feed.py [--rounds 15] [--rows 1000000] [--smoke]
"""

from __future__ import annotations

import tempfile
from functools import partial
from typing import Any

import claims
import harness
import numpy as np
import torch

import tutelage as tl
from tutelage.data.feed import Feed, Position
from tutelage.data.shards import ShardWriter, read_shards

WIDTH, BATCH, EPOCHS = 16, 4096, 4


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


def main() -> None:
    given = harness.arguments(__doc__, rows=1_000_000)
    rows = 20_000 if given.smoke else given.rows
    few = max(rows // 10, 1)
    setups: dict[str, harness.Setup] = {
        "feed": partial(fed, rows, None),
        "blocks": partial(fed, rows, BATCH),
        "resume": partial(resumed, rows),
        "stock": partial(stock, few),
    }
    times = harness.measure(setups, given.rounds, apart=not given.smoke)
    each = {"feed": rows * EPOCHS, "blocks": rows * EPOCHS, "stock": few}
    spent = {name: np.array(times[name].cpu) / number for name, number in each.items()}
    speed = f"{1e-6 / np.median(spent['feed']):.1f} M rows per CPU-s, stock {1e-6 / np.median(spent['stock']):.2f} M"
    resume = np.array(times["resume"].cpu) / EPOCHS * 1e3
    figures = [
        claims.figure("feeding a million rows", spent["feed"] * 1e6, 1 / 3, " s", speed),
        claims.figure("feeding, against the stock DataLoader(TensorDataset)", spent["feed"] / spent["stock"], 1 / 20),
        claims.figure("feeding a million rows, shuffled in blocks", spent["blocks"] * 1e6, 1 / 3, " s"),
        claims.figure("going on at the last batch of an epoch", resume, None, " ms"),
    ]
    claims.show("Feeding, 16 numbers a row, batches of 4096", figures, given)


if __name__ == "__main__":
    main()
