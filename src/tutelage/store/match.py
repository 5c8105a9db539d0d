"""Whether stored answers still belong to this teacher and these data; if not, what has changed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..core import Space, StoreError
from .codec import Codec
from .codecs import from_json
from .layout import Manifest, Marker


def same_teacher(manifest: Manifest, fingerprint: Mapping[str, str], space: Space, codec: Codec, path: Path) -> None:
    """Compares a teacher with what the store at `path` knows of it.

    Raises:
        StoreError: a part of its fingerprint, its names or the codec differ.
    """
    name, known = manifest.teacher, manifest.fingerprint
    way_out = f"give the new one another name, or store.forget({name!r}) and teach again"
    changed = [
        f"{part} (stored {known.get(part, 'nothing')}, now {fingerprint.get(part, 'nothing')})"
        for part in sorted({*known, *fingerprint})
        if known.get(part) != fingerprint.get(part)
    ]
    if changed:
        raise StoreError(f"teacher {name!r} has changed since {path} was written: {', '.join(changed)}: {way_out}")
    if (manifest.kind, manifest.names) != (space.kind, space.names):
        raise StoreError(
            f"teacher {name!r} is stored with {manifest.kind} {list(manifest.names)[:9]}, and answers now "
            f"with {space.kind} {list(space.names)[:9]}: {way_out}"
        )
    if not from_json(manifest.codec, path).wrote(codec):
        raise StoreError(
            f"teacher {name!r} is stored in the codec {dict(manifest.codec)}, and {codec} was asked for: ask "
            f"for the stored one, or {way_out}"
        )


def same_content(teacher: str, marker: Marker, found: Mapping[str, str], start: int, rows: int) -> None:
    """Compares the data of one shard with what the teacher read then.

    Args:
        teacher: its name.
        marker: of the shard.
        found: fingerprint per column of the data now.
        start: first row of the shard.
        rows: how many rows of it `found` covers: `marker.hashed`, or fewer when the table has fewer.

    Raises:
        StoreError: columns differ, or the table is shorter than it was.
    """
    way_out = f"use another store, or store.forget({teacher!r}) and teach again"
    last = start + marker.hashed - 1
    if rows < marker.hashed:
        raise StoreError(
            f"teacher {teacher!r} was stored about a table with rows {start}..{last}, and this one ends at "
            f"row {start + rows - 1}: {way_out}"
        )
    changed = [c for c in sorted({*found, *marker.content}) if found.get(c) != marker.content.get(c)]
    if changed == ["views"]:
        raise StoreError(
            f"teacher {teacher!r} was stored about other views of rows {start}..{last} (another seed, other steps, or "
            f"other training rows to mix with): {way_out}"
        )
    if changed:
        raise StoreError(
            f"teacher {teacher!r} was stored about other data: columns {changed} differ within rows "
            f"{start}..{last}: {way_out}"
        )
