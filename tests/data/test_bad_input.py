"""Everything that goes wrong with data: a clear error or a quarantine that has the record exactly, never silence."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import polars
import pytest

from data.shop import ENGINES, FORMATS, ROWS
from tutelage.core import InputError
from tutelage.data.contract import Field, Schema
from tutelage.data.engines import Engine, Kind
from tutelage.data.quarantine import Rejected, TooManyRejectedError
from tutelage.data.sources import Csv, DuckDBFile, Json, JsonLines, Parquet, Source, SQLite, Xml

NOW = datetime(2025, 6, 1, 12, 0, 0)

HOT = {"station": Field("text"), "temp": Field("number", low=-50, high=60, unit="°C"), "at": Field("time", ahead=300)}


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    return ENGINES[request.param]()


def check_place(path: Path, record: Rejected) -> None:
    """The record stands in the file at its line and offset, byte for byte."""
    content = path.read_bytes()
    raw = record.raw_bytes
    assert content[record.offset : record.offset + len(raw)] == raw
    assert content[: record.offset].count(b"\n") == record.line - 1
    assert record.offset == 0 or content[record.offset - 1 : record.offset] in (b"\n", b">", b" ")


def write(path: Path, lines: list[Any]) -> Path:
    """Lines of JSON; bytes are written as they are."""
    path.write_bytes(b"".join((x if isinstance(x, bytes) else json.dumps(x).encode()) + b"\n" for x in lines))
    return path


def cut(path: Path, share: float) -> None:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])


def test_a_truncated_file_of_lines_loses_its_last_line_only(tmp_path: Path, engine: Engine) -> None:
    for form in ("csv", "jsonl"):
        source: Any = FORMATS[form](tmp_path)
        content = source.files.read_bytes()
        last = content.rstrip(b"\n").rfind(b"\n{" if form == "jsonl" else b"\n60,") + 1
        source.files.write_bytes(content[: last + 12])
        loaded = replace(source, most=0.02).read(engine)
        assert loaded.counts.kept == len(ROWS) - 1
        (record,) = loaded.rejected
        assert record.raw_bytes == content[last : last + 12]
        check_place(source.files, record)


@pytest.mark.parametrize("form", ["json", "xml"])
def test_a_truncated_document_says_what_is_lost(tmp_path: Path, engine: Engine, form: str) -> None:
    source: Any = FORMATS[form](tmp_path)
    cut(source.files, 0.9)
    with pytest.raises(InputError, match=rf"shop\.{form}.* is broken .*5\d records stand before it.*damaged='keep'"):
        source.read(engine)
    loaded = replace(source, damaged="keep").read(engine)
    assert 50 <= loaded.counts.kept < len(ROWS)
    record = loaded.rejected[-1]
    assert record.line > 0
    assert " of the file from here on are lost" in record.rule
    assert source.files.read_bytes()[record.offset :].startswith(record.raw_bytes)
    assert loaded.counts.rejected == 1


@pytest.mark.parametrize("form", ["parquet", "sqlite", "duckdb"])
def test_a_truncated_table_is_refused(tmp_path: Path, engine: Engine, form: str) -> None:
    source: Any = FORMATS[form](tmp_path)
    path = source.files if form == "parquet" else source.path
    cut(path, 0.5)
    with pytest.raises(InputError, match=rf"source 'shop': .*shop\.{form}"):
        source.read(engine)


def test_wrong_encoding(tmp_path: Path, engine: Engine) -> None:
    text = "id,name\n" + "".join(f"{i},Müller {i}\n" if i % 4 == 0 else f"{i},Meyer\n" for i in range(400))
    path = tmp_path / "names.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(TooManyRejectedError, match=r"100 of 400 .*is not written in UTF-8: give encoding='latin-1'"):
        Csv("names", path).read(engine)
    loaded = Csv("names", path, encoding="latin-1").read(engine)
    assert engine.collect(loaded.frame)["name"][4] == "Müller 4"
    path.write_bytes(text.encode("utf-16"))
    with pytest.raises(InputError, match=r"names\.csv is written in UTF-16"):
        Csv("names", path).read(engine)
    assert Csv("names", path, encoding="utf-16").read(engine).counts.kept == 400
    with pytest.raises(InputError, match="encoding 'klingon' is not known"):
        Csv("names", path, encoding="klingon").read(engine)
    with pytest.raises(InputError, match=r"names\.csv is not written in ascii|is written in UTF-16"):
        Csv("names", path, encoding="ascii").read(engine)


def test_lines_in_another_encoding_are_kept_byte_for_byte(tmp_path: Path, engine: Engine) -> None:
    rows = b"".join(b'{"a": %d, "b": "x"}\n' % i for i in range(300))
    for name, bad in {"a.jsonl": b'{"a": 7, "b": "M\xfcller"}\n', "a.csv": b"7,M\xfcller\n"}.items():
        path = tmp_path / name
        good = rows if name == "a.jsonl" else b"a,b\n" + b"".join(b"%d,x\n" % i for i in range(300))
        path.write_bytes(good + bad)
        source = JsonLines("s", path) if name == "a.jsonl" else Csv("s", path)
        (record,) = source.read(engine).rejected
        assert record.rule == "is no UTF-8"
        assert record.raw_bytes + b"\n" == bad
        check_place(path, record)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_column_that_changes_type_at_row_900_000(tmp_path: Path, engine: Engine, form: str) -> None:
    path = tmp_path / f"long.{form}"
    with open(path, "w") as file:
        file.write("n,code\n" if form == "csv" else "")
        for i in range(1_000_000):
            code = f"A{i}" if i >= 900_000 else str(i)
            quoted = f'"{code}"' if i >= 900_000 else code
            file.write(f"{i},{code}\n" if form == "csv" else f'{{"n":{i},"code":{quoted}}}\n')
    source: Any = Csv("long", path) if form == "csv" else JsonLines("long", path)
    line = 900_002 if form == "csv" else 900_001
    message = rf"column 'code' is of kind integer and holds text.*The type changes at .*long\.{form}, line {line}"
    with pytest.raises(TooManyRejectedError, match=message):
        source.read(engine)
    loaded = replace(source, most=0.1).read(engine)
    assert (loaded.counts.kept, loaded.counts.rejected) == (900_000, 100_000)
    assert loaded.rejected[0].line == line
    check_place(path, loaded.rejected[0])
    check_place(path, loaded.rejected[-1])


def test_duplicate_keys_keep_the_first(tmp_path: Path, engine: Engine) -> None:
    rows = [{"k": i % 97, "g": i % 2, "x": i} for i in range(100)]
    path = write(tmp_path / "a.jsonl", rows)
    source = JsonLines("s", path, key=("k",), most=0.05)
    loaded = source.read(engine)
    assert [record.rule for record in loaded.rejected] == ["column 'k' must not come twice"] * 3
    assert [record.line for record in loaded.rejected] == [98, 99, 100]
    assert engine.collect(loaded.frame.sort("k"))["x"].tolist() == list(range(97))
    both = replace(source, key=("k", "g")).read(engine)
    assert both.counts.rejected == 0
    with pytest.raises(InputError, match=r"no columns \['number'\], its key or time"):
        replace(source, key=("number",)).read(engine)


def test_duplicate_keys_over_files(tmp_path: Path, engine: Engine) -> None:
    for part in range(3):
        write(tmp_path / f"part-{part}.jsonl", [{"k": i, "part": part} for i in range(100)])
    write(tmp_path / "part-3.jsonl", [{"k": i, "part": 3} for i in (5, 1000, 1001)])
    source = JsonLines("s", [tmp_path / "part-0.jsonl", tmp_path / "part-3.jsonl"], key=("k",))
    loaded = source.read(engine)
    assert loaded.counts.kept == 102
    assert [(Path(r.file).name, r.line) for r in loaded.rejected] == [("part-3.jsonl", 1)]
    with pytest.raises(TooManyRejectedError, match="201 of 303 records are bad"):
        JsonLines("s", tmp_path / "part-*.jsonl", key=("k",)).read(engine)


LAUGHS = """<?xml version="1.0"?>
<!DOCTYPE lolz [
  <!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">
  <!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;"><!ENTITY e "&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;">
  <!ENTITY f "&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;"><!ENTITY g "&f;&f;&f;&f;&f;&f;&f;&f;&f;&f;">
]>
<shop><ware><id>1</id><title>&g;</title></ware></shop>"""

OUTSIDE = """<!DOCTYPE shop [<!ENTITY secret SYSTEM "file:///etc/hostname">]>
<shop><ware><id>1</id><title>&secret;</title></ware></shop>"""


@pytest.mark.parametrize("bomb", [LAUGHS, OUTSIDE, "<!DOCTYPE shop SYSTEM 'http://localhost/x.dtd'><shop/>"])
def test_an_xml_bomb_is_refused(tmp_path: Path, engine: Engine, bomb: str) -> None:
    path = tmp_path / "bomb.xml"
    path.write_text(bomb)
    with pytest.raises(InputError, match=r"bomb\.xml, line [12], has a document type"):
        Xml("bomb", path, "ware", damaged="keep").read(engine)


def test_an_entity_that_nobody_defined(tmp_path: Path, engine: Engine) -> None:
    path = tmp_path / "entity.xml"
    path.write_text("<shop><ware><id>1</id></ware><ware><id>&x;</id></ware></shop>")
    with pytest.raises(InputError, match=r"entity\.xml, line 1, is broken XML \(undefined entity\)"):
        Xml("bomb", path, "ware").read(engine)


BAD_LINES: dict[str, bytes] = {
    "no JSON": b"hello",
    "cut": b'{"a": 1, "b": "x',
    "two on a line": b'{"a": 1}{"a": 2}',
    "no object": b"[1, 2]",
    "null": b"null",
    "a number": b"17",
    "NaN": b'{"a": 1, "c": NaN}',
    "half a character": b'{"a": 1, "b": "\\ud800"}',
    "text for a number": b'{"a": "7", "b": "x"}',
    "fraction for an integer": b'{"a": 1.5, "b": "x"}',
    "whole fraction for an integer": b'{"a": 1.0, "b": "x"}',
    "too large": b'{"a": 99999999999999999999, "b": "x"}',
    "truth for a number": b'{"a": true, "b": "x"}',
    "number for text": b'{"a": 1, "b": 5}',
    "object for text": b'{"a": 1, "b": {"c": 1}}',
    "text for a truth": b'{"a": 1, "d": "true"}',
    "no time": b'{"a": 1, "t": "yesterday"}',
    "day 31 of February": b'{"a": 1, "t": "2025-02-31T00:00:00"}',
    "time with one digit": b'{"a": 1, "t": "2025-2-3T00:00:00"}',
    "plain value for an object": b'{"a": 1, "u": 5}',
    "text for a nested number": b'{"a": 1, "u": {"v": "x"}}',
    "list for a number": b'{"a": [1]}',
    "text in a list": b'{"a": 1, "l": [1, "x"]}',
    "number for a list": b'{"a": 1, "l": 1}',
}
GOOD = {"a": 1, "b": "x", "c": 0.5, "d": True, "t": "2025-01-01T00:00:00", "u": {"v": 2}, "l": [1, 2]}
CSV_KINDS: dict[str, Kind] = {"a": "integer", "b": "text", "c": "number", "d": "boolean", "t": "time"}
JSON_KINDS: dict[str, Kind] = {**CSV_KINDS, "u.v": "integer", "l": "integers"}


@pytest.mark.parametrize("what", BAD_LINES)
def test_a_bad_json_line(tmp_path: Path, engine: Engine, what: str) -> None:
    path = write(tmp_path / "a.jsonl", [GOOD] * 120 + [BAD_LINES[what]] + [GOOD] * 80)
    loaded = JsonLines("s", path, schema=Schema({name: Field(kind) for name, kind in JSON_KINDS.items()})).read(engine)
    (record,) = loaded.rejected
    assert record.line == 121
    assert record.raw_bytes == BAD_LINES[what]
    check_place(path, record)
    assert loaded.counts.kept == 200
    assert engine.collect(loaded.frame)["u.v"].tolist() == [2] * 200


BAD_CSV: dict[str, bytes] = {
    "too few fields": b"1,x",
    "too many fields": b"1,x,0.5,true,2025-01-01,9",
    "text for an integer": b"q,x,0.5,true,2025-01-01",
    "fraction for an integer": b"1.5,x,0.5,true,2025-01-01",
    "whole fraction": b"1.0,x,0.5,true,2025-01-01",
    "exponent": b"1.5e0,x,0.5,true,2025-01-01",
    "underscore": b"1_000,x,0.5,true,2025-01-01",
    "too large": b"99999999999999999999,x,0.5,true,2025-01-01",
    "comma for a point": b'1,x,"0,5",true,2025-01-01',
    "number for a truth": b"1,x,0.5,1,2025-01-01",
    "letter for a truth": b"1,x,0.5,t,2025-01-01",
    "no such day": b"1,x,0.5,true,2025-02-31",
    "time with one digit": b"1,x,0.5,true,2025-2-3",
    "quote not closed": b'1,"x,0.5,true,2025-01-01',
    "text after a quote": b'1,"x"y,0.5,true,2025-01-01',
    "no UTF-8": b"1,\xff,0.5,true,2025-01-01",
}


@pytest.mark.parametrize("what", BAD_CSV)
def test_a_bad_csv_line(tmp_path: Path, engine: Engine, what: str) -> None:
    path = tmp_path / "a.csv"
    good = b'1,"x, ""y""",0.5,true,2025-01-01\n'
    path.write_bytes(b"a,b,c,d,t\n" + good * 120 + BAD_CSV[what] + b"\n" + good * 80)
    loaded = Csv("s", path, schema=Schema({name: Field(kind) for name, kind in CSV_KINDS.items()})).read(engine)
    (record,) = loaded.rejected
    assert record.line == 122
    assert record.raw_bytes == BAD_CSV[what]
    check_place(path, record)
    assert loaded.counts.kept == 200
    assert engine.collect(loaded.frame)["b"].tolist() == ['x, "y"'] * 200


