"""The store against a plain memory-mapped array: gather, write, disk bytes, signals of many teachers, ten million rows.

Both sides do the same work: a batch of 256 random rows ends as a float32 tensor, drawn beforehand and equal on both
sides, out of files that both map; a write ends with fsync. The plain array holds float16 records row after row.

    python benchmarks/store.py [--rounds 15] [--rows 5000000] [--folder PATH] [--smoke]
"""

from __future__ import annotations

import os
import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import harness
import numpy as np
import torch
from claims import Claim, exact, figure, ratio, show

from tutelage.core import Classes, Space
from tutelage.store import FP16, Reader, Store
from tutelage.store.fingerprint import raw
from tutelage.store.store import plan
from tutelage.teaching.teach import teach

BATCH, CHUNK, STEP = 256, 4096, 128


class Bank:
    """A teacher that answers out of memory, for nothing."""

    name, reads, frozen, deterministic, seen, parameters = "bank", ("x",), True, True, None, None

    def __init__(self, classes: int) -> None:
        torch.manual_seed(0)
        self.scores = torch.randn(200_000 if classes < 100 else 8192, classes)
        self.space = Space(Classes, tuple(map(str, range(classes))))
        self.fingerprint = {"weights": "bank"}

    def part(self, start: int, rows: int) -> torch.Tensor:
        """Scores of some rows, which repeat."""
        at = start % (len(self.scores) - CHUNK)
        return self.scores[at : at + rows]

    def answer(self, columns: Any) -> Classes:
        """Logits of consecutive rows."""
        return Classes.of(self.part(int(columns["x"][0]), len(columns["x"])), "logits")


def plain_write(bank: Bank, rows: int, path: Path) -> None:
    """Float16 records in one file, chunk by chunk as a teacher answers."""
    with path.open("wb") as file:
        for at in range(0, rows, CHUNK):
            file.write(raw(bank.part(at, min(CHUNK, rows - at)).half().numpy()))
        file.flush()
        os.fsync(file.fileno())


