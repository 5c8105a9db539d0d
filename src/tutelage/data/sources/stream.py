"""Streams: records in small batches, with event time, a watermark, late rows kept apart, and restarts without loss.

A `Stream` polls an `Origin` and commits the state of its user and the offsets in one rename: whoever is killed at
whatever moment goes on from the last commit, and what was not committed is polled again. So every batch is in the
state exactly once.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, final

import narwhals.stable.v2 as nw

from ...core import InputError
from ...core.errors import require
from ..checks import Checker, utc_now
from ..contract import Schema
from ..engines import Engine
from ..quarantine import Rejected, text_of, write_whole
from .origin import Offsets, Origin
from .typed import table_of
from .values import Lists, fits, flatten, misfit, to_time

FORMAT = 1


@dataclass(frozen=True)
class Batch:
    """Records that came together.

    Args:
        rows: good records in order, flat, with their times as `datetime`.
        late: good records older than the watermark by more than is allowed when they came.
        rejected: bad ones.
        watermark: the time up to which everything is taken to have come; None before the first record.
        offsets: behind the last of them.
    """

    rows: tuple[dict[str, Any], ...]
    late: tuple[dict[str, Any], ...]
    rejected: tuple[Rejected, ...]
    watermark: datetime | None
    offsets: Offsets


@dataclass(frozen=True)
class Committed:
    """What is on disk.

    Args:
        state: whatever the user's step returned last, as JSON.
        offsets: behind the last record that is in it.
        watermark: after that record.
        counts: batches, rows, late and rejected records so far.
    """

    state: Any = None
    offsets: Offsets = field(default_factory=dict)
    watermark: datetime | None = None
    counts: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(("batches", "rows", "late", "rejected"), 0))


@final
class Stream:
    """JSON records from an origin, in batches.

    The watermark is the greatest event time seen, minus `lateness`. A record before the watermark is late.

    Args:
        name: of the source.
        origin: where the records come from.
        schema: kinds and rules of the columns; keys are not remembered (see `run`).
        time: the column of event time.
        folder: where `state.json`, `late.jsonl` and `rejected.jsonl` are kept; one stream, one folder.
        lateness: how far behind the greatest event time a record may be.
        size: most records in a batch.
        lists: columns of lists that are counted.
    """

    def __init__(
        self,
        name: str,
        origin: Origin,
        schema: Schema,
        time: str,
        folder: Path | str,
        *,
        lateness: timedelta = timedelta(0),
        size: int = 1000,
        lists: Lists | None = None,
    ) -> None:
        if schema.types.get(time) != "time":
            raise InputError(
                f"stream {name!r}: its time {time!r} must be a column of kind time; there are {schema.types}"
            )
        if size < 1 or lateness < timedelta(0):
            raise InputError(f"stream {name!r} needs a size of at least 1 and no negative lateness: {size}, {lateness}")
        self.name, self.origin, self.schema, self.time = name, origin, schema, time
        self.folder, self.lateness, self.size, self.lists = Path(folder), lateness, size, lists or {}
        self.folder.mkdir(parents=True, exist_ok=True)
        self._loads = require("orjson", extra="data", why="read JSON").loads
        self._polled: Batch | None = None
        self.committed = self._restored()
        self.origin.seek(self.committed.offsets)

    def poll(self, *, now: datetime | None = None) -> Batch:
        """The next batch, or the last one again where it was not committed; empty when nothing has come.

        Args:
            now: the time of reading, for rules on times in the future.
        """
        if self._polled is not None:
            self.origin.seek(self.committed.offsets)
        records, offsets = self.origin.poll(self.size)
        checker = Checker(Schema(self.schema.fields), now or utc_now())
        watermark = self.committed.watermark
        rows: list[dict[str, Any]] = []
        late: list[dict[str, Any]] = []
        rejected: list[Rejected] = []
        for record in records:
            row, rule = self._row(record.raw, checker)
            if rule is not None:
                raw = text_of(record.raw)
                rejected.append(Rejected(self.name, record.place, record.number, record.offset, raw, rule, "stream"))
            elif watermark is not None and row[self.time] < watermark:
                late.append(row)
            else:
                rows.append(row)
                reached = row[self.time] - self.lateness
                watermark = reached if watermark is None else max(watermark, reached)
        self._polled = Batch(tuple(rows), tuple(late), tuple(rejected), watermark, offsets)
        return self._polled

    def table(self, engine: Engine, batch: Batch) -> nw.LazyFrame:
        """The good rows of a batch as a frame."""
        return table_of(engine, [list(row.values()) for row in batch.rows], self.schema)

    def commit(self, batch: Batch, state: Any) -> None:
        """Keeps a batch and the state after it: both or none.

        Args:
            batch: the last one polled.
            state: anything that JSON can hold.

        Raises:
            InputError: another batch was polled since, or JSON cannot hold the state.
        """
        if batch is not self._polled:
            raise InputError(f"stream {self.name!r}: only the last batch that was polled can be committed")
        old = self.committed.counts
        sizes = {"batches": 1, "rows": len(batch.rows), "late": len(batch.late), "rejected": len(batch.rejected)}
        counts = {name: old[name] + size for name, size in sizes.items()}
        lines = [json.dumps(row, default=_plain) for row in batch.late]
        bad = [json.dumps(record.__dict__) for record in batch.rejected]
        ends = {"late": self._append("late.jsonl", lines), "rejected": self._append("rejected.jsonl", bad)}
        value = {
            "format": FORMAT,
            "stream": self.name,
            "offsets": batch.offsets,
            "watermark": None if batch.watermark is None else batch.watermark.isoformat(),
            "counts": counts,
            "bytes": ends,
            "state": state,
        }
        write_whole(self.folder / "state.json", json.dumps(value, default=_plain).encode())
        self._ends, self._polled = ends, None
        self.committed = Committed(state, batch.offsets, batch.watermark, counts)
        self.origin.commit(batch.offsets)

    def run(
        self, step: Callable[[Any, Batch], Any], *, idle: Callable[[], bool], start: Any = None
    ) -> Iterator[Committed]:
        """Polls, applies `step(state, batch) -> state` and commits, again and again.

        Args:
            step: a pure function; what it does elsewhere than in the state is done again after a crash.
            idle: asked when nothing has come; waits, and says whether to go on.
            start: the first state.
        """
        while True:
            batch = self.poll()
            if not (batch.rows or batch.late or batch.rejected):
                if not idle():
                    return
                continue
            first = not self.committed.counts["batches"]
            self.commit(batch, step(start if first else self.committed.state, batch))
            yield self.committed

    def late(self) -> list[dict[str, Any]]:
        """All late rows that were committed."""
        return [json.loads(line) for line in self._kept("late.jsonl")]

    def rejected(self) -> list[Rejected]:
        """All rejected records that were committed."""
        return [Rejected(**json.loads(line)) for line in self._kept("rejected.jsonl")]

    def _row(self, raw: bytes, checker: Checker) -> tuple[dict[str, Any], str | None]:
        try:
            record = self._loads(raw)
        except ValueError as error:
            return {}, f"is no JSON: {str(error).partition(':')[0]}"
        if not isinstance(record, dict):
            return {}, "is no JSON object"
        flat = dict(flatten(record, self.lists))
        row: dict[str, Any] = {}
        for name, kind in self.schema.types.items():
            value = flat.get(name)
            if not fits(value, kind):
                return {}, misfit(name, value, kind)
            row[name] = to_time(value) if kind == "time" and value is not None else value
        if row[self.time] is None:
            return {}, f"column {self.time!r} must not be missing: it is the time of the stream"
        return row, checker.wrong(row)

    def _restored(self) -> Committed:
        """What the last commit left; what was written after it is cut off."""
        path = self.folder / "state.json"
        self._ends = {"late": 0, "rejected": 0}
        found = Committed()
        if path.is_file():
            try:
                value = json.loads(path.read_bytes())
                mark = value["watermark"] and datetime.fromisoformat(value["watermark"])
                found = Committed(value["state"], value["offsets"], mark, value["counts"])
                self._ends, name, form = value["bytes"], value["stream"], value["format"]
            except (ValueError, KeyError, TypeError) as error:
                raise InputError(f"stream {self.name!r}: {path} is no state of a stream ({error!r})") from error
            if name != self.name or form != FORMAT:
                raise InputError(
                    f"{path} belongs to stream {name!r}, format {form}, not to {self.name!r}: one folder each"
                )
        for part, end in self._ends.items():
            kept = self.folder / f"{part}.jsonl"
            if kept.is_file():
                with open(kept, "r+b") as file:
                    file.truncate(end)
        return found

    def _append(self, name: str, lines: Sequence[str]) -> int:
        """Adds lines behind the committed ones, on disk, and says where they end."""
        path, part = self.folder / name, name.partition(".")[0]
        if not lines:
            return self._ends[part]
        with open(path, "r+b" if path.exists() else "w+b") as file:
            file.truncate(self._ends[part])
            file.seek(0, os.SEEK_END)
            file.write("".join(f"{line}\n" for line in lines).encode())
            file.flush()
            os.fsync(file.fileno())
            return file.tell()

    def _kept(self, name: str) -> list[str]:
        path, part = self.folder / name, name.partition(".")[0]
        if not path.is_file():
            return []
        return path.read_bytes()[: self._ends[part]].decode().splitlines()


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise InputError(f"the state of a stream is kept as JSON and cannot hold a {type(value).__name__}: {value!r}")
