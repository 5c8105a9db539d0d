"""Locks between processes that vanish with their owner, however it ends.

A lock is an advisory `flock` on a small file; the operating system drops it when the owner dies, so
nothing has to be judged stale. The file is removed on release.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Lock:
    """A lock that is held until `release`."""

    path: Path
    handle: int

    def release(self) -> None:
        """Gives the lock back."""
        self.path.unlink(missing_ok=True)
        os.close(self.handle)


def take(path: Path) -> Lock | None:
    """The lock, or None when somebody else holds it."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        if _is_still(path, handle):
            return Lock(path, handle)
        os.close(handle)


def _is_still(path: Path, handle: int) -> bool:
    """Whether the locked file is the one that others will find under this path."""
    try:
        return os.path.samestat(path.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False


@contextmanager
def held(path: Path) -> Generator[None]:
    """Waits for the lock and holds it."""
    while (lock := take(path)) is None:
        time.sleep(0.02)
    try:
        yield
    finally:
        lock.release()