def stored_write(bank: Bank, rows: int, folder: Path) -> None:
    """The same records through the store: encoded, checksummed, each shard on disk before its marker."""
    shutil.rmtree(folder, ignore_errors=True)
    store, one = Store(folder), Classes.of(bank.part(0, CHUNK), "logits")
    manifest = plan("bank", bank.fingerprint, bank.space, one, FP16, None)
    with store.creating("bank"), store.writer(manifest) as writer:
        for start in range(0, rows, manifest.shard_rows):
            stop = min(start + manifest.shard_rows, rows)
            claim = writer.claim(0, start // manifest.shard_rows, stop - start)
            assert claim is not None
            claim.reserve()
            for at in range(start, stop, CHUNK):
                part = bank.part(at, min(CHUNK, stop - at))
                answer = Classes(part, "logits", one.coverage, one.valid[: len(part)])
                claim.put(np.arange(at, at + len(part)), answer)
            claim.commit({}, stop - start)
            claim.release()
        store.create(manifest)


def writing(kind: str, rows: int, classes: int, folder: Path) -> harness.Work:
    """Writes everything once."""
    return partial(plain_write if kind == "plain" else stored_write, Bank(classes), rows, folder / f"write-{kind}")


def gathering(kind: str, rows: int, classes: int, folder: Path, batches: int) -> harness.Work:
    """Gathers batches drawn beforehand, the same for either kind."""
    chance = torch.Generator().manual_seed(1)
    drawn = [torch.randint(rows, (BATCH,), generator=chance) for _ in range(batches)]
    view = torch.zeros(BATCH, dtype=torch.int64)
    mapped = np.memmap(folder / "plain.bin", np.float16, "r", shape=(rows, classes)) if kind == "plain" else np.empty(0)
    signals = Store(folder / "store").source(["bank"])

    def plain() -> None:
        for row in drawn:
            torch.from_numpy(mapped[row.numpy()]).float()

    def stored() -> None:
        for row in drawn:
            signals.gather(row, view)

    return plain if kind == "plain" else stored


def stacking(teachers: int, rows: int, folder: Path, batches: int) -> harness.Work:
    """Gathers and stacks the signals of many teachers about the batches of training steps."""
    store = Store(folder / "store")
    signals = type(store.source(["bank"]))(tuple(store.reader("bank") for _ in range(teachers)))
    drawn, view = torch.randint(rows, (batches, STEP)), torch.zeros(STEP, dtype=torch.int64)

    def work() -> None:
        for row in drawn:
            signals.gather(row, view).stacked()

    return work


def compared(rows: int, classes: int, folder: Path, given: Any) -> list[Claim]:
    """One size: write, disk, gather."""
    measure = partial(harness.measure, rounds=given.rounds, apart=not given.smoke)
    size, batches = f"{rows:,} × {classes}", 8 if given.smoke else 300 if classes > 100 else 4000
    bank = Bank(classes)
    plain_write(bank, rows, folder / "plain.bin")
    stored_write(bank, rows, folder / "store")
    wrote = measure({k: partial(writing, k, rows, classes, folder) for k in ("plain", "store")})
    read = measure({k: partial(gathering, k, rows, classes, folder, batches) for k in ("plain", "store")})
    disk = Store(folder / "store").info("bank").bytes / (folder / "plain.bin").stat().st_size
    each = np.array(read["store"].cpu) / batches * 1e6
    return [
        ratio(f"gather of {BATCH}, {size} fp16", read["store"], read["plain"], 1.2, "plain: mapped array"),
        figure("the same", each, None, " µs"),
        ratio(f"write, {size} fp16", wrote["store"], wrote["plain"], 3.0, "plain: file and fsync"),
        exact(f"disk bytes, {size} fp16", disk, 1.2, "×"),
    ]


def many(rows: int, folder: Path, given: Any) -> list[Claim]:
    """Signals of several teachers, gathered and stacked, per training step."""
    batches = 8 if given.smoke else 1000
    counts = (1, 8, 32)
    setups = {str(t): partial(stacking, t, rows, folder, batches) for t in counts}
    found = harness.measure(setups, given.rounds, apart=not given.smoke)
    note = f"batches of {STEP} rows × 10 classes"
    micro = {t: np.array(found[str(t)].cpu) / batches * 1e6 for t in counts}
    return [figure(f"gather and stack, T = {t}", micro[t], 200 if t == 8 else None, " µs", note) for t in counts]


def teaching(rows: int, folder: Path) -> harness.Work:
    """Teaches a table from its start to its end."""
    bank, numbers, store = Bank(10), np.arange(rows), Store(folder / f"{rows}" / "store")

    def work() -> None:
        shutil.rmtree(store.path, ignore_errors=True)
        teach([bank], {"x": numbers}, numbers, store, codec="fp16", batch_size=CHUNK)

    return work


def growth(folder: Path, given: Any) -> list[Claim]:
    """Teaching, opening and gathering while the table grows."""
    sizes, batches = ((1000, 10_000) if given.smoke else (100_000, 1_000_000, 10_000_000)), 8 if given.smoke else 4000
    claims: list[Claim] = []
    measure = partial(harness.measure, apart=not given.smoke)
    taught = measure({f"{n}": partial(teaching, n, folder) for n in sizes}, 1)
    opened = measure({f"{n}": partial(partial, Reader, folder / f"{n}/store/bank") for n in sizes}, given.rounds)
    ways = {f"{n}": partial(gathering, "store", n, 10, folder / f"{n}", batches) for n in sizes}
    read = measure(ways, given.rounds)
    for n in sizes:
        size, one = f"{n:,} × 10 fp16", taught[f"{n}"]
        claims += [
            figure(f"gather of {BATCH}, {size}", np.array(read[f"{n}"].cpu) / batches * 1e6, None, " µs"),
            figure(f"open, {size}", np.array(opened[f"{n}"].cpu) * 1e3, None, " ms"),
            exact(f"teach, {size}", one.cpu[0], None, " s"),
            exact(f"memory grown while teaching, {size}", one.grown, None, " MB", f"row numbers: {n >> 17} MB"),
        ]
    last, first = read[f"{sizes[-1]}"], read[f"{sizes[0]}"]
    return [*claims, ratio(f"gather at {sizes[-1]:,} rows against {sizes[0]:,}", last, first)]


def main() -> None:
    given = harness.arguments(__doc__, rows=5_000_000, folder="")
    sizes = ((3000, 100), (20_000, 10)) if given.smoke else ((50_000, 1000), (given.rows, 10))
    claims: list[Claim] = []
    with tempfile.TemporaryDirectory(dir=given.folder or None) as folder:
        for rows, classes in sizes:
            claims += compared(rows, classes, Path(folder), given)
        claims += many(sizes[-1][0], Path(folder), given)
        claims += growth(Path(folder), given)
    show("The store", claims, given)


if __name__ == "__main__":
    main()
