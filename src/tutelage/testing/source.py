"""The contract of sources: `check_source(MySource(...), [PolarsEngine(), DuckDBEngine()])`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import narwhals.stable.v2 as nw
import numpy as np

from ..data.contract import kinds_of
from ..data.engines import Engine
from ..data.sources import Loaded, Source


def check_source(source: Source, engines: Sequence[Engine], *, changed: Source | None = None) -> None:
    """Raises AssertionError when a source breaks the contract of `tutelage.data.Source`.

    Args:
        source: whoever is checked; it must have at least one good record.
        engines: engines that must read the same from it.
        changed: a twin with other content or settings; its fingerprint must differ.
    """
    assert isinstance(source, Source), f"{type(source).__name__} lacks members of Source"
    assert source.name, "a source needs a name"
    assert engines, "at least one engine is needed to check a source"
    before = source.fingerprint()
    assert before == source.fingerprint(), "the fingerprint changed by asking for it twice"
    if changed is not None:
        assert changed.fingerprint() != before, "the fingerprint of the changed twin is the same"
    first: tuple[str, Loaded, list[str]] | None = None
    for engine in engines:
        for _ in range(2):
            loaded = source.read(engine)
            rows = table_rows(engine.collect(loaded.frame))
            _check_loaded(source, engine, loaded, len(rows))
            if first is None:
                first = engine.name, loaded, rows
            _compare(first, (engine.name, loaded, rows))
    assert source.fingerprint() == before, "the fingerprint changed by reading"


def table_rows(columns: Mapping[str, np.ndarray]) -> list[str]:
    """The rows of a table as texts, sorted, so that tables from different engines can be compared."""
    plain = [[_plain(value) for value in column.tolist()] for column in columns.values()]
    return sorted(repr(row) for row in zip(*plain, strict=True))


def _check_loaded(source: Source, engine: Engine, loaded: Loaded, rows: int) -> None:
    engine.wrap(loaded.frame)
    counts, schema = loaded.counts, loaded.schema
    assert rows, "a source without good records cannot be checked"
    assert counts.kept == rows, f"counts say {counts.kept} rows, the frame has {rows}"
    assert counts.read == counts.kept + counts.rejected, f"records are lost: {counts}"
    assert counts.rejected == len(loaded.rejected), f"{counts.rejected} rejected, {len(loaded.rejected)} kept of them"
    assert dict(counts.rules) == Counter(r.rule for r in loaded.rejected), f"the counts of rules are wrong: {counts}"
    for record in loaded.rejected:
        assert record.source == source.name, f"a record of {source.name!r} says it is from {record.source!r}"
        assert record.file, f"a rejected record needs its file: {record}"
        assert record.rule, f"a rejected record needs its rule: {record}"
        assert record.raw_bytes.decode("utf-8", "surrogateescape") == record.raw, f"raw is not kept exactly: {record}"
    found = kinds_of(loaded.frame)
    assert found == schema.types, f"the schema says {schema.types}, the frame has {found}"
    lost = [name for name in (*source.key, *([source.time] if source.time else [])) if name not in schema.fields]
    assert not lost, f"key or time are no columns: {lost}"
    if source.time is not None:
        kind = schema.types[source.time]
        assert kind in ("time", "integer", "number"), f"the time {source.time!r} is of kind {kind}"
    if source.key:
        keys = loaded.frame.select(*source.key)
        whole = [name for name in source.key if int(_number(keys.select(nw.col(name).null_count().alias("n"))))]
        assert not whole, f"keys are missing in {whole}"
        distinct = _number(keys.unique().select(nw.len().alias("n")))
        assert distinct == rows, f"{rows - distinct} keys come twice"


def _compare(first: tuple[str, Loaded, list[str]], again: tuple[str, Loaded, list[str]]) -> None:
    how = f"{first[0]} and {again[0]}" if first[0] != again[0] else f"{first[0]} twice"
    assert list(first[1].schema.types.items()) == list(again[1].schema.types.items()), f"read by {how}: other columns"
    differing = [(one, other) for one, other in zip(first[2], again[2], strict=False) if one != other]
    assert first[2] == again[2], f"read by {how}: other rows, such as {differing[:1]}"
    bad = [sorted((r.file, r.line, r.offset, r.raw, r.rule) for r in part[1].rejected) for part in (first, again)]
    assert bad[0] == bad[1], f"read by {how}: other rejected records"


def _plain(value: object) -> object:
    if isinstance(value, float):
        return "missing" if np.isnan(value) else float(f"{value:.15g}")
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return "missing" if value is None else value


def _number(frame: nw.LazyFrame) -> int:
    return int(frame.collect(backend="polars")["n"][0])
