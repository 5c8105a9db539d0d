"""Every source of the house keeps the contract on every engine, and the contract notices sources that do not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import narwhals.stable.v2 as nw
import pytest

from data.shop import ENGINES, FORMATS, ROWS, typed
from tutelage.data.engines import Engine, SparkEngine, local_spark
from tutelage.data.sources import Folder, Source
from tutelage.testing.source import check_source, table_rows

SPOILT = {
    "a type": {"id": 9000, "price": "cheap"},
    "a time": {"id": 9001, "at": "the day after tomorrow"},
    "a key twice": {"id": ROWS[3]["id"]},
    "no key": {"id": None},
}


def _engines() -> list[Engine]:
    return [make() for make in ENGINES.values()]


def _dirty() -> list[dict[str, Any]]:
    """The rows, some of them again with something wrong."""
    return ROWS + [ROWS[5] | change for change in SPOILT.values()]


@pytest.mark.parametrize("form", FORMATS)
def test_source(tmp_path: Path, form: str) -> None:
    (tmp_path / "other").mkdir()
    check_source(FORMATS[form](tmp_path), _engines(), changed=FORMATS[form](tmp_path / "other", ROWS[:-1]))


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("engine", ENGINES)
def test_every_format_gives_the_same_table_on_every_engine(tmp_path: Path, form: str, engine: str) -> None:
    used = ENGINES[engine]()
    loaded = FORMATS[form](tmp_path).read(used)
    expected = typed()
    if form == "sqlite":  # it has no truth values
        expected = expected.with_columns(expected["sold"].cast(int))
    assert table_rows(used.collect(loaded.frame)) == table_rows(used.collect(used.table(expected)))
    assert loaded.counts.read == loaded.counts.kept == len(ROWS)
    assert loaded.counts.rejected == 0
    assert loaded.schema.types | {"sold": "boolean"} == {
        "id": "integer",
        "price": "number",
        "title": "text",
        "sold": "boolean",
        "at": "time",
    }


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl", "json", "xml", "sqlite"])
def test_a_dirty_source_keeps_the_contract(tmp_path: Path, form: str) -> None:
    source = _lenient(form, tmp_path)
    check_source(source, _engines())
    loaded = source.read(ENGINES["polars"]())
    assert loaded.counts.kept == len(ROWS)
    assert loaded.counts.rejected == len(SPOILT)


def _lenient(form: str, folder: Path) -> Any:
    source: Any = FORMATS[form](folder, _text(form, _dirty()))
    return replace(source, most=0.2)


def _text(form: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A frame has one type per column: for formats that are written from one, everything as text."""
    if form not in ("csv", "tsv"):
        return rows
    return [{n: v if n == "sold" else None if v is None else str(v) for n, v in row.items()} for row in rows]


@pytest.fixture(scope="module")
def spark() -> Iterator[Engine]:
    session = local_spark(cores=1, memory="1g")
    yield SparkEngine(session)
    session.stop()


@pytest.mark.slow
@pytest.mark.system("default-jre-headless", "java")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("form", FORMATS)
def test_spark_reads_the_same(tmp_path: Path, spark: Engine, form: str) -> None:
    check_source(FORMATS[form](tmp_path), [ENGINES["polars"](), spark])
    if form not in ("parquet", "duckdb"):
        check_source(_lenient(form, tmp_path), [ENGINES["polars"](), spark])


def test_folder(tmp_path: Path) -> None:
    for place in ("cats/a.txt", "cats/b.txt", "dogs/big/c.txt"):
        path = tmp_path / "texts" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(place)
    check_source(Folder("texts", tmp_path / "texts", "text"), _engines())


@dataclass(frozen=True)
class Broken:
    """A source with one thing wrong."""

    inner: Any
    changed: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        return self.changed[name] if name in self.changed else getattr(self.inner, name)


def _reading(source: Any, change: Callable[[Any], Any]) -> dict[str, Any]:
    return {"read": lambda engine, now=None: change(source.read(engine))}


def _fewer(loaded: Any) -> Any:
    return replace(loaded, frame=loaded.frame.head(5))


def _hidden(loaded: Any) -> Any:
    return replace(loaded, counts=replace(loaded.counts, read=loaded.counts.read + 1))


def _renamed(loaded: Any) -> Any:
    return replace(loaded, frame=loaded.frame.rename({"title": "name"}))


BROKEN: dict[str, tuple[Callable[[Any], dict[str, Any]], str]] = {
    "no name": (lambda s: {"name": ""}, "needs a name"),
    "restless": (lambda s: {"fingerprint": iter(map(str, range(99))).__next__}, "changed by asking"),
    "rows dropped": (lambda s: _reading(s, _fewer), "counts say 60 rows, the frame has 5"),
    "records lost": (lambda s: _reading(s, _hidden), "records are lost"),
    "other columns": (lambda s: _reading(s, _renamed), "the schema says"),
    "no such key": (lambda s: {"key": ("number",)}, "no columns"),
    "key twice": (lambda s: {"key": ("sold",)}, "keys come twice"),
    "time of text": (lambda s: {"time": "title"}, "is of kind text"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_contract_notices(tmp_path: Path, what: str) -> None:
    source = FORMATS["jsonl"](tmp_path)
    change, message = BROKEN[what]
    broken: Any = Broken(source, change(source))
    assert isinstance(broken, Source)
    with pytest.raises(AssertionError, match=message):
        check_source(broken, [ENGINES["polars"]()])


def test_contract_notices_a_fingerprint_that_does_not_follow_the_content(tmp_path: Path) -> None:
    source = FORMATS["jsonl"](tmp_path)
    with pytest.raises(AssertionError, match="changed twin is the same"):
        check_source(source, _engines(), changed=source)


def test_contract_notices_engines_that_disagree(tmp_path: Path) -> None:
    source = FORMATS["csv"](tmp_path)

    def read(engine: Engine, now: Any = None) -> Any:
        loaded = source.read(engine)
        price = nw.col("price") * (2 if engine.name == "duckdb" else 1)
        return replace(loaded, frame=loaded.frame.with_columns(price=price))

    with pytest.raises(AssertionError, match="polars and duckdb: other rows"):
        check_source(Broken(source, {"read": read}), _engines())  # pyright: ignore[reportArgumentType]
