"""The store: a folder with what teachers said, one sub-folder per teacher."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..core import Answer, InputError, Space, StoreError
from .codec import Bound, Codec
from .gather import StoredSignals
from .layout import Manifest, folder_name
from .locks import held, take
from .reader import Reader
from .writer import Writer

SHARD_BYTES = 4 << 20
"""About how much a shard holds unless its number of rows is given."""

SMALLEST_SHARD, LARGEST_SHARD = 64, 131072
"""Rows of the smallest and the largest shard that is chosen."""


@dataclass(frozen=True)
class Info:
    """What a store has of one teacher.

    Attributes:
        rows: rows with an answer in at least one view.
        views: number of views.
        shards: finished shards.
        bytes: taken on disk, with markers.
        codec: as written in the manifest.
        error: the most by which any row may differ from what the teacher said.
        fingerprint: the teacher's, part by part.
    """

    rows: int
    views: int
    shards: int
    bytes: int
    codec: Mapping[str, object]
    error: Bound
    fingerprint: Mapping[str, str]


def plan(
    name: str,
    fingerprint: Mapping[str, str],
    space: Space,
    first: Answer,
    codec: Codec,
    shard_rows: int | None,
) -> Manifest:
    """The manifest of a teacher that is new to a store.

    Args:
        name: of the teacher.
        fingerprint: what its answers depend on, part by part.
        space: its own kind of answer and names.
        first: its first answers; codecs decide by them what they leave open.
        codec: how answers are written.
        shard_rows: rows per shard; None: a power of two that makes about `SHARD_BYTES`.
    """
    fitted = codec.fitted(first)
    stored, _ = fitted.encode(first)
    answer, meta = fitted.decoded(first)
    manifest = Manifest(
        name,
        dict(fingerprint),
        space.kind,
        space.names,
        meta,
        fitted.to_json(),
        shard_rows or 1,
        stored,
        answer,
    )
    if shard_rows is not None:
        return manifest
    fitting = max(SHARD_BYTES // max(manifest.record, 1), 1)
    return replace(manifest, shard_rows=min(max(1 << (fitting.bit_length() - 1), SMALLEST_SHARD), LARGEST_SHARD))


@dataclass(frozen=True)
class Store:
    """Signals on disk. Nothing is created before something is written.

    Several processes may write and read at once on file systems that know `flock`.

    Args:
        path: the folder.
    """

    path: Path

    def __init__(self, path: str | os.PathLike[str]) -> None:
        object.__setattr__(self, "path", Path(path))

    def names(self) -> tuple[str, ...]:
        """The teachers that are in the store, sorted."""
        return tuple(sorted(Manifest.read(found.parent).teacher for found in self.path.glob("*/manifest.json")))

    def manifest(self, name: str) -> Manifest | None:
        """What is written about a teacher, or None when there is nothing."""
        folder = self._folder(name)
        return Manifest.read(folder) if (folder / "manifest.json").exists() else None

    def reader(self, name: str) -> Reader:
        """What a teacher said.

        Raises:
            StoreError: nothing of it is stored, or what is stored is damaged.
        """
        if self.manifest(name) is None:
            raise StoreError(
                f"{self.path} has nothing of teacher {name!r}; there are {list(self.names())}: teach it "
                "first, teach(teachers, columns, rows, store)"
            )
        return Reader(self._folder(name))

    def source(self, names: Sequence[str]) -> StoredSignals:
        """The signals of these teachers, in this order."""
        return StoredSignals(tuple(self.reader(name) for name in names))

    @contextmanager
    def creating(self, name: str) -> Generator[None]:
        """Waits until no other process creates the manifest of this teacher, and keeps others waiting.

        What lies there without a manifest, left by a kill, is removed first.
        """
        folder = self._folder(name)
        (folder / "locks").mkdir(parents=True, exist_ok=True)
        with held(folder / "locks" / "manifest.lock"):
            if self.manifest(name) is None:
                for part in ("data", "shards"):
                    shutil.rmtree(folder / part, ignore_errors=True)
                    (folder / part).mkdir()
            yield

    def create(self, manifest: Manifest) -> None:
        """Writes the manifest of a teacher, inside `creating` and after its first rows."""
        manifest.write(self._folder(manifest.teacher))

    def writer(self, manifest: Manifest) -> Writer:
        """The open store of a teacher, to be used as a context manager."""
        return Writer(self._folder(manifest.teacher), manifest)

    def info(self, name: str) -> Info:
        """What the store has of a teacher."""
        reader = self.reader(name)
        present = [view.present for view in reader.views.values()]
        found = np.zeros(max(map(len, present), default=0), dtype=np.bool_)
        for one in present:
            found[: len(one)] |= one
        size = sum(path.stat().st_blocks * 512 for path in self._folder(name).rglob("*") if path.is_file())
        return Info(
            rows=int(found.sum()),
            views=max(reader.views, default=-1) + 1,
            shards=len(reader.markers),
            bytes=size,
            codec=reader.manifest.codec,
            error=reader.error(),
            fingerprint=reader.manifest.fingerprint,
        )

    def verify(self, name: str) -> list[str]:
        """Reads everything of a teacher and compares checksums; the damaged places, in words."""
        return self.reader(name).verify()

    def forget(self, name: str) -> None:
        """Removes all that a teacher said.

        Raises:
            StoreError: another process is teaching it.
        """
        folder = self._folder(name)
        for path in (folder / "locks").glob("session-*"):
            lock = take(path)
            if lock is None:
                raise StoreError(f"teacher {name!r} is being stored by another process: wait for its end, or stop it")
            lock.release()
        (folder / "manifest.json").unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)

    def _folder(self, name: str) -> Path:
        if not name:
            raise InputError("a teacher without a name cannot be stored: give it one")
        return self.path / folder_name(name)
