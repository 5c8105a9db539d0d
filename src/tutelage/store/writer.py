"""Writing answers: one shard at a time, claimed by one process, on disk before its marker says so.

A `Writer` is the open store of one teacher, a `Claim` one shard that no other process may touch:
`put` answers, `commit` them, `release` it.
"""

from __future__ import annotations

import errno
import math
import os
import secrets
import shutil
import zlib
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

import numpy as np

from ..core import Answer, InputError, StoreError
from . import codecs
from .fingerprint import raw
from .layout import Manifest, Marker, data_file, marker_file, markers
from .locks import Lock, take

_FULL = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}
_sync = os.fdatasync if hasattr(os, "fdatasync") else os.fsync
_PIECE = 1 << 18
"""About how many encoded bytes are made at once, so that what is in between stays in the cache."""
_NOT_SUPPORTED = {errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS}


@contextmanager
def disk_full(folder: Path, needed: int) -> Generator[None]:
    """Turns a full disk into an error that says what is needed and that nothing is lost."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise StoreError(
            f"no room in {folder} ({error.strerror}): {needed} more bytes are needed and "
            f"{shutil.disk_usage(folder).free} are free; finished shards are kept: make room and run "
            "the same again to go on"
        ) from error


@final
class Writer:
    """The open store of one teacher; every process that teaches has its own.

    Args:
        folder: the teacher's folder, with its manifest.
        manifest: what it says.

    If a process that wrote here was killed, all shards are checked against their checksums first, and
    damaged ones lose their marker, so that they are taught again.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.manifest = manifest
        self.codec = codecs.from_json(manifest.codec, folder / "manifest.json")
        self._handles: dict[tuple[str, int], int] = {}
        self._spare: list[dict[str, np.ndarray]] = []
        if self._after_a_kill():
            self._drop_damaged()
        self._session = self._announce()

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *error: object) -> None:
        for handle in self._handles.values():
            os.close(handle)
        self._handles.clear()
        self._session.release()

    def marker(self, view: int, shard: int) -> Marker | None:
        """The marker of a shard whose data can be there; None when it has to be taught anew."""
        try:
            marker = Marker.read(marker_file(self.folder, view, shard), self.manifest.shard_rows)
        except (FileNotFoundError, StoreError):
            return None
        if not marker.present.any():
            return None
        last = shard * self.manifest.shard_rows + int(marker.present.nonzero()[0][-1]) + 1
        sizes = {name: os.fstat(self.handle(name, view)).st_size for name in self.manifest.stored}
        whole = all(sizes[name] >= last * entry.record for name, entry in self.manifest.stored.items())
        return marker if whole else None

    def claim(self, view: int, shard: int, rows: int) -> Claim | None:
        """The shard for this process alone, its old rows loaded; None while another process has it.

        Args:
            view: which view.
            shard: which shard of it.
            rows: how many of the shard's rows the table has.
        """
        lock = take(self.folder / "locks" / f"v{view}-{shard:06d}.lock")
        return None if lock is None else Claim(self, lock, view, shard, rows)

    def handle(self, array: str, view: int) -> int:
        """The open data file of an array."""
        if (array, view) not in self._handles:
            path = data_file(self.folder, array, view)
            self._handles[array, view] = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        return self._handles[array, view]

    def room(self, rows: int) -> dict[str, np.ndarray]:
        """Arrays for so many rows, those of a shard that is done where they fit."""
        while self._spare:
            room = self._spare.pop()
            if all(len(array) == rows for array in room.values()):
                return room
        stored = self.manifest.stored.items()
        return {name: np.zeros((rows, *field.width), field.stored) for name, field in stored}

    def give_back(self, room: dict[str, np.ndarray]) -> None:
        """Keeps arrays for the next shard."""
        self._spare = [room]

    def _announce(self) -> Lock:
        """A lock that outlives a kill as a file and a clean end not at all."""
        while (lock := take(self.folder / "locks" / f"session-{secrets.token_hex(8)}")) is None:
            pass
        return lock

    def _after_a_kill(self) -> bool:
        abandoned = [lock for path in (self.folder / "locks").glob("session-*") if (lock := take(path)) is not None]
        for lock in abandoned:
            lock.release()
        return bool(abandoned)

    def _drop_damaged(self) -> None:
        for view, shard, path in list(markers(self.folder)):
            claim = self.claim(view, shard, self.manifest.shard_rows)
            if claim is not None:
                if claim.damaged:
                    path.unlink(missing_ok=True)
                claim.release()


