"""Streams: event time, watermark, late rows; and a kill at any moment loses and repeats nothing."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from data.shop import ENGINES
from outside import REPO
from tutelage.core import InputError
from tutelage.data.contract import Field, Schema
from tutelage.data.sources import Batch, Offsets, Origin, Polled, Stream, Tail

SCHEMA = Schema({"id": Field("integer"), "at": Field("time", ahead=3600), "n": Field("number", low=0)})
START = datetime(2025, 1, 1)


def event(number: int, minutes: float = 0.0, n: float = 1.0) -> dict[str, Any]:
    return {"id": number, "at": (START + timedelta(minutes=minutes)).isoformat(), "n": n}


def append(path: Path, *records: Any) -> None:
    with open(path, "ab") as file:
        for record in records:
            file.write(record if isinstance(record, bytes) else json.dumps(record).encode() + b"\n")


def stream(folder: Path, origin: Origin, **changed: Any) -> Stream:
    settings: dict[str, Any] = {"lateness": timedelta(minutes=5), **changed}
    return Stream("events", origin, SCHEMA, "at", folder / "state", **settings)


def ids(rows: Any) -> list[int]:
    return [row["id"] for row in rows]


def test_batches_of_a_growing_file(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    events = stream(tmp_path, Tail(path), size=2)
    assert events.poll().rows == ()  # the file is not there yet
    append(path, event(1), event(2, 1), event(3, 2), b'{"id": 4, "at": "2025-01-')
    first = events.poll()
    assert ids(first.rows) == [1, 2]
    assert first.watermark == START - timedelta(minutes=4)
    events.commit(first, None)
    second = events.poll()
    assert ids(second.rows) == [3]  # the line that is still being written waits
    events.commit(second, None)
    append(path, b'01T00:03:00", "n": 1}\n')
    assert ids(events.poll().rows) == [4]
    assert events.committed.counts == {"batches": 2, "rows": 3, "late": 0, "rejected": 0}


def test_late_rows_are_kept_apart(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    append(path, event(1, 0), event(2, 20), event(3, 15), event(4, 14.9), event(5, 3), event(6, 30), event(7, 20))
    events = stream(tmp_path, Tail(path))
    batch = events.poll()
    assert ids(batch.rows) == [1, 2, 3, 6]
    assert ids(batch.late) == [4, 5, 7]
    assert batch.watermark == START + timedelta(minutes=25)
    events.commit(batch, {})
    assert ids(events.late()) == [4, 5, 7]
    append(path, event(8, 24), event(9, 25))
    again = stream(tmp_path, Tail(path))
    assert again.committed.watermark == batch.watermark
    assert (ids(again.poll().late), ids(again.poll().rows)) == ([8], [9])


def test_bad_records_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    bad = [
        b"hello\n",
        b"[1]\n",
        json.dumps(event(3, n=-1.0)).encode() + b"\n",
        b'{"id": "x"}\n',
        b'{"id": 5, "n": 1}\n',
    ]
    late = json.dumps(event(6, 60 * 24 * 365 * 1000)).encode() + b"\n"
    append(path, event(1), *bad, late, b"\n", event(2))
    events = stream(tmp_path, Tail(path))
    batch = events.poll(now=START)
    assert ids(batch.rows) == [1, 2]  # a clock in the future does not carry the watermark away
    events.commit(batch, None)
    kept = stream(tmp_path, Tail(path)).rejected()
    assert [record.raw_bytes + b"\n" for record in kept] == [*bad, late]
    assert [record.line for record in kept] == [2, 3, 4, 5, 6, 7]
    content = path.read_bytes()
    assert all(content[r.offset :].startswith(r.raw_bytes) for r in kept)
    assert [r.rule.partition(":")[0] for r in kept] == [
        "is no JSON",
        "is no JSON object",
        "column 'n' must not be less than 0",
        "column 'id' is of kind integer and holds text",
        "column 'at' must not be missing",
        "column 'at' must not lie more than 3600 s in the future (a clock is wrong)",
    ]


def test_what_is_not_committed_comes_again(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    append(path, *[event(i, i) for i in range(10)])
    events = stream(tmp_path, Tail(path), size=4)
    first = events.poll()
    assert events.poll().rows == first.rows
    with pytest.raises(InputError, match="only the last batch that was polled can be committed"):
        events.commit(first, None)
    events.commit(events.poll(), {"sum": 6})
    assert ids(events.poll().rows) == [4, 5, 6, 7]
    again = stream(tmp_path, Tail(path), size=4)
    assert again.committed.state == {"sum": 6}
    assert ids(again.poll().rows) == [4, 5, 6, 7]


def test_a_batch_as_a_table(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    append(path, event(1), event(2, 1))
    for make in ENGINES.values():
        engine = make()
        events = stream(tmp_path, Tail(path))
        found = engine.collect(events.table(engine, events.poll()))
        assert found["id"].tolist() == [1, 2]
        assert str(found["at"][1]) == "2025-01-01T00:01:00.000000"


def test_errors(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    append(path, event(1), event(2))
    with pytest.raises(InputError, match="its time 'id' must be a column of kind time"):
        Stream("events", Tail(path), SCHEMA, "id", tmp_path / "other")
    events = stream(tmp_path, Tail(path))
    with pytest.raises(InputError, match="kept as JSON and cannot hold a set"):
        events.commit(events.poll(), {1, 2})
    assert events.committed.counts["batches"] == 0
    events.commit(events.poll(), None)
    with pytest.raises(InputError, match=r"belongs to stream 'events', format 1, not to 'others'"):
        Stream("others", Tail(path), SCHEMA, "at", tmp_path / "state")
    path.write_bytes(b"")
    with pytest.raises(InputError, match=r"events\.jsonl has 0 bytes, but \d+ were read of it: it was cut or replaced"):
        stream(tmp_path, Tail(path)).poll()
    (tmp_path / "state" / "state.json").write_text("{")
    with pytest.raises(InputError, match=r"state\.json is no state of a stream"):
        stream(tmp_path, Tail(path))


class Broker:
    """An origin with two partitions that forgets what was committed."""

    def __init__(self, records: Mapping[str, list[bytes]]) -> None:
        self.kept = {place: dict(enumerate(part)) for place, part in records.items()}
        self.at = dict.fromkeys(records, 0)

    def seek(self, offsets: Mapping[str, int]) -> None:
        self.at = {place: offsets.get(place, 0) for place in self.kept}

    def poll(self, n: int) -> tuple[list[Polled], Offsets]:
        found: list[Polled] = []
        for place, part in self.kept.items():
            while len(found) < n and self.at[place] in part:
                number = self.at[place]
                found.append(Polled(place, number + 1, number, part[number]))
                self.at[place] += 1
        return found, dict(self.at)

    def commit(self, offsets: Mapping[str, int]) -> None:
        for place, end in offsets.items():
            for number in [number for number in self.kept[place] if number < end]:
                del self.kept[place][number]


def test_a_broker_is_another_origin(tmp_path: Path) -> None:
    lines = [json.dumps(event(i, i / 100)).encode() for i in range(40)]
    broker = Broker({"even": lines[::2], "odd": lines[1::2]})
    assert isinstance(broker, Origin)
    assert isinstance(Tail(tmp_path / "x"), Origin)
    seen: list[int] = []
    while batch := stream(tmp_path, broker, size=7).poll():  # restarted for every batch
        if not batch.rows:
            break
        events = stream(tmp_path, broker, size=7)
        again = events.poll()
        assert again.rows == batch.rows
        events.commit(again, None)
        seen += ids(again.rows)
    assert sorted(seen) == list(range(40))
    assert broker.kept == {"even": {}, "odd": {}}


COUNTING = """
import sys
from datetime import timedelta
from pathlib import Path
from tutelage.data.contract import Field, Schema
from tutelage.data.sources import Stream, Tail

