"""Parquet files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, final

import narwhals.stable.v2 as nw

from ...core import InputError
from ..contract import Schema
from ..engines import Engine, UnreadableError
from ..quarantine import MOST
from .protocol import Files, Loaded, digest, expand
from .typed import load_table, tidy
from .values import Lists


@final
@dataclass(frozen=True)
class Parquet:
    """Files of Parquet; read when the table is computed, and only the columns that are used.

    Args:
        name: of the source.
        files: a path, a pattern, or several.
        key: columns that name a row.
        time: the column of event time; None for a static dimension.
        schema: kinds and rules of the columns; the kinds of the file unless given.
        columns: the ones to read; all unless given.
        lists: columns of lists that are counted (`count`).
        most: share of bad rows above which reading stops.
    """

    name: str
    files: Files
    key: tuple[str, ...] = ()
    time: str | None = None
    schema: Schema | None = None
    columns: Sequence[str] | None = None
    lists: Lists = field(default_factory=dict)
    most: float = MOST

    def fingerprint(self) -> str:
        """See `Source.fingerprint`."""
        schema = None if self.schema is None else self.schema.to_json()
        settings = {"format": "parquet", "schema": schema, "columns": self.columns, "lists": dict(self.lists)}
        return digest({**settings, "key": self.key}, expand(self.name, self.files))

    def read(self, engine: Engine, *, now: datetime | None = None) -> Loaded:
        """See `Source.read`."""
        paths = expand(self.name, self.files)
        frames: list[nw.LazyFrame] = []
        for path in paths:
            try:
                frame = engine.read_parquet(path)
                frame = frame if self.columns is None else frame.select(*self.columns)
                frames.append(tidy(self.name, frame, self.lists))
            except UnreadableError as error:
                raise InputError(
                    f"source {self.name!r}: {path} is no Parquet file, or it is cut off or damaged, and no row of it "
                    f"can be trusted: write it again ({error})"
                ) from error
        shapes = [frame.collect_schema() for frame in frames]
        for path, shape in zip(paths, shapes, strict=True):
            if shape != shapes[0]:
                raise InputError(f"source {self.name!r}: {path} has the columns {shape}, {paths[0]} has {shapes[0]}")
        whole = frames[0] if len(frames) == 1 else nw.concat(frames, how="vertical")
        size = sum(path.stat().st_size for path in paths)
        rest: dict[str, Any] = {"schema": self.schema, "key": self.key, "time": self.time}
        place = str(paths[0]) if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"
        return load_table(self.name, engine, whole, place=place, most=self.most, now=now, size=size, **rest)
