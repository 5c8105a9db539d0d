"""Teaching that is killed at any moment, or shared by two processes, ends as if nothing had happened."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from replay.forked import forked
from store.asked import Asked, table
from tutelage.core import Answer, Classes
from tutelage.store import Store, StoredSignals
from tutelage.teaching.teach import teach

ROWS, SHARD, BATCH = 1500, 40, 8
ALL = np.arange(ROWS)
SECONDS = 0.004  # what a teacher takes for a batch


@dataclass
class Logged(Asked):
    """Writes every question to a file and takes its time."""

    log: Path | None = None

    def answer(self, columns: Mapping[str, np.ndarray]) -> Answer:
        assert self.log is not None
        line = " ".join(str(int(x)) for x in columns["x"]) + "\n"
        handle = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(handle, line.encode())
        os.close(handle)
        time.sleep(SECONDS)
        return super().answer(columns)


def work(folder: Path, log: Path, rows: np.ndarray) -> StoredSignals:
    teacher, columns = Logged(log=log), table(5 * ROWS * 2)
    return teach([teacher], columns, rows, Store(folder), codec="fp16", shard_rows=SHARD, batch_size=BATCH)


def questions(log: Path) -> Counter[int]:
    return Counter(int(word) for word in log.read_text().split()) if log.exists() else Counter()


def everything(signals: StoredSignals, rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    answer = signals.gather(torch.from_numpy(rows), torch.zeros(len(rows), dtype=torch.int64)).answers[0]
    assert isinstance(answer, Classes)
    return answer.scores, answer.valid


def check_undisturbed(tmp_path: Path, store: Path, rows: np.ndarray) -> None:
    calm = work(tmp_path / "calm", tmp_path / "calm.log", rows)
    signals = Store(store).source(["asked"])
    assert all(torch.equal(a, b) for a, b in zip(everything(calm, rows), everything(signals, rows), strict=True))
    assert calm.keys == signals.keys
    assert Store(store).verify("asked") == []
    assert list((store / "asked" / "locks").iterdir()) == []


def present(store: Path) -> set[int]:
    if Store(store).manifest("asked") is None:
        return set()
    return set(Store(store).reader("asked").views[0].present.nonzero()[0].tolist())


@pytest.mark.parametrize(
    ("kills", "seed"),
    [pytest.param(5, 0, marks=pytest.mark.slow), pytest.param(50, 1, marks=pytest.mark.soak)],
)
def test_kills_at_any_moment_cost_the_shard_in_flight_and_nothing_else(tmp_path: Path, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    store, log = tmp_path / "store", tmp_path / "log"
    rows = np.arange(ROWS // 5 * kills)
    pause = 0.6 * len(rows) / BATCH * SECONDS / kills
    struck = 0
    for _ in range(kills):
        before, kept = questions(log), present(store)
        child = forked(lambda: work(store, log, rows))
        time.sleep(chance.uniform(0.0, 2 * pause))
        child.kill()
        now = present(store)
        assert kept <= now
        again = questions(log) - before
        assert not kept & set(again), "a finished row was asked again"
        lost = set(again) - now
        assert len({row // SHARD for row in lost}) <= 1, "more than the shard in flight was lost"
        struck += len(now) < len(rows)
    assert struck == kills, "the kills came after the end"
    work(store, log, rows)
    total = questions(log)
    assert set(total) == set(rows.tolist())
    assert sum(total.values()) <= len(rows) + kills * SHARD
    check_undisturbed(tmp_path, store, rows)


@pytest.mark.slow
def test_two_processes_share_the_shards(tmp_path: Path) -> None:
    store = tmp_path / "store"
    logs = [tmp_path / "log0", tmp_path / "log1"]
    children = [forked(lambda log=log: work(store, log, ALL)) for log in logs]
    assert [child.wait() for child in children] == [0, 0]
    total = questions(logs[0]) + questions(logs[1])
    assert total == Counter(range(ROWS)), "a row was asked twice, or never"
    assert all(sum(questions(log).values()) > ROWS // 5 for log in logs), "one process did all the work"
    check_undisturbed(tmp_path, store, ALL)


@pytest.mark.slow
def test_a_process_takes_over_from_one_that_was_killed(tmp_path: Path) -> None:
    store = tmp_path / "store"
    logs = [tmp_path / "log0", tmp_path / "log1"]
    killed, other = (forked(lambda log=log: work(store, log, ALL)) for log in logs)
    time.sleep(0.1)
    killed.kill()
    assert other.wait() == 0
    total = questions(logs[0]) + questions(logs[1])
    assert sum(total.values()) <= ROWS + SHARD
    work(store, logs[1], ALL)
    check_undisturbed(tmp_path, store, ALL)


@pytest.mark.slow
def test_overlapping_requests_of_two_processes(tmp_path: Path) -> None:
    store = tmp_path / "store"
    logs = [tmp_path / "log0", tmp_path / "log1"]
    parts = [np.arange(0, ROWS, 2), np.arange(0, ROWS, 3)]
    children = [
        forked(lambda log=log, rows=rows: work(store, log, rows)) for log, rows in zip(logs, parts, strict=True)
    ]
    assert [child.wait() for child in children] == [0, 0]
    total = questions(logs[0]) + questions(logs[1])
    both = np.union1d(*parts)
    assert total == Counter(both.tolist())
    check_undisturbed(tmp_path, store, both)
