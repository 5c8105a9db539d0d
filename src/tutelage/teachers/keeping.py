"""What saving and loading share: one way per kind of teacher, a folder each, and files that are checked.

A saved teacher is a description (JSON values, file names relative to its folder) and the files beside it.
Members of a teacher lie in `members/0`, `members/1`, ... of its folder, with their own descriptions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from ..core import Columns, InputError, Space, StoreError, Teacher, TutelageError
from ..core.spaces import KINDS
from .digest import digest_file

MEMBERS = "members"


@dataclass(frozen=True)
class Way:
    """How one kind of teacher is saved and loaded.

    Attributes:
        save: writes files into the (existing) folder, and returns the description.
        load: the teacher from its description and folder.
    """

    save: Callable[[Any, Path, Keeping], dict[str, Any]]
    load: Callable[[Mapping[str, Any], Path, Opening], Teacher]


@dataclass(frozen=True)
class Keeping:
    """A saving in progress.

    Attributes:
        columns: raw columns of a few rows, which every member can be asked about.
        ways: kinds of teacher that can be saved.
    """

    columns: Columns
    ways: Mapping[type, Way]

    def save(self, teacher: Teacher, folder: Path) -> dict[str, Any]:
        """Writes a teacher into a folder and returns its description.

        Raises:
            InputError: this kind of teacher cannot be saved, or something in it cannot.
        """
        way = self.ways.get(type(teacher))
        if way is None:
            raise InputError(
                f"teacher {teacher.name!r} is a {type(teacher).__name__}, which nobody said how to save: give "
                f"extra={{{type(teacher).__name__}: Way(save, load)}}; known are {_names(self.ways)}"
            )
        folder.mkdir(parents=True, exist_ok=True)
        found = way.save(teacher, folder, self)
        written = [file for file in sorted(folder.rglob("*")) if file.is_file()]
        files = {file.relative_to(folder): digest_file(file) for file in written}
        own = {place.as_posix(): sha for place, sha in files.items() if place.parts[0] != MEMBERS}
        return {"kind": type(teacher).__name__, **found, "files": own}

    def member(self, teacher: Teacher, folder: Path, place: int) -> dict[str, Any]:
        """As `save`, for a part of the teacher that lies in `folder`."""
        return self.save(teacher, folder / MEMBERS / str(place))


@dataclass(frozen=True)
class Opening:
    """A loading in progress.

    Attributes:
        ways: kinds of teacher that can be loaded.
        allow_pickle: run code that the files bring along: rules, fusions, pickled objects.
        trusted: types that a .skops file may hold.
        code: Python files and modules that may be run although `allow_pickle` was not said.
    """

    ways: Mapping[type, Way]
    allow_pickle: bool = False
    trusted: tuple[str, ...] = ()
    code: tuple[str | Path, ...] = ()

    def open(self, description: Mapping[str, Any], folder: Path) -> Teacher:
        """The teacher that `Keeping.save` wrote.

        Raises:
            StoreError: a file is missing or damaged, or the description is not understood.
            InputError: code would be run, and nobody allowed it.
        """
        try:
            ways = {kind.__name__: way for kind, way in self.ways.items()}
            if description["kind"] not in ways:
                raise StoreError(
                    f"{folder} holds a teacher of kind {description['kind']!r}, which nobody said how to load: give "
                    f"extra=; known are {_names(self.ways)}"
                )
            for name, sha in description["files"].items():
                _check_file(folder, name, sha)
            return ways[description["kind"]].load(description, folder, self)
        except TutelageError:
            raise
        except Exception as error:
            raise StoreError(
                f"the description of the teacher in {folder} is not understood ({type(error).__name__}: {error}): "
                "it was changed or cut short; save the teacher again"
            ) from error

    def member(self, description: Mapping[str, Any], folder: Path, place: int) -> Any:
        """As `open`, for a part of the teacher that lies in `folder`."""
        return self.open(description, folder / MEMBERS / str(place))


def space_to_json(space: Space) -> dict[str, Any]:
    """Kind of answer and names."""
    return {"kind": space.kind, "names": list(space.names)}


def space_from_json(value: Mapping[str, Any]) -> Space:
    """The space written by `space_to_json`."""
    return Space(KINDS[value["kind"]], tuple(str(name) for name in value["names"]))


def common(teacher: Any, folder: Path) -> dict[str, Any]:
    """Name, columns, space and seen rows of a teacher that has no parts."""
    if teacher.seen is not None:
        np.save(folder / "seen.npy", teacher.seen)
    return {
        "name": teacher.name,
        "reads": list(teacher.reads),
        "space": space_to_json(teacher.space),
        "seen": teacher.seen is not None,
    }


def seen_in(description: Mapping[str, Any], folder: Path) -> np.ndarray | None:
    """The seen rows that `common` wrote."""
    return np.load(folder / "seen.npy", allow_pickle=False) if description["seen"] else None


def _check_file(folder: Path, name: str, sha: str) -> None:
    place = PurePosixPath(name)
    if place.is_absolute() or ".." in place.parts or "\\" in name:
        raise StoreError(f"the description in {folder} names {name!r}, a file outside its folder: it is not opened")
    file = folder / place
    if not file.is_file():
        raise StoreError(f"{file} is missing: the folder is incomplete; copy it again, or save the teacher again")
    if digest_file(file) != sha:
        raise StoreError(f"{file} is damaged: it is not the file that was saved; copy it again, or save again")


def _names(ways: Mapping[type, Way]) -> str:
    return ", ".join(kind.__name__ for kind in ways)
