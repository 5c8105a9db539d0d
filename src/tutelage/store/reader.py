"""Reading what one teacher said: its data files, mapped into memory."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import final

import numpy as np
import torch
from torch import Tensor

from ..core import KINDS, Space, StoreError
from ..core.spaces.classes import covering
from . import codecs
from .codec import Bound
from .fingerprint import digest, raw
from .layout import Field, Manifest, Marker, data_file, markers


@dataclass(frozen=True)
class View:
    """One view of one teacher's answers, mapped into memory.

    Attributes:
        present: bool [N], rows that are there.
        whole: rows 0..whole-1 are all there.
        arrays: the records of all rows, by array.
        full: boolean arrays that are True in every row; stored: the other arrays.
    """

    present: np.ndarray
    whole: int
    arrays: Mapping[str, np.ndarray]
    full: tuple[str, ...]
    stored: Mapping[str, Field]


@final
class Reader:
    """What one teacher said, as it stands on disk now.

    Opening reads the manifest and the markers and compares them with the sizes of the data files;
    checksums are compared by `verify`, and after a kill by the next `teach`.

    Args:
        folder: the teacher's folder.

    Raises:
        StoreError: the manifest or a marker is damaged, or a data file is shorter than its markers say.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = Manifest.read(folder)
        self.codec = codecs.from_json(self.manifest.codec, folder / "manifest.json")
        self.meta = {k: covering(v) if k == "coverage" else v for k, v in self.manifest.meta.items()}
        self.space = Space(KINDS[self.manifest.kind], self.manifest.names)
        size = self.manifest.shard_rows
        self.markers = {(view, shard): Marker.read(path, size) for view, shard, path in markers(folder)}
        self.views = {view: self._open(view) for view in sorted({view for view, _ in self.markers})}

    def __reduce__(self) -> tuple[type[Reader], tuple[Path]]:
        return Reader, (self.folder,)

    @property
    def name(self) -> str:
        """The teacher's name."""
        return self.manifest.teacher

    @cached_property
    def key(self) -> str:
        """Fingerprint of the teacher, of what it read and of what it said about each stored row."""
        m = self.manifest
        fixed = [m.kind, *m.names, json.dumps([m.codec, m.fingerprint, m.meta, m.shard_rows], sort_keys=True)]
        moving = [
            digest(str(at), np.packbits(x.present).tobytes(), json.dumps([x.content, x.crc], sort_keys=True))
            for at, x in self.markers.items()
        ]
        return digest(*fixed, *moving)

    def bound(self, row: np.ndarray, view: int) -> Tensor:
        """float [B]: the most by which each of these rows may differ from what the teacher said."""
        opened = self.check(row, view)
        return self.codec.bound(_Rows(opened, row), len(row), self.manifest.kind, self.meta)

    def error(self) -> Bound:
        """The most by which any stored row may differ from what the teacher said."""
        size = self.manifest.shard_rows
        found = [
            self.bound(marker.present.nonzero()[0] + shard * size, view)
            for (view, shard), marker in self.markers.items()
        ]
        largest = max((float(bound.max()) for bound in found if len(bound)), default=0.0)
        return Bound(largest, self.codec.unit(self.manifest.kind, self.meta))

    def verify(self) -> list[str]:
        """Compares every stored row with its checksum; the damaged shards, in words."""
        damage: list[str] = []
        size = self.manifest.shard_rows
        for (view, shard), marker in self.markers.items():
            place = marker.present.nonzero()[0] + shard * size
            for name, array in self.views[view].arrays.items():
                whole = marker.present.all()
                kept = array[shard * size : (shard + 1) * size] if whole else array[place]
                if zlib.crc32(raw(kept)) != marker.crc.get(name):
                    file = data_file(self.folder, name, view)
                    damage.append(f"{file}: rows {place[0]}..{place[-1]} do not match their checksum")
        return damage

    def check(self, row: np.ndarray, view: int) -> View:
        """The view, when all of these rows are in it.

        Raises:
            StoreError: some of them are not stored.
        """
        opened = self.views.get(view)
        if opened is None:
            raise self._absent(row, view)
        if len(row) and np.maximum.reduce(row.view(np.uint64)) < opened.whole:  # negative ones become large
            return opened
        inside = (row >= 0) & (row < len(opened.present))
        there = inside & opened.present[np.where(inside, row, 0)]
        if not there.all():
            raise self._absent(row[~there], view)
        return opened

    def _absent(self, row: np.ndarray, view: int) -> StoreError:
        if (row < 0).any():
            return StoreError(
                f"row {row.min()} was asked of the store of teacher {self.name!r}: -1 marks generated "
                "inputs, which are never stored; ask the teacher live"
            )
        return StoreError(
            f"teacher {self.name!r} has no stored answers about {len(row)} of the rows asked for (first "
            f"{row[:5].tolist()}, view {view}): teach them first, teach(teachers, columns, rows, store)"
        )

    def _open(self, view: int) -> View:
        shards = {shard: marker for (v, shard), marker in self.markers.items() if v == view}
        size = self.manifest.shard_rows
        present = np.zeros((max(shards) + 1) * size, dtype=np.bool_)
        for shard, marker in shards.items():
            present[shard * size : (shard + 1) * size] = marker.present
        present = present[: len(present) - int(present[::-1].argmax())]
        fields = self.manifest.stored.items()
        arrays = {name: self._map(name, view, field, len(present)) for name, field in fields}
        full = set(arrays).intersection(*(marker.full for marker in shards.values()))
        whole = len(present) if present.all() else int(present.argmin())
        return View(present, whole, arrays, tuple(full), {k: v for k, v in fields if k not in full})

    def _map(self, name: str, view: int, field: Field, rows: int) -> np.ndarray:
        path = data_file(self.folder, name, view)
        there = path.stat().st_size if path.exists() else 0
        if there < rows * field.record:
            raise StoreError(
                f"{path} is truncated: it has {there} bytes, and its markers speak of {rows} rows, which "
                f"take {rows * field.record}: teach again, which mends it"
            )
        return np.asarray(np.memmap(path, field.stored, "r", shape=(rows, *field.width)))


class _Rows:
    """Reads the records of some rows."""

    def __init__(self, view: View, row: np.ndarray) -> None:
        self.view = view
        self.row = row

    def __call__(self, name: str, lent: bool) -> Tensor:
        return torch.from_numpy(self.view.arrays[name].take(self.row, 0))
