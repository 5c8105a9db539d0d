"""The store against a plain memory-mapped array: gather, write, disk bytes, teaching again.

Both sides do the same work: a batch of 256 random rows ends as a float32 tensor; a write ends with fsync.
Sides alternate; each figure is the median of the rounds, in CPU time, with the range that holds 95 % of
the medians of resampled rounds.

    python benchmarks/store.py [--rounds 15] [--rows-small 5000000] [--folder PATH]
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from tutelage.core import Answer, Classes, Space
from tutelage.store import FP16, Reader, Store, StoredSignals
from tutelage.store.store import plan
from tutelage.teaching.teach import teach

BATCH, CHUNK = 256, 4096


@dataclass(frozen=True)
class Bank:
    """A teacher that answers out of memory, for nothing."""

    scores: torch.Tensor
    name: str = "bank"
    reads: tuple[str, ...] = ("x",)
    frozen: bool = True
    deterministic: bool = True
    seen: np.ndarray | None = None
    parameters: int | None = None

    @property
    def space(self) -> Space:
        return Space(Classes, tuple(map(str, range(self.scores.shape[-1]))))

    @property
    def fingerprint(self) -> Mapping[str, str]:
        return {"weights": "bank"}

    def answer(self, columns: Mapping[str, np.ndarray]) -> Answer:
        start = int(columns["x"][0])
        return Classes.of(self.scores[start : start + len(columns["x"])], "logits")


def cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def ratio(ours: Callable[[], object], plain: Callable[[], object], rounds: int) -> str:
    ours(), plain()
    pairs = np.array([(cpu(ours), cpu(plain)) for _ in range(rounds)])
    chance = np.random.default_rng(0)
    medians = [np.median(pairs[chance.integers(0, rounds, rounds)], axis=0) for _ in range(1000)]
    low, high = np.percentile([a / b for a, b in medians], [2.5, 97.5])
    a, b = np.median(pairs, axis=0)
    return f"{a / b:5.2f}x  [{low:.2f}, {high:.2f}]   store {a * 1e3:.3f} ms, plain {b * 1e3:.3f} ms"


def plain_write(scores: torch.Tensor, path: Path) -> None:
    """Float16 records in one file, chunk by chunk as a teacher answers."""
    with path.open("wb") as file:
        for at in range(0, len(scores), CHUNK):
            file.write(memoryview(scores[at : at + CHUNK].half().numpy()))
        file.flush()
        os.fsync(file.fileno())


def stored_write(scores: torch.Tensor, folder: Path) -> None:
    """The same records through the store: encoded, checksummed, each shard on disk before its marker."""
    store = Store(folder)
    space = Space(Classes, tuple(map(str, range(scores.shape[-1]))))
    valid, coverage = torch.ones(CHUNK, dtype=torch.bool), torch.ones(scores.shape[-1], dtype=torch.bool)
    manifest = plan("bank", {}, space, Classes.of(scores[:1], "logits"), FP16, None)
    with store.creating("bank"), store.writer(manifest) as writer:
        for start in range(0, len(scores), manifest.shard_rows):
            stop = min(start + manifest.shard_rows, len(scores))
            claim = writer.claim(0, start // manifest.shard_rows, stop - start)
            assert claim is not None
            claim.reserve()
            for at in range(start, stop, CHUNK):
                part = scores[at : min(at + CHUNK, stop)]
                claim.put(np.arange(at, at + len(part)), Classes(part, "logits", coverage, valid[: len(part)]))
            claim.commit({}, stop - start)
            claim.release()
        store.create(manifest)


def gathers(signals: StoredSignals, mapped: np.ndarray, rounds: int) -> str:
    batches = [torch.randint(len(mapped), (BATCH,)) for _ in range(200)]
    view = torch.zeros(BATCH, dtype=torch.int64)

    def ours() -> None:
        for row in batches:
            signals.gather(row, view)

    def plain() -> None:
        for row in batches:
            torch.from_numpy(mapped[row.numpy()]).float()

    return ratio(ours, plain, rounds)


def measure(rows: int, classes: int, folder: Path, rounds: int) -> None:
    print(f"{rows} rows x {classes} classes, float16")
    scores = torch.randn(min(rows, 200_000), classes).repeat(-(-rows // 200_000), 1)[:rows]
    bank, everything = Bank(scores), np.arange(rows)
    columns = {"x": np.arange(rows)}
    path = folder / "plain.bin"

    def ours() -> None:
        shutil.rmtree(folder / "write", ignore_errors=True)
        stored_write(scores, folder / "write")

    def taught() -> None:
        teach([bank], columns, everything, Store(folder / "store0"), codec="fp16", batch_size=CHUNK)

    print("  write       ", ratio(ours, lambda: plain_write(scores, path), max(rounds // 3, 3)))
    first = cpu(taught)
    store = Store(folder / "store0")
    signals = store.source(["bank"])
    print(f"  disk bytes   {store.info('bank').bytes / path.stat().st_size:5.2f}x")
    mapped = np.memmap(path, np.float16, "r", shape=(rows, classes))
    print("  gather      ", gathers(signals, mapped, rounds))
    opened = cpu(lambda: Reader(folder / "store0" / "bank"))
    print(f"  teach        {first:.2f} s CPU, again {cpu(taught):.2f} s, opening {opened:.3f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--rows-small", type=int, default=5_000_000)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    for rows, classes in ((50_000, 1000), (given.rows_small, 10)):
        with tempfile.TemporaryDirectory(dir=given.folder) as folder:
            measure(rows, classes, Path(folder), given.rounds)


if __name__ == "__main__":
    main()
