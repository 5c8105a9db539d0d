"""Teach: every teacher answers every row once, into a store.

Teachers come one after another, so that one is in memory at a time. A shard of rows is claimed, asked
batch by batch, written, and marked as finished; whatever stops the work, running it again goes on where
it stopped. Several processes that run it at once share the shards.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import cast

import numpy as np
from torch import Tensor

from ..core import Columns, InputError, StoreError, Teacher
from ..data.views import FittedViews
from ..store import Codec, Store, StoredSignals, Writer
from ..store.codecs import parse
from ..store.layout import Manifest, Marker
from ..store.match import same_content, same_teacher
from ..store.store import SMALLEST_SHARD, plan
from ..store.writer import Claim, disk_full
from .progress import TeachProgress, Teller
from .table import Table, checked_rows


def teach(
    teachers: Sequence[Teacher | Callable[[], Teacher]],
    columns: Columns,
    row: np.ndarray | Tensor,
    store: Store,
    *,
    views: int | FittedViews = 1,
    viewed: np.ndarray | None = None,
    codec: Codec | str = "fp32",
    batch_size: int = 1024,
    shard_rows: int | None = None,
    commit_seconds: float = 10.0,
    progress: Callable[[TeachProgress], None] | None = None,
) -> StoredSignals:
    """Stores what the teachers say about these rows; what is there already is not asked again.

    Args:
        teachers: frozen, deterministic teachers, or functions without arguments that make one.
        columns: the raw columns of the whole table.
        row: row numbers, int [N], not negative; order and repetition do not matter.
        store: where the answers go.
        views: the views of the table, or how many views of each row there are that look alike.
        viewed: the rows that are asked about in view 1 and up; all of `row` unless given.
        codec: how answers are written: `fp32`, `fp16`, `bf16`, `top<k>`, `mass<share>`, or a codec.
        batch_size: rows per question.
        shard_rows: rows per shard of teachers that are new to the store; None: about 4 MiB.
        commit_seconds: a shard that takes longer is brought to disk in between, this often.
        progress: told after every batch.

    Returns:
        The stored signals, in the order of the teachers.

    Raises:
        InputError: a teacher cannot be stored, does not get its columns, or failed.
        StoreError: the store holds answers of another version of the teacher, about other data or in
            another codec; or the disk is full. What was answered before is kept in any case.
    """
    codec = parse(codec) if isinstance(codec, str) else codec
    looks = views if isinstance(views, FittedViews) else None
    count = views if isinstance(views, int) else views.count
    if count is None:
        raise InputError(
            "views without end cannot be stored: give Views(count=...), or ask live, Live(..., views=views)"
        )
    table = Table(columns, len(next(iter(columns.values()))) if columns else int(row.max()) + 1, looks)
    first = checked_rows(row, table.length)
    rows = (first, *[first if viewed is None else checked_rows(viewed, table.length)] * (count - 1))
    names: list[str] = []
    for number, item in enumerate(teachers):
        tell = Teller(number, len(teachers), sum(map(len, rows)), progress or (lambda _: None))
        lesson = partial(_Lesson, table, rows, store, codec, batch_size, shard_rows, commit_seconds, tell)
        names.append(_taught(item, lesson, names))
    return store.source(names)


def _taught(item: Teacher | Callable[[], Teacher], lesson: Callable[[Teacher], _Lesson], others: list[str]) -> str:
    """Teaches one teacher, which nobody holds afterwards if it was made here; its name."""
    ready = hasattr(item, "answer") and not isinstance(item, type)
    teacher = cast("Teacher", item) if ready else cast("Callable[[], Teacher]", item)()
    if teacher.name in others:
        raise InputError(f"two teachers are named {teacher.name!r}: give each its own name")
    lesson(teacher).run()
    return teacher.name


@dataclass(frozen=True)
class _Lesson:
    """One teacher answers the rows that the store does not have yet."""

    table: Table
    rows: tuple[np.ndarray, ...]  # of each view
    store: Store
    codec: Codec
    batch_size: int
    shard_rows: int | None
    commit_seconds: float
    tell: Teller
    teacher: Teacher

    def run(self) -> None:
        """Teaches all shards, those that other processes are at last."""
        self._check_storable()
        manifest = self.store.manifest(self.teacher.name) or self._begin()
        same_teacher(manifest, self.teacher.fingerprint, self.teacher.space, self.codec, self.store.path)
        pending = [(view, rows) for view, all_rows in enumerate(self.rows) for rows in _shards(all_rows, manifest)]
        with self.store.writer(manifest) as writer:
            while pending:
                waiting = [(view, rows) for view, rows in pending if not self._shard(writer, view, rows)]
                if len(waiting) == len(pending):
                    time.sleep(0.1)
                pending = waiting

    def _check_storable(self) -> None:
        for wanted in ("frozen", "deterministic"):
            if not getattr(self.teacher, wanted):
                raise InputError(
                    f"teacher {self.teacher.name!r} is not {wanted}, so that its answers cannot be stored: "
                    "use it live, Live((teacher,), columns)"
                )

    def _begin(self) -> Manifest:
        """Asks the first rows, which tell the form of the answers, and begins the teacher's folder."""
        with self.store.creating(self.teacher.name):
            found = self.store.manifest(self.teacher.name)
            if found is not None:
                return found
            block = self.rows[0] // (self.shard_rows or SMALLEST_SHARD)
            first = self.rows[0][block == block[0]][: self.batch_size]
            with _blamed(self.teacher, first):
                answer = self.table.ask(self.teacher, first, 0)
                fingerprint = self.teacher.fingerprint
                manifest = plan(self.teacher.name, fingerprint, self.teacher.space, answer, self.codec, self.shard_rows)
            with self.store.writer(manifest) as writer:
                claim = self._claim(writer, 0, first)
                if claim is None:
                    raise StoreError(f"a shard of teacher {self.teacher.name!r}, new to {self.store.path}, is locked")
                try:
                    self._reserve(writer, claim)
                    claim.put(first, answer)
                    self._commit(writer, claim)
                    with disk_full(writer.folder, self._needed(writer)):
                        self.store.create(manifest)
                finally:
                    claim.release()
            self.tell.asked += len(first)
            return manifest

    def _shard(self, writer: Writer, view: int, rows: np.ndarray) -> bool:
        """Teaches these rows of one shard; False while another process has it."""
        start = int(rows[0]) // writer.manifest.shard_rows * writer.manifest.shard_rows
        marker = writer.marker(view, start // writer.manifest.shard_rows)
        if marker is not None:
            self._check_content(marker, start, view)
            if marker.present[rows - start].all():
                self.tell(self.teacher, found=len(rows))
                return True
        claim = self._claim(writer, view, rows)
        if claim is None:
            return False
        try:
            if claim.marker is not None:
                self._check_content(claim.marker, start, view)
            missing = rows[~claim.present[rows - start]]
            self.tell(self.teacher, found=len(rows) - len(missing))
            if len(missing):
                self._reserve(writer, claim)
                self._fill(writer, claim, missing)
        finally:
            claim.release()
        return True

    def _fill(self, writer: Writer, claim: Claim, rows: np.ndarray) -> None:
        """Asks about these rows and brings the answers to disk, also when a question fails."""
        committed = time.monotonic()
        try:
            for at in range(0, len(rows), self.batch_size):
                batch = rows[at : at + self.batch_size]
                with _blamed(self.teacher, batch, f"shard {claim.shard} of view {claim.view}, "):
                    claim.put(batch, self.table.ask(self.teacher, batch, claim.view))
                self.tell(self.teacher, asked=len(batch))
                if time.monotonic() - committed > self.commit_seconds:
                    self._commit(writer, claim)
                    committed = time.monotonic()
        finally:
            self._commit(writer, claim)

    def _claim(self, writer: Writer, view: int, rows: np.ndarray) -> Claim | None:
        size = writer.manifest.shard_rows
        shard = int(rows[0]) // size
        return writer.claim(view, shard, min(size, self.table.length - shard * size))

    def _reserve(self, writer: Writer, claim: Claim) -> None:
        with disk_full(writer.folder, self._needed(writer)):
            claim.reserve()

    def _commit(self, writer: Writer, claim: Claim) -> None:
        content = self.table.content(self.teacher, claim.start, claim.start + claim.rows, claim.view)
        with disk_full(writer.folder, self._needed(writer)):
            claim.commit(content, claim.rows)

    def _check_content(self, marker: Marker, start: int, view: int) -> None:
        name, stop = self.teacher.name, min(start + marker.hashed, self.table.length)
        found = self.table.content(self.teacher, start, stop, view)
        same_content(name, marker, found, start, stop - start)

    def _needed(self, writer: Writer) -> int:
        return (self.tell.total - self.tell.done) * writer.manifest.record


def _shards(rows: np.ndarray, manifest: Manifest) -> list[np.ndarray]:
    """Sorted rows, shard by shard."""
    return np.split(rows, np.flatnonzero(np.diff(rows // manifest.shard_rows)) + 1)


@contextmanager
def _blamed(teacher: Teacher, rows: np.ndarray, where: str = "") -> Generator[None]:
    """Names teacher, shard and rows in whatever goes wrong while a teacher answers."""
    try:
        yield
    except Exception as error:
        together = rows[-1] - rows[0] == len(rows) - 1
        asked = f"{rows[0]}..{rows[-1]}" if together else f"{rows[:5].tolist()} ... {rows[-1]}"
        raise InputError(
            f"teacher {teacher.name!r} failed in {where}rows {asked} ({len(rows)} rows; positions count within them): "
            f"{type(error).__name__}: {error}. What it answered before is kept: mend it and teach again"
        ) from error
