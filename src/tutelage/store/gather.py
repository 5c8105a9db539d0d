"""Answers of several teachers about the same rows, gathered from their mapped files form by form."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..core import Answer, Signals, Space
from .codec import Bound, Codec
from .layout import Field
from .reader import Reader


@dataclass(frozen=True)
class _Block:
    """One view of the teachers of one form.

    Attributes:
        whole: rows 0..whole-1 are there for each teacher.
        arrays: the mapped records, teacher by teacher.
        stored: the arrays to be read.
        full: shape of the others, which are True everywhere.
    """

    whole: int
    arrays: Mapping[str, tuple[np.ndarray, ...]]
    stored: Mapping[str, Field]
    full: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class _Form:
    """Teachers whose answers are written alike, so that they are decoded together.

    Tensors are [T, B, ...], or [B, ...] where there is one teacher.

    Attributes:
        readers: the teachers.
        scratch: where records are read to before they are decoded, thread by thread.
    """

    readers: tuple[Reader, ...]
    scratch: threading.local = field(default_factory=threading.local)

    def answers(self, row: np.ndarray, view: int) -> list[Answer]:
        """What each teacher says about these rows of one view."""
        found = self._read(row, view)
        if len(self.readers) == 1:
            reader = self.readers[0]
            return [reader.space.answer.from_arrays(found, reader.meta)]
        names, columns = tuple(found), [tensor.unbind() for tensor in found.values()]
        return [
            reader.space.answer.from_arrays(dict(zip(names, tensors, strict=True)), reader.meta)
            for reader, *tensors in zip(self.readers, *columns, strict=True)
        ]

    def mixed(self, parts: Sequence[tuple[int, np.ndarray]], place: Sequence[Tensor]) -> list[Answer]:
        """What each teacher says about rows of several views (or none), which stand at these places of the batch."""
        several, size = len(self.readers) > 1, sum(len(rows) for _, rows in parts)
        made: dict[str, Tensor] = {}
        for name, entry in self.readers[0].manifest.answer.items():
            dtype = torch.bool if entry.dtype == "bits" else getattr(torch, entry.dtype)
            made[name] = torch.empty(len(self.readers), size, *entry.shape, dtype=dtype)
        for (view, row), index in zip(parts, place, strict=True):
            for name, tensor in self._read(row, view).items():
                made[name][:, index] = tensor if several else tensor.unsqueeze(0)
        return [
            reader.space.answer.from_arrays({name: tensor[i] for name, tensor in made.items()}, reader.meta)
            for i, reader in enumerate(self.readers)
        ]

    @cached_property
    def _blocks(self) -> dict[int, _Block]:
        """The views that all of them have."""
        common = set(self.readers[0].views).intersection(*(reader.views for reader in self.readers))
        return {view: self._block(view) for view in common}

    @cached_property
    def _lead(self) -> tuple[int, ...]:
        return (len(self.readers),) if len(self.readers) > 1 else ()

    @cached_property
    def _coverage(self) -> Tensor | None:
        found = [reader.meta["coverage"] for reader in self.readers if "coverage" in reader.meta]
        if not found:
            return None
        return torch.stack(found) if len(found) > 1 else found[0]

    @cached_property
    def _codec(self) -> Codec:
        return self.readers[0].codec

    def _block(self, view: int) -> _Block:
        views = [reader.views[view] for reader in self.readers]
        full = set(views[0].full).intersection(*(one.full for one in views))
        fields = self.readers[0].manifest.stored
        return _Block(
            min(one.whole for one in views),
            {name: tuple(one.arrays[name] for one in views) for name in fields},
            {name: field for name, field in fields.items() if name not in full},
            {name: fields[name].shape for name in full},
        )

    def _read(self, row: np.ndarray, view: int) -> dict[str, Tensor]:
        block = self._blocks.get(view)
        # Seen as unsigned, negative numbers are large.
        if block is None or np.maximum.reduce(row.view(np.uint64)) >= block.whole:
            for reader in self.readers:
                reader.check(row, view)
            block = self._blocks[view]
        found = self._codec.decode(partial(self._records, block.arrays, row), block.stored, self._coverage)
        for name, shape in block.full.items():
            found[name] = torch.ones((*self._lead, len(row), *shape), dtype=torch.bool)
        return found

    def _records(self, mapped: Mapping[str, tuple[np.ndarray, ...]], row: np.ndarray, name: str, lent: bool) -> Tensor:
        """Records of these rows, which were checked; without "clip" they would be copied twice."""
        arrays = mapped[name]
        shape = (*self._lead, len(row), *arrays[0].shape[1:])
        rooms = self.scratch.__dict__ if lent else {}
        room = rooms.get(name)
        if room is None or room[0].shape != shape:
            array = np.empty(shape, arrays[0].dtype)
            rooms[name] = room = array, torch.from_numpy(array)
        if len(arrays) == 1:
            arrays[0].take(row, 0, room[0], "clip")
        else:
            for array, place in zip(arrays, room[0], strict=True):
                array.take(row, 0, place, "clip")
        return room[1]


@dataclass(frozen=True)
class StoredSignals:
    """Signals of some teachers, read from a store; a `SignalSource`.

    Answers of equal kind, shape and codec are parts of one [T, B, ...] tensor.
    """

    readers: tuple[Reader, ...]
    live: bool = False

    def __reduce__(self) -> tuple[type[StoredSignals], tuple[tuple[Reader, ...]]]:
        return StoredSignals, (self.readers,)

    @property
    def names(self) -> tuple[str, ...]:
        """Teacher names."""
        return self._names

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return tuple(reader.name for reader in self.readers)

    @property
    def spaces(self) -> tuple[Space, ...]:
        """What each teacher answers with, in its own names."""
        return tuple(reader.space for reader in self.readers)

    @property
    def keys(self) -> tuple[str, ...]:
        """One key per teacher, different as soon as the teacher, its data or its stored answers are."""
        return tuple(reader.key for reader in self.readers)

    def only(self, name: str) -> StoredSignals:
        """The signals of one teacher."""
        return StoredSignals((self.readers[self.names.index(name)],))

    @property
    def folder(self) -> Path:
        """Where statistics computed from these signals are kept."""
        return self.readers[0].folder.parent / ".means"

    @property
    def errors(self) -> tuple[Bound, ...]:
        """What the codec of each teacher may have changed, at most, in any row."""
        return tuple(reader.error() for reader in self.readers)

    @cached_property
    def _forms(self) -> list[tuple[_Form, list[int]]]:
        """The teachers of each form and their numbers."""
        forms: dict[Any, list[int]] = {}
        for number, reader in enumerate(self.readers):
            m = reader.manifest
            form = (m.kind, tuple(m.answer.items()), tuple(m.stored.items()), str(dict(m.codec)))
            forms.setdefault(form, []).append(number)
        return [(_Form(tuple(self.readers[i] for i in place)), place) for place in forms.values()]

    def gather(self, row: Tensor, view: Tensor) -> Signals:
        """The signals about these rows, float32.

        Args:
            row: int64 [B].
            view: int64 [B].

        Raises:
            StoreError: a row is not stored, or negative.
        """
        rows, views, forms = row.numpy(), view.numpy(), self._forms
        simple = rows.size > 0 and not np.count_nonzero(views)
        if simple and len(forms) == 1:
            return Signals(self.names, tuple(forms[0][0].answers(rows, 0)))
        answers: list[Any] = [None] * len(self.readers)
        parts, places = ([], []) if simple else _by_view(rows, views)
        for form, numbers in forms:
            found = form.answers(rows, 0) if simple else form.mixed(parts, places)
            for number, answer in zip(numbers, found, strict=True):
                answers[number] = answer
        return Signals(self.names, tuple(answers))

    def bounds(self, row: Tensor, view: Tensor) -> Tensor:
        """float [T, B]: the most by which each row may differ from what each teacher said."""
        found = torch.zeros(len(self.readers), len(row))
        for (one, rows), place in zip(*_by_view(row.numpy(), view.numpy()), strict=True):
            for i, reader in enumerate(self.readers):
                found[i, place] = reader.bound(rows, one)
        return found


def _by_view(row: np.ndarray, view: np.ndarray) -> tuple[list[tuple[int, np.ndarray]], list[Tensor]]:
    """The rows of each view, and where they stand in the batch."""
    places = [(int(one), (view == one).nonzero()[0]) for one in np.unique(view)]
    return [(one, row[place]) for one, place in places], [torch.from_numpy(place) for _, place in places]