def test_csv_columns_have_each_a_name_of_their_own(tmp_path: Path, engine: Engine) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b,a\n1,2,3\n")
    with pytest.raises(InputError, match=r"a\.csv names columns \['a'\] more than once"):
        Csv("s", path).read(engine)
    path.write_text("a,,b\n1,2,3\n")
    assert list(Csv("s", path).read(engine).schema.fields) == ["a", "column_2", "b"]
    (tmp_path / "b.csv").write_text("a,c\n1,2\n")
    path.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"b\.csv lacks the columns \['b'\]; it has \['a', 'c'\]"):
        Csv("s", [path, tmp_path / "b.csv"]).read(engine)


def test_a_locked_database(tmp_path: Path, engine: Engine) -> None:
    source: Any = FORMATS["sqlite"](tmp_path)
    with closing(sqlite3.connect(source.path)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(InputError, match=r"shop\.sqlite is locked by another program, for 0\.1 s already"):
            replace(source, timeout=0.1).read(engine)
        other.rollback()
    assert source.read(engine).counts.kept == len(ROWS)


def test_a_duckdb_file_in_use(tmp_path: Path, engine: Engine) -> None:
    source: Any = FORMATS["duckdb"](tmp_path)
    with duckdb.connect(str(source.path)), pytest.raises(InputError, match=r"shop\.duckdb is in use"):
        source.read(engine)
    assert source.read(engine).counts.kept == len(ROWS)


@pytest.mark.parametrize("form", ["sqlite", "duckdb"])
def test_a_database_that_goes_away(tmp_path: Path, engine: Engine, form: str) -> None:
    source: Any = FORMATS[form](tmp_path)
    with pytest.raises(InputError, match=r"source 'shop': .*: absent: .*absent"):
        replace(source, select="absent").read(engine)
    source.path.unlink()
    with pytest.raises(InputError, match=rf"there is no database .*shop\.{form}"):
        source.read(engine)
    assert not source.path.exists()  # reading did not make an empty one
    source.path.write_bytes(b"no database at all, but long enough to be looked at" * 100)
    with pytest.raises(InputError, match=rf"shop\.{form} is no (SQLite|DuckDB) file, or damaged"):
        source.read(engine)


EMPTY: dict[str, tuple[str, Any]] = {
    "csv": ("", Csv),
    "header.csv": ("a,b\n", Csv),
    "jsonl": ("", JsonLines),
    "blank.jsonl": ("\n\n \n", JsonLines),
    "json": ("[]", Json),
    "nothing.json": ("", Json),
    "xml": ("<shop></shop>", Xml),
}


@pytest.mark.parametrize("name", EMPTY)
def test_an_empty_file(tmp_path: Path, engine: Engine, name: str) -> None:
    content, kind = EMPTY[name]
    path = tmp_path / f"empty.{name}"
    path.write_text(content)
    source: Source = kind("none", path, "ware") if kind is Xml else kind("none", path)
    with pytest.raises(InputError, match=r"source 'none' is empty"):
        source.read(engine)


def test_an_empty_table(tmp_path: Path, engine: Engine) -> None:
    with closing(sqlite3.connect(tmp_path / "a.sqlite")) as connection:
        connection.execute("CREATE TABLE t (a INTEGER)")
    polars.DataFrame({"a": []}, schema={"a": polars.Int64}).write_parquet(tmp_path / "a.parquet")
    with duckdb.connect(str(tmp_path / "a.duckdb")) as base:
        base.execute("CREATE TABLE t (a INTEGER)")
    sources = [
        SQLite("none", tmp_path / "a.sqlite", "t"),
        Parquet("none", tmp_path / "a.parquet"),
        DuckDBFile("none", tmp_path / "a.duckdb", "t"),
    ]
    for source in sources:
        with pytest.raises(InputError, match=r"source 'none' is empty"):
            source.read(engine)


def test_an_empty_file_among_others_is_told(tmp_path: Path, engine: Engine) -> None:
    write(tmp_path / "a-1.jsonl", [GOOD])
    (tmp_path / "a-2.jsonl").touch()
    loaded = JsonLines("s", tmp_path / "a-*.jsonl").read(engine)
    assert loaded.counts.kept == 1
    assert any("a-2.jsonl is empty" in remark for remark in loaded.remarks)


def test_there_is_no_file(tmp_path: Path, engine: Engine) -> None:
    with pytest.raises(InputError, match=r"source 's': there is no file .*absent\.csv"):
        Csv("s", tmp_path / "absent.csv").read(engine)
    with pytest.raises(InputError, match=r"there is no file .*\*\.xml"):
        Xml("s", tmp_path / "*.xml", "ware").read(engine)


def readings(folder: Path, rows: list[dict[str, Any]]) -> list[Source]:
    """The same readings as lines of JSON and as Parquet."""
    path = write(folder / "readings.jsonl", rows)
    frame = polars.DataFrame(rows).with_columns(polars.col("at").str.to_datetime(time_unit="us"))
    frame.write_parquet(folder / "readings.parquet")
    schema = Schema(HOT)
    return [JsonLines("s", path, schema=schema), Parquet("s", folder / "readings.parquet", schema=schema)]


def test_clock_skew(tmp_path: Path, engine: Engine) -> None:
    rows = [{"station": "a", "temp": 20.0, "at": "2025-06-01T12:04:00"} for _ in range(200)]
    rows[50]["at"] = "2025-06-01T12:06:00"
    for source in readings(tmp_path, rows):
        loaded = source.read(engine, now=NOW)
        (record,) = loaded.rejected
        assert record.rule == "column 'at' must not lie more than 300 s in the future (a clock is wrong)"
        assert json.loads(record.raw)["at"] == "2025-06-01T12:06:00"
        assert source.read(engine, now=datetime(2025, 6, 2)).counts.rejected == 0
        with pytest.raises(TooManyRejectedError, match="200 of 200"):
            source.read(engine, now=datetime(2025, 1, 1))


def test_fahrenheit_where_celsius_is_declared(tmp_path: Path, engine: Engine) -> None:
    rows = [{"station": "a", "temp": -20.0 + i % 60, "at": "2025-01-01T00:00:00"} for i in range(300)]
    for source in readings(tmp_path, rows):
        assert source.read(engine, now=NOW).counts.rejected == 0
    warm = [row | {"temp": float(row["temp"]) * 1.8 + 32} for row in rows]
    for source in readings(tmp_path, warm):
        with pytest.raises(TooManyRejectedError, match=r"column 'temp' .* in range if they were °F and not °C"):
            source.read(engine, now=NOW)
    wild = [row | {"temp": 500.0 + i} for i, row in enumerate(rows)]
    for source in readings(tmp_path, wild):
        with pytest.raises(TooManyRejectedError, match="must not be greater than 60 °C") as caught:
            source.read(engine, now=NOW)
        assert "in range if they were" not in str(caught.value)


@pytest.mark.parametrize("late", [True, False])
def test_whole_numbers_that_r_wrote_with_an_exponent(engine: Engine, tmp_path: Path, late: bool) -> None:
    ids = [f"{number}" for number in range(3000)]
    ids[2500 if late else 3] = "9e+05"
    ids[2600] = "4.0128e+10"
    (tmp_path / "a.csv").write_text("id,price\n" + "".join(f"{one},2.5\n" for one in ids))
    loaded = Csv("a", tmp_path / "a.csv").read(engine)
    found = engine.collect(loaded.frame)["id"]
    assert found.dtype == "int64"
    assert {900_000, 40_128_000_000} < set(found.tolist())
    assert not list(loaded.rejected)
