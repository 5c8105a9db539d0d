"""Means: the statistics of many rows, computed once (plan 1), in memory or in files mapped into memory."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..core import Batch, InputError, SignalSource, StoreError
from ..core.spaces.classes import named
from ..store.fingerprint import digest
from .statistics import Group, Mixture, TermPart

FORMAT = "2"
"""Changes whenever what is kept changes its meaning."""


@dataclass(frozen=True)
class Means:
    """The mixtures of many rows, found again by row number and view."""

    rows: Mixture
    position: Tensor

    @staticmethod
    def collect(mixtures: Iterable[Mixture]) -> Means:
        """One from many, in the given order."""
        found = list(mixtures)
        if not found:
            raise InputError("no rows to prepare: the feed gave no batch")
        rows = Mixture.concat(found)
        return Means(rows, positions(rows.row, rows.view))

    def gather(self, row: Tensor, view: Tensor) -> Mixture:
        """The mixtures of these rows.

        Raises:
            InputError: a row was not prepared.
        """
        row, view = row.cpu(), view.cpu()
        return self.rows.at(self._places(row, view), row, view)

    def _places(self, row: Tensor, view: Tensor) -> Tensor:
        if not len(row):
            return row
        rows, views = self.position.shape
        flat = self.position.view(-1)
        try:
            if views == 1 and not bool(view.any()):
                place = flat.index_select(0, row)
            else:
                known = (view >= 0) & (view < views)
                place = flat.index_select(0, torch.where(known, row * views + view, -1))
            if int(place.min()) >= 0:
                return place
        except IndexError:
            pass
        inside = (row >= 0) & (row < rows) & (view >= 0) & (view < views)
        lost = row[~inside | (self.position[row.clamp(0, rows - 1), view.clamp(0, views - 1)] < 0)]
        raise InputError(
            f"{len(lost)} rows were not prepared (first {lost[:5].tolist()}): call distillation.prepared with all "
            "rows of the feed"
        )

    @staticmethod
    def there(folder: Path) -> bool:
        """Whether `save` finished in this folder."""
        return (folder / "means.json").exists()

    def save(self, target: Path) -> None:
        """Writes one array per statistic, to be mapped into memory by `load`; the folder appears whole or not at all.

        Raises:
            StoreError: the disk is full.
        """
        folder = target.with_name(f"{target.name}.{os.getpid()}.tmp")
        try:
            self._write(folder)
            if not self.there(target):
                shutil.rmtree(target, ignore_errors=True)
                os.replace(folder, target)
        except OSError as error:
            raise StoreError(
                f"the statistics could not be written to {target} ({error}): make room and repeat"
            ) from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        arrays: list[np.ndarray] = []
        self.rows.map(lambda tensor: (arrays.append(tensor.numpy()), tensor)[1])
        for number, array in enumerate(arrays):
            np.save(folder / f"{number:03d}.npy", array)
        shape = {
            "parts": [
                {"temperature": part.temperature, "coverage": [g.coverage.tolist() for g in part.groups]}
                for part in self.rows.parts
            ],
            "weights": self.rows.weights is not None,
        }
        (folder / "means.json").write_text(json.dumps(shape))

    @staticmethod
    def load(folder: Path) -> Means:
        """The means written by `save`, mapped into memory."""
        shape = json.loads((folder / "means.json").read_text())
        files = iter(sorted(folder.glob("*.npy")))

        def read() -> Tensor:
            return torch.from_numpy(np.load(next(files), mmap_mode="c"))

        parts: list[TermPart] = []
        for part in shape["parts"]:
            gap = read()
            groups = tuple(Group(named(torch.tensor(c, dtype=torch.bool)), read(), read()) for c in part["coverage"])
            parts.append(TermPart(groups, gap, part["temperature"]))
        weights = read().transpose(0, 1) if shape["weights"] else None
        rows = Mixture(read(), read(), tuple(parts), read(), weights)
        return Means(rows, positions(rows.row, rows.view))


def kept_means(
    source: SignalSource, parts: Sequence[str], batches: Sequence[Batch], mixture: Callable[[Batch], Mixture]
) -> Means:
    """The means of these rows; beside a store they are looked up first, and kept.

    Args:
        source: where signals come from.
        parts: what they depend on besides signals, rows and labels.
        batches: rows with their labels.
        mixture: computes those of one batch.
    """
    if source.folder is None or source.keys is None:
        return Means.collect(mixture(batch) for batch in batches)
    place = source.folder / key_of([*source.keys, *parts], batches)
    if not Means.there(place):
        Means.collect(mixture(batch) for batch in batches).save(place)
    return Means.load(place)


def positions(row: Tensor, view: Tensor) -> Tensor:
    """Where each row number and view lies among these, int64 [rows, views]; -1 where they are not."""
    position = torch.full((int(row.max()) + 1, int(view.max()) + 1), -1, dtype=torch.int64, device=row.device)
    position[row, view] = torch.arange(len(row), device=row.device)
    return position


def key_of(parts: Sequence[str], batches: Sequence[Batch]) -> str:
    """Name of the folder for statistics that depend on these parts and on rows, views and labels of these batches."""
    tensors = [t for b in batches for t in (b.row, b.view, b.target, b.labelled)]
    return digest(FORMAT, *parts, *(t.numpy().tobytes() for t in tensors))[:32]
