"""Lines told by a pattern and lines looked at one by one: the same are good, the same are bad, with the same values."""

import json
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tutelage.data.checks import Checker
from tutelage.data.contract import Field, Schema
from tutelage.data.engines import DuckDBEngine, Kind, PolarsEngine
from tutelage.data.sources import JsonLines
from tutelage.data.sources.files import Sorting
from tutelage.data.sources.jsonl import LinesOfJson

KINDS: dict[str, Kind] = {
    "id": "integer",
    "x": "number",
    "at": "time",
    "word": "text",
    "yes": "boolean",
    "in.side": "integer",
    "list": "integers",
}
SCHEMA = Schema({name: Field(kind) for name, kind in KINDS.items()})
GOOD = '{"id":1,"x":2.5,"at":"2025-01-31T10:00:00","word":"a","yes":true,"in":{"side":3},"list":[1,null]}'
VALUES = [
    ("id", ["0", "-7", "007", "1.0", "1e3", "null", "9223372036854775807", "9223372036854775808", "true", '"1"', "-"]),
    (
        "x",
        [
            "0",
            "-0.0",
            "1e5",
            "1E-300",
            "1e400",
            "NaN",
            "-Infinity",
            ".5",
            "1.",
            "null",
            '"2.5"',
            "12345678901234567890",
        ],
    ),
    ("at", ['"2025-02-29"', '"2024-02-29T00:00"', '"2025-06-31T00:00:00"', '"2025-01-01T24:00:00"', '"yesterday"']),
    ("at", ['"2025-01-01T00:00:00+02:00"', '"2025-01-01 00:00:00.5Z"', '"0000-01-01"', '"2025-01-01T00:00:00-0530"']),
    (
        "word",
        ['"ä 😀"', '"a\\"b\\\\"', '"\\u0041"', '"\\ud800"', '"\\u0000"', '"\t"', '"\\x"', "1", "null", '"�"', '"{}"'],
    ),
    ("yes", ["false", "null", "1", '"true"', "TRUE"]),
    ("in", ['{"side":4}', "null", "5", "{}", '{"other":1}', '{"side":"4"}']),
    ("list", ["[]", "[1, 2]", "null", "1", "[1.5]", '["1"]', "[[1]]", "[1,]"]),
]
LINES = [(name, text) for name, texts in VALUES for text in texts]
WHOLE = [
    "",
    "   ",
    "null",
    "[1]",
    "{}",
    GOOD + GOOD,
    GOOD[:-9],
    GOOD + ",",
    " " + GOOD + " \t",
    GOOD + "\r",
    GOOD.replace(":", ": ").replace(",", ", "),
    GOOD.replace('"id":1,', ""),
    GOOD.replace('"id":1', '"id":1,"id":2'),
    GOOD.replace('"id":1', '"id":1,"more":{"a":[1,"b"]}'),
    GOOD.replace('"id":1', '"id":1\x01'),
    "502 Bad Gateway",
]


def changed(name: str, value: str) -> str:
    """The good line with another value."""
    begin = GOOD.index(f'"{name}":') + len(name) + 3
    record = json.loads(GOOD)
    end = begin + len(json.dumps(record[name], separators=(",", ":")))
    return GOOD[:begin] + value + GOOD[end:]


ALL = (
    [changed(name, text).encode() for name, text in LINES]
    + [line.encode() for line in WHOLE]
    + [GOOD.replace('"a"', '"\udcff\udcfe"').encode("utf-8", "surrogateescape"), b"\xff", GOOD.encode()]
)


def sorted_out(path: Path, clean: Path, thorough: bool):
    """Good lines as they are read back, bad ones with all that is kept of them."""
    sorting = Sorting("s", "shown", path, 1.0)
    form = LinesOfJson({}, 1.0)
    assert form.sort(path, clean, Checker(SCHEMA, datetime(2026, 1, 1)), sorting, thorough=thorough)
    source = clean if clean.exists() else path
    frames = [
        engine.collect(form.fast(engine, source, SCHEMA, checked=True, closed=False))
        for engine in (PolarsEngine(), DuckDBEngine())
    ]
    return (
        [{k: str(v.tolist()) for k, v in f.items()} for f in frames],
        sorting.rejected,
        sorting.read,
        sorting.passed_over,
    )


def compare(lines: list[bytes], folder: Path, begin: bytes = b"", end: bytes = b"\n"):
    path = folder / "lines.jsonl"
    path.write_bytes(begin + b"\n".join(lines) + end)
    for clean in ("quick", "slow"):
        (folder / clean).unlink(missing_ok=True)
    quick = sorted_out(path, folder / "quick", thorough=False)
    slow = sorted_out(path, folder / "slow", thorough=True)
    assert quick == slow
    assert quick[0][0] == quick[0][1]
    content = path.read_bytes()
    for record in quick[1]:
        assert content[record.offset :].split(b"\n")[0] == record.raw_bytes
    return quick


@pytest.mark.parametrize("line", ALL, ids=lambda line: ascii(line)[:60])
def test_one_strange_line_among_good_ones(line, tmp_path):
    compare([GOOD.encode()] * 3 + [line] + [GOOD.encode()] * 2, tmp_path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from([*ALL, *[GOOD.encode()] * 20]), min_size=1, max_size=25),
    st.sampled_from([b"", b"\xef\xbb\xbf"]),
    st.sampled_from([b"", b"\n", b"\n\n"]),
)
def test_any_mixture_of_lines(tmp_path, lines, begin, end):
    compare([GOOD.encode(), *lines], tmp_path, begin, end)


def test_good_files_are_not_copied(tmp_path):
    (tmp_path / "a.jsonl").write_text((GOOD + "\n") * 10)
    sorted_out(tmp_path / "a.jsonl", tmp_path / "clean", thorough=False)
    assert not (tmp_path / "clean").exists()


def test_lines_before_the_first_bad_one_are_copied_too(tmp_path, monkeypatch):
    monkeypatch.setattr("tutelage.data.sources.jsonl._BLOCK", 1000)
    found = compare([GOOD.replace('"id":1', f'"id":{n}').encode() for n in range(300)] + [b"{"], tmp_path)
    assert found[0][0]["id"] == str(list(range(300)))
    assert [(record.line, record.rule) for record in found[1]] == [(301, "is no JSON: unexpected end of data")]


def test_names_that_the_schema_does_not_have_are_counted(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"id":1,"a b":"x"}\n{"id":2,"a b":null,"c":1}\n{"id":3}\n{"id":"no"}\n' * 50)
    schema = Schema({"id": Field("integer")})
    for engine in (PolarsEngine(), DuckDBEngine()):
        loaded = JsonLines("s", path, schema=schema, most=0.5).read(engine)
        assert (loaded.counts.kept, loaded.counts.rejected) == (150, 50)
        assert [remark.split(" records")[0] for remark in loaded.remarks] == ["'a b' came in 100", "'c' came in 50"]


def test_rules_of_the_schema_hold_behind_the_pattern(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("".join(f'{{"id":{n % 90},"x":{n}}}\n' for n in range(100)))
    schema = Schema({"id": Field("integer"), "x": Field("number", high=95)})
    for engine in (PolarsEngine(), DuckDBEngine()):
        loaded = JsonLines("s", path, key=("id",), schema=schema, most=0.5).read(engine)
        assert loaded.counts.rules == {
            "column 'x' must not be greater than 95": 4,
            "column 'id' must not come twice": 6,
        }
