"""The first lines of files of texts."""

from __future__ import annotations

from pathlib import Path


def shortened(source: Path, target: Path, rows: int, encoding: str = "utf-8") -> None:
    """Copies so many lines."""
    lines = source.read_bytes().decode(encoding).splitlines(keepends=True)
    target.write_bytes("".join(lines[:rows]).encode(encoding))
