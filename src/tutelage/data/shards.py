"""Rows on disk: one raw file per column and a manifest, mapped into memory as columns of `Rows`.

    <folder>/manifest.json   columns, types, and the pieces that are on disk, with their checksums
    <folder>/<column>.bin    records of fixed size, row after row, little-endian

A piece is written and synced before the manifest speaks of it. So a kill leaves whole pieces, and the same call goes
on after the last one. The arrays that `read_shards` gives are the files themselves: nothing is read before it is used,
float32, int64 and truth values become tensors without a copy, and a table may be larger than memory.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np

from ..core import Columns, InputError, StoreError
from ..store.fingerprint import raw
from .fitted import FittedRecipe
from .state import replace

FORMAT = 1


@dataclass(frozen=True)
class Piece:
    """Consecutive rows that were written at once, and the CRC-32 of each column."""

    rows: int
    crc: Mapping[str, int]


@dataclass(frozen=True)
class Manifest:
    """What lies in a folder of shards.

    Attributes:
        origin: names what the rows were made by and of; rows of another origin are not added.
        columns: name to type and shape of one row.
        pieces: what is on disk.
    """

    origin: str
    columns: Mapping[str, tuple[str, tuple[int, ...]]]
    pieces: tuple[Piece, ...]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return sum(piece.rows for piece in self.pieces)

    def record(self, name: str) -> int:
        """Bytes of one row of a column."""
        dtype, shape = self.columns[name]
        return int(np.dtype(dtype).itemsize * np.prod(shape, dtype=np.int64))

    @staticmethod
    def read(folder: Path) -> Manifest:
        """What a folder says.

        Raises:
            StoreError: it is damaged or of a later version; names the file.
            FileNotFoundError: there is none.
        """
        path = folder / "manifest.json"
        try:
            value = json.loads(path.read_text())
            if value["format"] != FORMAT:
                raise StoreError(
                    f"{path} has format {value['format']}, this version of tutelage reads {FORMAT}: update it"
                )
            columns = {name: (str(dtype), tuple(shape)) for name, (dtype, shape) in value["columns"].items()}
            return Manifest(value["origin"], columns, tuple(Piece(**piece) for piece in value["pieces"]))
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{path} is damaged ({error!r}): remove {folder} and write it again") from error

    def write(self, folder: Path) -> None:
        """Puts it in place in one step."""
        columns = {name: [dtype, list(shape)] for name, (dtype, shape) in self.columns.items()}
        pieces = [{"rows": piece.rows, "crc": dict(piece.crc)} for piece in self.pieces]
        value = {"format": FORMAT, "origin": self.origin, "columns": columns, "pieces": pieces}
        replace(folder / "manifest.json", json.dumps(value).encode())


@final
class ShardWriter:
    """Adds rows to a folder, piece by piece; goes on where an earlier writer was stopped or killed.

    Args:
        folder: of the shards; made when it is not there.
        origin: see `Manifest`.

    Raises:
        StoreError: the folder holds rows of another origin, or is damaged.
    """

    def __init__(self, folder: Path | str, origin: str = "") -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self.manifest = Manifest.read(self.folder)
        except FileNotFoundError:
            self.manifest = Manifest(origin, {}, ())
        for left in self.folder.glob("manifest.json.*.new"):
            left.unlink(missing_ok=True)
        if self.manifest.origin != origin:
            raise StoreError(
                f"{self.folder} holds rows made by {self.manifest.origin[:40]!r}, not by {origin[:40]!r}: "
                "use another folder, or remove this one"
            )
        for name in self.manifest.columns:
            path, whole = _file(self.folder, name), self.manifest.rows * self.manifest.record(name)
            if not path.exists() or path.stat().st_size < whole:
                raise StoreError(f"{path} is shorter than its manifest says: remove {self.folder} and write it again")
            os.truncate(path, whole)

    @property
    def pieces(self) -> int:
        """How many pieces are on disk; whoever writes them again skips so many."""
        return len(self.manifest.pieces)

    def append(self, columns: Columns) -> None:
        """Adds one piece and brings it to disk.

        Args:
            columns: the same names, types and shapes each time: numbers, truth values, times.

        Raises:
            InputError: a column does not fit.
            StoreError: the disk is full; what was written before stays.
        """
        given = {name: _stored(name, column) for name, column in columns.items()}
        kinds = {name: (column.dtype.str, column.shape[1:]) for name, column in given.items()}
        sizes = {len(column) for column in given.values()}
        if len(sizes) != 1 or (self.manifest.columns and kinds != dict(self.manifest.columns)):
            before = dict(self.manifest.columns)
            raise InputError(f"a piece has columns {kinds} of {sorted(sizes)} rows; the pieces before have {before}")
        crc: dict[str, int] = {}
        for name, column in given.items():
            data = raw(column.view(np.int64) if column.dtype.kind == "M" else column)
            crc[name] = zlib.crc32(data)
            self._write(_file(self.folder, name), data, self.manifest.rows * (len(data) // max(len(column), 1)))
        pieces = (*self.manifest.pieces, Piece(sizes.pop(), crc))
        fresh = Manifest(self.manifest.origin, kinds, pieces)
        fresh.write(self.folder)
        self.manifest = fresh

    def _write(self, path: Path, data: memoryview, at: int) -> None:
        try:
            with path.open("r+b" if path.exists() else "w+b") as file:
                file.seek(at)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
                raise
            free = shutil.disk_usage(self.folder).free
            raise StoreError(
                f"no room in {self.folder} ({error.strerror}): {len(data)} bytes are needed, {free} are free; "
                f"{self.pieces} pieces are kept: make room and run the same again to go on"
            ) from error


def read_shards(folder: Path | str) -> dict[str, np.ndarray]:
    """The columns of a folder, mapped into memory, read-only; for `Rows` and `rows_of`.

    Raises:
        StoreError: there is no folder of shards, or it is damaged.
    """
    folder = Path(folder)
    try:
        manifest = Manifest.read(folder)
    except FileNotFoundError as error:
        raise StoreError(f"{folder} holds no shards: write them with ShardWriter or write_prepared") from error
    found: dict[str, np.ndarray] = {}
    for name, (dtype, shape) in manifest.columns.items():
        path, whole = _file(folder, name), manifest.rows * manifest.record(name)
        if not path.exists() or path.stat().st_size < whole:
            raise StoreError(f"{path} is shorter than its manifest says: remove {folder} and write it again")
        full = (manifest.rows, *shape)
        empty = whole == 0
        found[name] = np.empty(full, dtype) if empty else np.memmap(path, dtype=dtype, mode="r", shape=full)
    return found


def damaged(folder: Path | str) -> list[str]:
    """The pieces whose bytes are not those that were written, as `<column>, rows <first>..<last>`."""
    folder = Path(folder)
    manifest, columns = Manifest.read(folder), read_shards(folder)
    found, first = list[str](), 0
    for piece in manifest.pieces:
        for name, crc in piece.crc.items():
            part = np.ascontiguousarray(columns[name][first : first + piece.rows])
            if zlib.crc32(raw(part.view(np.int64) if part.dtype.kind == "M" else part)) != crc:
                found.append(f"{name}, rows {first}..{first + piece.rows - 1}")
        first += piece.rows
    return found


def write_prepared(
    fitted: FittedRecipe,
    chunks: Callable[[], Iterable[Columns]],
    folder: Path | str,
    keep: Sequence[str] = (),
) -> dict[str, np.ndarray]:
    """Prepares a table chunk by chunk into shards, and gives their columns.

    After a kill the same call goes on after the last whole chunk.

    Args:
        fitted: the preparation.
        chunks: gives the same raw columns in the same chunks each time it is called.
        folder: of the shards.
        keep: raw columns of numbers or times to store as well, such as the target and the key.

    Raises:
        StoreError: the folder holds rows of another preparation, or the disk is full.
    """
    writer = ShardWriter(folder, origin=f"{fitted.recipe.id}/{fitted.digest}")
    for number, chunk in enumerate(chunks()):
        if number >= writer.pieces:
            writer.append({name: np.asarray(chunk[name]) for name in keep} | fitted.apply(chunk))
    return read_shards(folder)


def _file(folder: Path, name: str) -> Path:
    plain = re.sub(r"[^\w-]", "_", name)
    return folder / f"{plain if plain == name else f'{plain}-{zlib.crc32(name.encode()):08x}'}.bin"


def _stored(name: str, column: np.ndarray) -> np.ndarray:
    if column.dtype.kind not in "fiubM":
        raise InputError(f"column {name!r} has type {column.dtype}: shards hold numbers and times; code it by a step")
    return np.ascontiguousarray(column.astype(column.dtype.newbyteorder("<"), copy=False))