folder, total = Path(sys.argv[1]), int(sys.argv[2])
schema = Schema({"id": Field("integer"), "at": Field("time"), "n": Field("number", low=0)})
stream = Stream("events", Tail(folder / "events.jsonl"), schema, "at", folder / "state",
                lateness=timedelta(minutes=5), size=37)

def step(state, batch):
    state = dict(state)
    for row in batch.rows:
        state["sum"] += row["id"]
        state["rows"] += 1
    return state

def idle():
    return sum(stream.committed.counts[part] for part in ("rows", "late", "rejected")) < total

for committed in stream.run(step, idle=idle, start={"sum": 0, "rows": 0}):
    print(committed.counts["rows"], flush=True)
"""


def test_kill_9_loses_and_repeats_nothing(tmp_path: Path) -> None:
    """A real process is killed again and again, at any moment, while another one writes."""
    total = 6000
    lines: list[bytes] = []
    for i in range(total):
        late = i % 50 == 49
        lines.append(b"broken\n" if i % 97 == 5 else json.dumps(event(i, i - 1000 * late)).encode() + b"\n")
    path = tmp_path / "events.jsonl"
    calm = tmp_path / "calm"
    calm.mkdir()
    (calm / "events.jsonl").write_bytes(b"".join(lines))
    run(calm, total).communicate(timeout=60)
    kills, written = 0, 0
    chance = random.Random(7)
    for _ in range(60):
        with open(path, "ab") as file:  # in pieces that cut lines
            piece = b"".join(lines[written : written + 400])
            written = min(written + 400, total)
            file.write(piece[: len(piece) // 2])
            file.flush()
            file.write(piece[len(piece) // 2 :])
        process = run(tmp_path, total)
        assert process.stdout is not None
        for _ in range(chance.randrange(1, 6)):
            if not process.stdout.readline():
                break
        time.sleep(chance.random() * 0.004)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
        process.communicate(timeout=60)
        if written == total and process.returncode == 0:
            break
        if kills == 12:
            break
    with open(path, "ab") as file:
        file.write(b"".join(lines[written:]))
    run(tmp_path, total).communicate(timeout=60)
    assert kills >= 5
    disturbed, undisturbed = (stream(folder, Tail(folder / "events.jsonl")) for folder in (tmp_path, calm))
    assert disturbed.committed.state == undisturbed.committed.state
    assert disturbed.committed.watermark == undisturbed.committed.watermark
    parts = ("rows", "late", "rejected")
    assert [disturbed.committed.counts[p] for p in parts] == [undisturbed.committed.counts[p] for p in parts]
    assert disturbed.late() == undisturbed.late()
    assert [r.raw for r in disturbed.rejected()] == [r.raw for r in undisturbed.rejected()]
    assert sum(disturbed.committed.counts[p] for p in parts) == total
    assert disturbed.poll() == Batch((), (), (), disturbed.committed.watermark, disturbed.committed.offsets)


def run(folder: Path, total: int) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(REPO / "src")}
    command = [sys.executable, "-c", COUNTING, str(folder), str(total)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
