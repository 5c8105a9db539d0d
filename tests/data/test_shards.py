"""Shards: columns on disk that come back mapped, survive kills, and feed in an order that can be resumed."""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from replay.forked import forked
from tutelage.core import InputError, LeakageError, StoreError
from tutelage.data import rows_of
from tutelage.data.feed import Feed, Position
from tutelage.data.recipe import Recipe
from tutelage.data.shards import ShardWriter, damaged, read_shards, write_prepared
from tutelage.data.steps import Codes, Impute, Scale

N = 1000


def columns(first: int = 0, size: int = N) -> dict[str, np.ndarray]:
    chance = np.random.default_rng(first)
    return {
        "x": chance.normal(size=(size, 4)).astype(np.float32),
        "code": chance.integers(0, 9, size),
        "true": chance.random(size) < 0.5,
        "odd name/ü": np.arange(first, first + size).astype("datetime64[s]"),
    }


def test_what_was_written_comes_back(tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path)
    for first in (0, N, 2 * N):
        writer.append(columns(first))
    writer.append(columns(3 * N, 0))
    found = read_shards(tmp_path)
    for name, column in found.items():
        assert np.array_equal(column, np.concatenate([columns(first)[name] for first in (0, N, 2 * N)]))
    assert found["odd name/ü"].dtype == np.dtype("<M8[s]")
    assert damaged(tmp_path) == []


def test_columns_are_the_files(tmp_path: Path) -> None:
    ShardWriter(tmp_path).append(columns())
    found = read_shards(tmp_path)
    assert all(isinstance(column, np.memmap) for column in found.values())
    rows = rows_of({"x": found["x"]}, np.arange(N) % 2, prepare=False)
    assert rows._tensors["x"].data_ptr() == found["x"].ctypes.data


def test_a_table_on_disk_takes_no_memory(tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path)
    for _ in range(8):
        writer.append({"x": np.ones((100_000, 32), dtype=np.float32)})
    table = read_shards(tmp_path)
    rows = rows_of(table, np.zeros(800_000, dtype=np.int64) + np.arange(800_000) % 2, train=np.arange(800_000))
    before, total = _own_memory(), 0.0
    for _, batch in Feed(rows, rows.train, 4096, block=4096).epoch(Position()):
        total += float(batch.inputs["x"].sum())
    assert total == 800_000 * 32
    assert _own_memory() - before < 40_000_000 < table["x"].nbytes / 2


