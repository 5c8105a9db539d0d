"""Which engine: by the size of the work, with the reason."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from ...core import InputError
from .duck import DuckDBEngine
from .polars import PolarsEngine
from .protocol import Engine
from .spark import SparkEngine

WORK = 4
"""Memory that work on a file takes at most, in sizes of the file: 121 MB of JSON lines took about 0.5 GB."""


def choose_engine(
    engine: Literal["auto", "polars", "duckdb"] | Engine = "auto",
    *,
    files: Sequence[Path | str] = (),
    session: Any = None,
    connection: Any = None,
    memory: int | None = None,
) -> tuple[Engine, str]:
    """An engine, and why this one.

    Spark where a session is given; DuckDB where a source is a DuckDB file or a connection is given, or where the
    files need more than half of the memory; Polars otherwise.

    Args:
        engine: `auto`, `polars`, `duckdb`, or an engine, which is taken as it is.
        files: what will be read.
        session: an open Spark session.
        connection: an open DuckDB connection.
        memory: bytes of memory of this machine; asked from the system unless given.

    Raises:
        InputError: the name is not known.
        MissingExtraError: the library of the engine is not installed.
    """
    if not isinstance(engine, str):
        return engine, f"engine {engine.name}: as given"
    if engine == "polars":
        return PolarsEngine(), "engine polars: as asked for"
    room = _memory() if memory is None else memory
    limit = f"{max(room // 2, 1)}B"
    if engine == "duckdb":
        return DuckDBEngine(connection, memory_limit=limit), "engine duckdb: as asked for"
    if engine != "auto":
        raise InputError(f"engine {engine!r} is not known: auto, polars, duckdb, or an engine (SparkEngine(session))")
    if session is not None:
        return SparkEngine(session), "engine spark: a session is given"
    if connection is not None:
        return DuckDBEngine(connection, memory_limit=limit), "engine duckdb: a connection is given"
    paths = [Path(file) for file in files]
    database = next((path for path in paths if path.suffix.lower() in (".duckdb", ".ddb")), None)
    if database is not None:
        return DuckDBEngine(memory_limit=limit), f"engine duckdb: {database.name} is a DuckDB file"
    size = sum(path.stat().st_size for path in paths if path.is_file())
    account = f"{_size(size)} of files x {WORK} = {_size(size * WORK)}, half of the memory is {_size(room // 2)}"
    if size * WORK > room // 2:
        return DuckDBEngine(memory_limit=limit), f"engine duckdb: larger than memory ({account})"
    return PolarsEngine(), f"engine polars: fits into memory ({account})"


def _memory() -> int:
    """Bytes that this process may use: of the machine, or of its control group where that is less."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for file in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            total = min(total, int(Path(file).read_text(encoding="ascii")))
        except (OSError, ValueError):
            continue
    return total


def _size(count: int) -> str:
    for unit, scale in (("GB", 1e9), ("MB", 1e6)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count / 1e3:.1f} kB"
