"""Folders of texts, images or sounds: a table of files; what is in them is decoded elsewhere."""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, final

import narwhals.stable.v2 as nw

from ...core import InputError
from ..contract import Field, Schema
from ..engines import Engine
from ..quarantine import MOST, Rejected
from .protocol import Loaded, digest
from .typed import load_table, table_of

SUFFIXES: dict[str, tuple[str, ...]] = {
    "text": (".txt", ".md", ".html", ".htm"),
    "image": (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff"),
    "audio": (".wav", ".flac", ".ogg", ".mp3", ".m4a"),
}
"""Endings of the files of each kind."""

_COLUMNS = Schema(
    {
        "path": Field("text", required=True, unique=True),
        "bytes": Field("integer", required=True),
        "sha256": Field("text", required=True),
        "label": Field("text"),
    }
)


@final
@dataclass(frozen=True)
class Folder:
    """Files below a folder, one row each: `path` (below the folder, with slashes), `bytes`, `sha256` and `label`.

    A file that is empty or cannot be read goes to the quarantine, and so does a line of the manifest whose file is
    not there. The same `sha256` twice is the same content twice.

    Args:
        name: of the source.
        path: the folder.
        kind: which files are meant; see `SUFFIXES`.
        label: name of the folder that a file is in (`folder`), nothing (`none`), or a CSV file with the columns
            `path` and `label`, and others that are passed on as text.
        most: share of bad files above which reading stops.
    """

    name: str
    path: Path | str
    kind: Literal["text", "image", "audio"]
    label: Literal["folder", "none"] | Path = "folder"
    most: float = MOST

    @property
    def key(self) -> tuple[str, ...]:
        return ("path",)

    @property
    def time(self) -> None:
        return None

    def fingerprint(self) -> str:
        """See `Source.fingerprint`."""
        listed = [f"{path}\0{_sha256(Path(self.path) / path)}" for path in self._files()]
        manifest = [self.label] if isinstance(self.label, Path) else []
        return digest({"format": "folder", "kind": self.kind, "label": str(self.label)}, manifest, "\n".join(listed))

    def read(self, engine: Engine, *, now: datetime | None = None) -> Loaded:
        """See `Source.read`."""
        rejected: list[Rejected] = []
        rows: list[list[Any]] = []
        more: list[str] = []
        if isinstance(self.label, Path):
            more, lines = self._manifest(self.label)
            wanted = [
                (file, label, values, line, str(self.label)) for line, (file, label, values) in enumerate(lines, 2)
            ]
        else:
            wanted = [(file, self._label(file), [], 0, str(self.path)) for file in self._files()]
        for file, label, values, line, place in wanted:
            rule, size, sha256 = _look(Path(self.path) / file)
            if rule is None:
                rows.append([file, size, sha256, label or None, *values])
            else:
                rejected.append(Rejected(self.name, place, line, -1, file, rule))
        if not wanted:
            raise InputError(f"source {self.name!r} is empty: {self.path} holds no files of kind {self.kind}")
        schema = Schema({**_COLUMNS.fields, **{name: Field("text") for name in more}}, ("path",))
        frame: nw.LazyFrame = table_of(engine, rows, schema)
        rest: dict[str, Any] = {"place": str(self.path), "schema": schema, "key": self.key, "time": None}
        size = sum(row[1] for row in rows)
        return load_table(self.name, engine, frame, most=self.most, now=now, before=rejected, size=size, **rest)

    def _files(self) -> Iterator[str]:
        """Paths below the folder, in order."""
        root = Path(self.path)
        if not root.is_dir():
            raise InputError(f"source {self.name!r}: there is no folder {root}")
        suffixes = SUFFIXES[self.kind]
        for folder, folders, files in os.walk(root):
            folders.sort()
            below = Path(folder).relative_to(root)
            for file in sorted(files):
                if file.lower().endswith(suffixes):
                    yield (below / file).as_posix()

    def _label(self, file: str) -> str | None:
        parts = file.split("/")
        return parts[-2] if self.label == "folder" and len(parts) > 1 else None

    def _manifest(self, path: Path) -> tuple[list[str], list[tuple[str, str, list[str | None]]]]:
        """Names of further columns, and path, label and further values of each line."""
        if not path.is_file():
            raise InputError(f"source {self.name!r}: there is no manifest {path}")
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            names = list(reader.fieldnames or ())
            if "path" not in names or "label" not in names:
                raise InputError(f"source {self.name!r}: {path} needs the columns path and label; it has {names}")
            more = [name for name in names if name not in ("path", "label")]
            clash = sorted(set(more) & set(_COLUMNS.fields))
            if clash or len(set(names)) < len(names):
                raise InputError(f"source {self.name!r}: {path} names columns twice, or {clash}, which are made here")
            lines = [(row["path"], row["label"], [row[name] or None for name in more]) for row in reader]
        return more, lines


def _look(path: Path) -> tuple[str | None, int, str]:
    """What is wrong with a file, its size and its digest."""
    try:
        size = path.stat().st_size
        return ("is an empty file" if size == 0 else None), size, _sha256(path)
    except OSError as error:
        return f"cannot be read: {error.strerror}", 0, ""


def _sha256(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        if isinstance(error, FileNotFoundError | PermissionError):
            raise
        raise InputError(f"{path} cannot be read: {error}") from error