def _own_memory() -> int:
    """Bytes that are in memory and in no file."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("RssAnon:")[1].split()[0])


def test_pieces_have_to_fit(tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path)
    writer.append({"x": np.zeros(3, dtype=np.float32)})
    with pytest.raises(InputError, match=r"the pieces before have \{'x': \('<f4', \(\)\)\}"):
        writer.append({"x": np.zeros(3)})
    with pytest.raises(InputError, match=r"\[2, 3\] rows"):
        ShardWriter(tmp_path / "other").append({"x": np.zeros(3), "y": np.zeros(2)})
    with pytest.raises(InputError, match="'x' has type object"):
        writer.append({"x": np.array(["a"], dtype=object)})
    assert len(read_shards(tmp_path)["x"]) == 3


def test_damage_is_named(tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path, "one")
    writer.append({"x": np.arange(5.0)})
    writer.append({"x": np.arange(5.0)})
    data = bytearray((tmp_path / "x.bin").read_bytes())
    data[-1] ^= 1
    (tmp_path / "x.bin").write_bytes(data)
    assert damaged(tmp_path) == ["x, rows 5..9"]
    with pytest.raises(StoreError, match="rows made by 'one', not by 'two'"):
        ShardWriter(tmp_path, "two")
    (tmp_path / "x.bin").write_bytes(data[:-1])
    with pytest.raises(StoreError, match=r"x.bin is shorter than its manifest says"):
        read_shards(tmp_path)
    with pytest.raises(StoreError, match=r"x.bin is shorter"):
        ShardWriter(tmp_path, "one")
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps(manifest | {"format": 9}))
    with pytest.raises(StoreError, match="format 9"):
        read_shards(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(StoreError, match="is damaged"):
        read_shards(tmp_path)
    with pytest.raises(StoreError, match="holds no shards"):
        read_shards(tmp_path / "nowhere")


def test_a_full_disk_keeps_what_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = ShardWriter(tmp_path)
    writer.append({"x": np.arange(5.0)})
    real = os.fsync

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="1 pieces are kept: make room and run the same again"):
        writer.append({"x": np.arange(5.0)})
    monkeypatch.setattr(os, "fsync", real)
    ShardWriter(tmp_path).append({"x": np.arange(5.0, 10.0)})
    assert read_shards(tmp_path)["x"].tolist() == list(range(10))


RAW = 300


def raw(slow: float = 0.0) -> Iterator[dict[str, np.ndarray]]:
    """Raw chunks of a table; so slowly that a kill hits the middle."""
    for number in range(12):
        chance = np.random.default_rng(number)
        price = chance.normal(10.0, 3.0, RAW)
        price[::7] = np.nan
        brand: Any = np.array(chance.choice(["a", "b", "c"], RAW), dtype=object)
        time.sleep(slow)
        yield {"price": price, "brand": brand, "sold": chance.integers(0, 2, RAW)}


RECIPE = Recipe((Impute(("price",)), Scale(("price",)), Codes(("brand",))), {"features": ("price",), "brand": "brand"})


def whole() -> dict[str, np.ndarray]:
    chunks = list(raw())
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}


def test_a_killed_preparation_goes_on(tmp_path: Path) -> None:
    fitted = RECIPE.fit(whole(), np.arange(12 * RAW))
    killed = 0
    for wait in (0.05, 0.12, 0.2, 0.3):
        child = forked(lambda: write_prepared(fitted, lambda: raw(0.02), tmp_path, keep=("sold",)))
        time.sleep(wait)
        child.kill()
        killed += (tmp_path / "manifest.json").exists() and len(read_shards(tmp_path)["sold"]) < 12 * RAW
    assert killed
    found = write_prepared(fitted, raw, tmp_path, keep=("sold",))
    wanted = fitted.apply(whole()) | {"sold": whole()["sold"]}
    assert set(found) == set(wanted)
    assert all(np.array_equal(found[name], column) for name, column in wanted.items())
    assert damaged(tmp_path) == []
    other = RECIPE.fit(whole(), np.arange(RAW))
    with pytest.raises(StoreError, match="use another folder"):
        write_prepared(other, raw, tmp_path)


def feed(**more: Any) -> Feed:
    rows = rows_of({"x": np.arange(N, dtype=np.float32)}, np.arange(N) % 2, train=np.arange(0, N, 3))
    return Feed(rows, rows.train, 32, 7, **more)


def numbers(given: Iterator[Any]) -> list[list[int]]:
    return [batch.row.tolist() for _, batch in given]


def test_the_order_is_that_of_rows() -> None:
    fed = feed()
    wanted = [batch.row.tolist() for batch in fed.rows.batches(fed.rows_fed, 32, seed=7, epoch=3)]
    assert numbers(fed.epoch(Position(3))) == wanted
    assert len(fed) == len(wanted)


@pytest.mark.parametrize("block", [None, 1, 10, 5000])
def test_every_row_once_in_another_order_each_epoch(block: int | None) -> None:
    fed = feed(block=block, window=3)
    first, second = numbers(fed.epoch(Position(0))), numbers(fed.epoch(Position(1)))
    assert first == numbers(fed.epoch(Position(0))) != second
    for epoch in (first, second):
        assert sorted(row for batch in epoch for row in batch) == fed.rows_fed.tolist()


def test_blocks_are_read_in_long_runs() -> None:
    order = feed(block=10, window=2).order(0)
    blocks = [len({int(row) // 30 for row in order[first : first + 20]}) for first in range(0, 320, 20)]
    assert max(blocks) <= 4 < len({int(row) // 30 for row in feed().order(0)[:20]})


@pytest.mark.parametrize("block", [None, 10])
def test_an_epoch_is_resumed_in_its_middle(block: int | None) -> None:
    fed = feed(block=block)
    whole, seen, at = numbers(fed.epoch(Position(2))), list[list[int]](), Position(2)
    for place, batch in fed.epoch(at):
        seen.append(batch.row.tolist())
        at = place
        if len(seen) == 4:
            break
    again = Position(**json.loads(json.dumps(at.to_json())))
    assert again == Position(2, 4)
    rest = list(feed(block=block).epoch(again))
    assert seen + numbers(iter(rest)) == whole
    assert rest[-1][0] == Position(3, 0)


def test_sealed_rows_are_not_fed() -> None:
    rows: Any = feed().rows
    with pytest.raises(LeakageError):
        Feed(rows, rows.test, 4)
    with pytest.raises(InputError, match="at least 1"):
        Feed(rows, rows.train, 0)


def test_a_batch_holds_the_right_rows() -> None:
    for _, batch in feed().epoch(Position()):
        assert torch.equal(batch.inputs["x"], batch.row.float())
        assert batch.target is not None
        assert torch.equal(batch.target, batch.row % 2)