@final
@dataclass
class Claim:
    """One shard of one view while this process alone may write it; the shard is held in memory.

    Attributes:
        present: bool [shard_rows], rows that are answered, on disk or not.
        marker: of what was on disk when it was claimed.
        damaged: what was on disk did not match its checksum and was given up.
    """

    writer: Writer
    lock: Lock
    view: int
    shard: int
    rows: int
    present: np.ndarray = field(init=False)
    marker: Marker | None = field(init=False)
    damaged: bool = field(init=False, default=False)
    _arrays: dict[str, np.ndarray] = field(init=False)

    def __post_init__(self) -> None:
        self.present = np.zeros(self.writer.manifest.shard_rows, dtype=np.bool_)
        self._arrays = self.writer.room(self.rows)
        path = marker_file(self.writer.folder, self.view, self.shard)
        self.marker = self.writer.marker(self.view, self.shard)
        if self.marker is None:
            self.damaged = path.exists()
        else:
            self._load(self.marker)

    @property
    def start(self) -> int:
        """Row number of the first row."""
        return self.shard * self.writer.manifest.shard_rows

    def reserve(self) -> None:
        """Takes the room on disk before a teacher is asked.

        Raises:
            OSError: there is none.
        """
        for name, entry in self.writer.manifest.stored.items():
            handle = self.writer.handle(name, self.view)
            if entry.record and hasattr(os, "posix_fallocate"):
                try:
                    os.posix_fallocate(handle, self.start * entry.record, self.rows * entry.record)
                except OSError as error:
                    if error.errno not in _NOT_SUPPORTED:
                        raise

    def put(self, row: np.ndarray, answer: Answer) -> None:
        """Takes the answers about these row numbers of the shard, which rise.

        Raises:
            InputError: the answers do not look like the ones stored before.
        """
        manifest, codec = self.writer.manifest, self.writer.codec
        meta = codec.decoded(answer)[1]
        step = max(_PIECE // max(manifest.record, 1), 1)
        for at in range(0, len(row), step):
            piece = answer if step >= len(row) else answer.take(slice(at, at + step))
            fields, arrays = codec.encode(piece)
            if fields != manifest.stored or meta != manifest.meta:
                raise InputError(
                    f"teacher {manifest.teacher!r} changed the form of its answers from {dict(manifest.stored)}, "
                    f"{dict(manifest.meta)} to {fields}, {meta}: give all rows one form, coverage included"
                )
            self._keep(row[at : at + step], arrays)

    def commit(self, content: Mapping[str, str], hashed: int) -> None:
        """Brings the shard to disk, then its marker.

        Args:
            content: fingerprint per column of the first `hashed` table rows of the shard.
            hashed: how many.

        Raises:
            OSError: the disk is full or broken.
        """
        if not self.present.any():
            return
        stored = self.writer.manifest.stored
        mask = self.present[: self.rows]
        for name, array in self._arrays.items():
            if not mask.all():
                array[~mask] = 0
            handle = self.writer.handle(name, self.view)
            _write(handle, raw(array), self.start * stored[name].record)
            _sync(handle)
        valid = {name: self._kept(name) for name, entry in stored.items() if entry.dtype == "bits"}
        full = tuple(name for name, bits in valid.items() if _all_set(bits, stored[name].shape))
        crc = {name: self._crc(name) for name in self._arrays}
        path = marker_file(self.writer.folder, self.view, self.shard)
        Marker(self.present, dict(content), hashed, crc, full).write(path)

    def release(self) -> None:
        """Lets other processes have the shard; nothing can be put into it any more."""
        self.lock.release()
        self.writer.give_back(self._arrays)
        self._arrays = {}

    def _keep(self, row: np.ndarray, arrays: Mapping[str, np.ndarray]) -> None:
        first, last = int(row[0]) - self.start, int(row[-1]) - self.start
        place = slice(first, last + 1) if last - first == len(row) - 1 else row - self.start
        for name, array in arrays.items():
            self._arrays[name][place] = array
        self.present[place] = True

    def _kept(self, name: str) -> np.ndarray:
        mask = self.present[: self.rows]
        return self._arrays[name] if mask.all() else self._arrays[name][mask]

    def _crc(self, name: str) -> int:
        return zlib.crc32(raw(self._kept(name)))

    def _load(self, marker: Marker) -> None:
        for name, array in self._arrays.items():
            record = self.writer.manifest.stored[name].record
            view = raw(array)
            os.preadv(self.writer.handle(name, self.view), [view], self.start * record)
        self.present = marker.present.copy()
        if any(self._crc(name) != marker.crc.get(name) for name in self._arrays):
            self.damaged, self.marker = True, None
            self.present[:] = False


def _write(handle: int, data: memoryview, offset: int) -> None:
    while data:
        written = os.pwrite(handle, data, offset)
        data, offset = data[written:], offset + written


def _all_set(bits: np.ndarray, shape: tuple[int, ...]) -> bool:
    count = math.prod(shape)
    whole, rest = divmod(count, 8)
    return bool((bits[:, :whole] == 255).all() and (bits[:, whole:] == (1 << rest) - 1).all())
