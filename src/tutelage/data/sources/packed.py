"""Packed files: gzip, found by its first bytes, unpacked into the scratch folder of the engine."""

from __future__ import annotations

import gzip
import shutil
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...core import InputError

_GZIP = b"\x1f\x8b"


def unpacked(source: str, paths: Sequence[Path], folder: Path) -> tuple[tuple[Path, ...], Mapping[Path, str]]:
    """The files as they can be read, and what each copy is to be called: the path of the packed file.

    Places in a quarantined record of a packed file (line, offset) are those of its content.

    Args:
        source: its name.
        paths: files, packed or not.
        folder: for the copies.

    Raises:
        InputError: a packed file breaks off or is damaged; names it.
    """
    found: list[Path] = []
    shown: dict[Path, str] = {}
    for number, path in enumerate(paths):
        if not _is_packed(path):
            found.append(path)
            continue
        name = path.name.removesuffix(".gz").removesuffix(".gzip")
        copy = folder / f"unpacked-{number}-{name}"
        try:
            with gzip.open(path, "rb") as old, open(copy, "wb") as new:
                shutil.copyfileobj(old, new, 1 << 20)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            copy.unlink(missing_ok=True)
            raise InputError(
                f"source {source!r}: {path} is packed by gzip and cannot be unpacked ({error}): it breaks off or is "
                "damaged; fetch it again"
            ) from error
        found.append(copy)
        shown[copy] = str(path)
    return tuple(found), shown


def refuse_packed(source: str, paths: Sequence[Path]) -> None:
    """Refuses packed files where they are read in place."""
    for path in paths:
        if _is_packed(path):
            raise InputError(f"source {source!r}: {path} is packed by gzip: unpack it first (gunzip)")


def _is_packed(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(2) == _GZIP
