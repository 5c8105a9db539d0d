"""A training that is killed at any moment and taken up again ends with the same numbers."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from replay.forked import forked
from train.small import joined, net, same, table
from tutelage.train import Fitted, Training, fit

EPOCHS_PER_KILL = 8


def work(folder: Path | None, epochs: int) -> Fitted:
    rows = table()
    return fit(net(dropout=0.3), joined(rows), rows, Training(epochs, 8, patience=epochs, checkpoint=folder, threads=1))


def stamp(file: Path) -> tuple[int, int]:
    return (file.stat().st_ino, file.stat().st_mtime_ns) if file.exists() else (0, 0)


def wait_for(file: Path, more: int) -> None:
    """Until the file has been replaced so many times."""
    ends = time.monotonic() + 60.0
    last = stamp(file)
    while more:
        assert time.monotonic() < ends, f"{more} of the checkpoints waited for were not written in a minute"
        now = stamp(file)
        more -= now != last
        last = now
        time.sleep(0.0005)


@pytest.mark.parametrize(
    ("kills", "seed"),
    [pytest.param(5, 0, marks=pytest.mark.slow), pytest.param(50, 1, marks=pytest.mark.soak)],
)
def test_a_killed_training_ends_as_if_nothing_had_happened(tmp_path: Path, kills: int, seed: int) -> None:
    chance, epochs = random.Random(seed), EPOCHS_PER_KILL * kills
    work(None, 1)
    start = time.monotonic()
    calm = work(None, epochs)
    epoch = (time.monotonic() - start) / epochs
    for _ in range(kills):
        child = forked(lambda: work(tmp_path, epochs))
        wait_for(tmp_path / "checkpoint.pt", chance.randrange(4))
        time.sleep(chance.uniform(0.0, 2 * epoch))
        child.kill()
    reached = torch.load(tmp_path / "checkpoint.pt")["state"]["epoch"]
    assert 0 < reached < epochs, "the kills came before the first checkpoint or after the end"
    found = work(tmp_path, epochs)
    assert same(found.student, calm.student)
    assert [replace(e, seconds=0.0) for e in found.history] == [replace(e, seconds=0.0) for e in calm.history]
    assert found.best_epoch == calm.best_epoch
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt"], "a kill left something behind"
