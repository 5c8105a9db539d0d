"""Packed files and columns without a name: as they come out of other programs."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from data.shop import ENGINES
from tutelage.core import InputError
from tutelage.data.engines import Engine
from tutelage.data.sources import Csv, Json, JsonLines, Source, Xml

RECORDS = [{"id": number, "name": f"n{number}", "price": number / 4} for number in range(200)]
TEXTS = {
    "csv": "id,name,price\n" + "".join(f"{r['id']},{r['name']},{r['price']}\n" for r in RECORDS),
    "jsonl": "".join(json.dumps(record) + "\n" for record in RECORDS),
    "json": json.dumps(RECORDS),
}
KINDS: dict[str, Any] = {"csv": Csv, "jsonl": JsonLines, "json": Json}


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    return ENGINES[request.param]()


def rows(source: Source, engine: Engine) -> list[tuple[Any, ...]]:
    columns = engine.collect(source.read(engine).frame.sort("id"))
    return list(zip(*(column.tolist() for column in columns.values()), strict=True))


@pytest.mark.parametrize("form", TEXTS)
def test_a_packed_file_is_the_file(form: str, tmp_path: Path, engine: Engine) -> None:
    plain, packed = tmp_path / f"t.{form}", tmp_path / f"t.{form}.gz"
    plain.write_text(TEXTS[form])
    packed.write_bytes(gzip.compress(TEXTS[form].encode()))
    assert rows(KINDS[form]("t", packed), engine) == rows(KINDS[form]("t", plain), engine)
    assert len(rows(KINDS[form]("t", [packed, plain]), engine)) == 2 * len(RECORDS)


def test_a_packed_table_with_tabs_in_another_encoding(tmp_path: Path, engine: Engine) -> None:
    path = tmp_path / "t.tsv.gz"
    path.write_bytes(gzip.compress("id\tname\n1\tZoë\n".encode("latin-1")))
    assert rows(Csv("t", path, encoding="latin-1"), engine) == [(1, "Zoë")]


def test_bad_records_of_a_packed_file_are_named_by_its_path(tmp_path: Path, engine: Engine) -> None:
    path = tmp_path / "t.jsonl.gz"
    path.write_bytes(gzip.compress((TEXTS["jsonl"] + '{"id": \n').encode()))
    (record,) = JsonLines("t", path).read(engine).rejected
    assert (record.file, record.line, record.raw) == (str(path), len(RECORDS) + 1, '{"id": ')


@pytest.mark.parametrize("form", TEXTS)
def test_a_packed_file_that_breaks_off_is_refused(form: str, tmp_path: Path, engine: Engine) -> None:
    path = tmp_path / f"t.{form}.gz"
    whole = gzip.compress(TEXTS[form].encode())
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"t\.\w+\.gz is packed by gzip and cannot be unpacked .* fetch it again"):
        KINDS[form]("t", path).read(engine)


def test_packed_xml_is_refused_with_the_way_out(tmp_path: Path, engine: Engine) -> None:
    path = tmp_path / "t.xml.gz"
    path.write_bytes(gzip.compress(b"<a><b>1</b></a>"))
    with pytest.raises(InputError, match="packed by gzip: unpack it first"):
        Xml("t", path, "b").read(engine)


def test_columns_without_a_name_are_called_by_their_place(tmp_path: Path, engine: Engine) -> None:
    path = tmp_path / "t.csv"
    path.write_text(",id,,column_3\n0,7,x,y\n1,8,z,w\n")
    columns = engine.collect(Csv("t", path).read(engine).frame.sort("id"))
    assert {name: column.tolist() for name, column in columns.items()} == {
        "column_1": [0, 1],
        "id": [7, 8],
        "column_3_": ["x", "z"],
        "column_3": ["y", "w"],
    }
    path.write_text(",,\n1,2,3\n")
    with pytest.raises(InputError, match="has no names of columns in its first line"):
        Csv("t", path).read(engine)
