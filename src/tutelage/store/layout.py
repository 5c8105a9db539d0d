"""What lies where in a store, and how it is written so that a kill leaves it whole.

    <store>/<teacher>/manifest.json          who answered, in which space, in which codec
    <store>/<teacher>/data/<array>-v0.bin    records of fixed size; row r begins at r * record
    <store>/<teacher>/shards/v0-000003.json  marker: the rows of shard 3 that are there, and their checks
    <store>/<teacher>/locks/                 who is writing now

A marker is written after its data has reached the disk, by replacing the file in one step. What no
marker speaks of does not exist, whatever bytes lie in the data files.
"""

from __future__ import annotations

import json
import math
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..core import StoreError
from .fingerprint import digest

FORMAT = 1
_MARKER = re.compile(r"v(\d+)-(\d{6,})\.json")


@dataclass(frozen=True)
class Field:
    """One array of an answer.

    Attributes:
        shape: of one row.
        dtype: `float32`, `float16`, `bfloat16`, `bits` (booleans, eight to a byte) or an integer type.
    """

    shape: tuple[int, ...]
    dtype: str

    @property
    def stored(self) -> np.dtype[Any]:
        """Type of the numbers on disk."""
        return np.dtype({"bits": "uint8", "bfloat16": "uint16"}.get(self.dtype, self.dtype)).newbyteorder("<")

    @property
    def width(self) -> tuple[int, ...]:
        """Shape of one row on disk."""
        return (math.ceil(math.prod(self.shape) / 8),) if self.dtype == "bits" else self.shape

    @cached_property
    def record(self) -> int:
        """Bytes of one row on disk."""
        return math.prod(self.width) * self.stored.itemsize


@dataclass(frozen=True)
class Manifest:
    """What does not change while a teacher is being stored.

    Attributes:
        teacher: its name.
        fingerprint: what its answers depend on, part by part.
        kind: kind of answer; names: the teacher's own names of its entries.
        meta: what `Answer.meta` said.
        codec: as the codec writes itself.
        shard_rows: rows per shard.
        stored: the arrays on disk; answer: the arrays after decoding.
    """

    teacher: str
    fingerprint: Mapping[str, str]
    kind: str
    names: tuple[str, ...]
    meta: Mapping[str, Any]
    codec: Mapping[str, Any]
    shard_rows: int
    stored: Mapping[str, Field]
    answer: Mapping[str, Field]

    @cached_property
    def record(self) -> int:
        """Bytes of one row in one view, over all arrays."""
        return sum(field.record for field in self.stored.values())

    def write(self, folder: Path) -> None:
        """Writes `manifest.json`."""
        value: dict[str, Any] = {"format": FORMAT, **{field.name: getattr(self, field.name) for field in fields(self)}}
        for name in ("stored", "answer"):
            value[name] = {key: {"shape": f.shape, "dtype": f.dtype} for key, f in value[name].items()}
        replace_text(folder / "manifest.json", json.dumps(value))

    @staticmethod
    def read(folder: Path) -> Manifest:
        """The manifest of a folder.

        Raises:
            StoreError: it is damaged, or written in a format that this version does not know.
        """
        path = folder / "manifest.json"
        try:
            value = json.loads(path.read_text())
            found = value.pop("format")
            if found != FORMAT:
                raise StoreError(
                    f"{path} is written in format {found}, and this version of tutelage knows format "
                    f"{FORMAT}: use the version that wrote it, or forget the teacher and teach again"
                )
            for name in ("stored", "answer"):
                value[name] = {k: Field(tuple(f["shape"]), f["dtype"]) for k, f in value[name].items()}
            return Manifest(**value | {"names": tuple(value["names"])})
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise StoreError(
                f"{path} is damaged ({error}): restore it from a copy, or remove the folder and teach again"
            ) from error


@dataclass(frozen=True)
class Marker:
    """One shard of one view that is safely on disk.

    Attributes:
        present: bool [shard_rows], the rows that are there.
        content: fingerprint per column of the table rows of this shard, as the teacher read them.
        hashed: how many table rows that fingerprint covers, from the first row of the shard.
        crc: CRC-32 per array over the records of the rows that are there.
        full: the boolean arrays that are True everywhere in it.
    """

    present: np.ndarray
    content: Mapping[str, str]
    hashed: int
    crc: Mapping[str, int]
    full: tuple[str, ...]

    def write(self, path: Path) -> None:
        """Writes the marker in one step."""
        bits = np.packbits(self.present, bitorder="little").tobytes().hex()
        replace_text(path, json.dumps({**vars(self), "present": bits}))

    @staticmethod
    def read(path: Path, shard_rows: int) -> Marker:
        """The marker in a file.

        Raises:
            StoreError: it is damaged.
        """
        try:
            value = json.loads(path.read_text())
            bits = np.frombuffer(bytes.fromhex(value["present"]), dtype=np.uint8)
            if len(bits) != math.ceil(shard_rows / 8):
                raise ValueError(f"speaks of {len(bits) * 8} rows instead of {shard_rows}")
            present = np.unpackbits(bits, count=shard_rows, bitorder="little").view(np.bool_)
            return Marker(**value | {"present": present, "full": tuple(value["full"])})
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise StoreError(f"{path} is damaged ({error}): teach again, which replaces it") from error


def folder_name(teacher: str) -> str:
    """A folder name for a teacher: its name where every file system can keep it apart from others."""
    if re.fullmatch(r"[a-z0-9_-][a-z0-9._-]{0,99}", teacher):
        return teacher
    return re.sub(r"[^A-Za-z0-9_-]", "_", teacher)[:60] + "." + digest(teacher)[:8]


def data_file(folder: Path, array: str, view: int) -> Path:
    """Where the records of an array lie."""
    return folder / "data" / f"{array}-v{view}.bin"


def marker_file(folder: Path, view: int, shard: int) -> Path:
    """Where the marker of a shard lies."""
    return folder / "shards" / f"v{view}-{shard:06d}.json"


def markers(folder: Path) -> Iterator[tuple[int, int, Path]]:
    """View, shard and file of each marker, in order."""
    found = [(match, entry) for entry in (folder / "shards").iterdir() if (match := _MARKER.fullmatch(entry.name))]
    yield from sorted((int(match[1]), int(match[2]), path) for match, path in found)


def replace_text(path: Path, text: str) -> None:
    """Writes a file so that a kill leaves the old one or the new one, never half of one."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with temporary.open("w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
